//! Tokens: made, listed, revoked, each with its entry in the same commit.

use engine::{Actor, Engine, ErrorKind, LastSuperAdmin, NewToken, NoProgress, Role, VerifyOptions};
use testkit::{Fixture, Rows, check};

fn wanted(name: &str, role: Role, tenant: Option<&str>) -> NewToken {
    NewToken { name: name.to_owned(), role, tenant: tenant.map(str::to_owned), days: None }
}

async fn last_action(engine: &Engine) -> String {
    let size = engine.ledger().tree_size();
    let line = engine.ledger().show(size - 1).await.unwrap().unwrap().line;
    let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
    line["action"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_revoked_token_speaks_for_nobody_also_after_a_restart() {
    for rows in [Rows::Memory, Rows::Sqlite] {
        let fixture = Fixture::new(rows);
        let engine = fixture.create().await;
        let made = engine.create_token(wanted("a", Role::Writer, None), &Actor::system()).await.unwrap();
        let kept = engine.create_token(wanted("b", Role::Writer, None), &Actor::system()).await.unwrap();
        assert_eq!(last_action(&engine).await, "token.created");
        assert!(engine.ledger().authenticate(&made.token).await.unwrap().is_some());

        fixture.clock.advance_days(1);
        let revoked = engine.revoke_token(&made.id, LastSuperAdmin::Keep, &Actor::user("ann")).await.unwrap();
        assert_eq!(revoked.revoked_at, Some(engine.ledger().now()));
        assert_eq!(last_action(&engine).await, "token.revoked");
        assert_eq!(engine.ledger().authenticate(&made.token).await.unwrap(), None);
        let size = engine.ledger().tree_size();
        fixture.clock.advance_days(1);
        let again = engine.revoke_token(&made.id, LastSuperAdmin::Keep, &Actor::system()).await.unwrap();
        assert_eq!((again, engine.ledger().tree_size()), (revoked.clone(), size));
        engine.checkpoint().await.unwrap();
        check(&engine).await;
        engine.shutdown().await.unwrap();

        let engine = fixture.open().await.unwrap();
        assert_eq!(engine.ledger().authenticate(&made.token).await.unwrap(), None);
        assert!(engine.ledger().authenticate(&kept.token).await.unwrap().is_some());
        let listed = engine.ledger().tokens().await.unwrap();
        assert_eq!(listed.iter().filter(|token| token.revoked_at.is_some()).count(), 1);
        assert!(listed.contains(&revoked));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_revoke_one_token_at_once_leave_one_entry() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let made = engine.create_token(wanted("a", Role::Writer, None), &Actor::system()).await.unwrap();
    let size = engine.ledger().tree_size();
    let revoking: Vec<_> = (0..8)
        .map(|_| {
            let (engine, id) = (engine.clone(), made.id.clone());
            tokio::spawn(async move {
                engine.revoke_token(&id, LastSuperAdmin::Keep, &Actor::system()).await.unwrap()
            })
        })
        .collect();
    for revoking in revoking {
        assert!(revoking.await.unwrap().revoked_at.is_some());
    }
    assert_eq!(engine.ledger().tree_size(), size + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_super_admins_who_revoke_each_other_at_once_one_is_left() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let actor = Actor::system();
    let one = engine.create_token(wanted("one", Role::SuperAdmin, None), &actor).await.unwrap();
    let two = engine.create_token(wanted("two", Role::SuperAdmin, None), &actor).await.unwrap();
    let revoke = |id: String| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.revoke_token(&id, LastSuperAdmin::Keep, &Actor::system()).await })
    };
    let (first, second) = (revoke(one.id.clone()), revoke(two.id));
    let outcomes = [first.await.unwrap(), second.await.unwrap()];
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused.iter().map(|error| error.kind()).collect::<Vec<_>>(), [ErrorKind::Refused]);

    let left = engine.ledger().tokens().await.unwrap();
    let left = left.iter().find(|token| token.revoked_at.is_none()).unwrap();
    engine.revoke_token(&left.id, LastSuperAdmin::Revoke, &actor).await.unwrap();
    let absent = engine.revoke_token("tok_0", LastSuperAdmin::Revoke, &actor).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_is_undone_in_the_rows_is_found() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let made = engine.create_token(wanted("a", Role::Writer, None), &Actor::system()).await.unwrap();
    engine.revoke_token(&made.id, LastSuperAdmin::Keep, &Actor::system()).await.unwrap();
    engine.checkpoint().await.unwrap();
    let size = engine.ledger().tree_size();
    let rows = rusqlite::Connection::open(fixture.database()).unwrap();
    let undone = "UPDATE token SET body = json_remove(body, '$.revoked_at')";
    assert_eq!(rows.execute(undone, []).unwrap(), 1);
    assert!(engine.ledger().authenticate(&made.token).await.unwrap().is_some(), "until it is verified");
    let report = engine.ledger().verify(&VerifyOptions { full: false }, &NoProgress).await.unwrap();
    let found: Vec<_> = report.problems.iter().map(|finding| (finding.reason.clone(), finding.seq)).collect();
    assert_eq!(found, [("state-mismatch".to_owned(), Some(size - 1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lives_at_most_36500_days() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let create = |days| {
        let engine = engine.clone();
        async move {
            let new = NewToken { days: Some(days), ..wanted("a", Role::Writer, None) };
            engine.create_token(new, &Actor::system()).await
        }
    };
    for days in [0, 36_501, u32::MAX] {
        let error = create(days).await.unwrap_err();
        assert_eq!((error.kind(), error.violations()[0].member.as_str()), (ErrorKind::Invalid, "days"));
    }
    let longest = create(36_500).await.unwrap();
    let expires_at = longest.expires_at.unwrap();
    fixture.clock.advance_days(36_499);
    assert!(engine.ledger().authenticate(&longest.token).await.unwrap().is_some());
    fixture.clock.advance_days(1);
    assert_eq!(engine.ledger().now(), expires_at);
    assert_eq!(engine.ledger().authenticate(&longest.token).await.unwrap(), None);
}

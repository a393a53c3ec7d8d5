//! Frozen: nothing is archived or pruned, whatever else is said.

use engine::{Actor, ArchiveRun, ErrorKind, RunResult};
use testkit::{Fixture, Rows, check};

use crate::support::{HOUR_MICROS, Interrupting, actions, append, by_window, hot, run};

#[tokio::test(flavor = "multi_thread")]
async fn d6_frozen_nothing_is_archived_or_pruned_whatever_is_asked() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a", "b"]).await;
    fixture.clock.advance_days(100);
    let frozen = engine.freeze("  matter 12  ", &Actor::user("ann")).await.unwrap();
    assert_eq!((frozen.reason.as_str(), frozen.by.as_str()), ("matter 12", "ann"));
    let size = engine.ledger().tree_size();
    for asked in [
        by_window(90),
        ArchiveRun { forced: false, ..by_window(1) },
        ArchiveRun { dry_run: true, ..by_window(90) },
    ] {
        let error = run(&engine, &asked).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("by ann since 2026-06-09T00:00:00"), "{error}");
        assert!(error.to_string().contains("matter 12"), "{error}");
    }
    assert_eq!((hot(&engine).await, engine.ledger().tree_size()), (vec!["a".into(), "b".into()], size));
    // It holds for the process that comes after, too.
    engine.shutdown().await.unwrap();
    let engine = fixture.open().await.unwrap();
    assert_eq!(engine.ledger().frozen().await.unwrap(), Some(frozen));
    assert_eq!(run(&engine, &by_window(90)).await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(std::fs::read_dir(fixture.archive_directory()).unwrap().count(), 0);
    engine.thaw("matter 12 is settled", &Actor::user("bob")).await.unwrap();
    run(&engine, &by_window(90)).await.unwrap();
    assert_eq!(hot(&engine).await, Vec::<String>::new());
    assert_eq!(actions(&engine).await, ["retention.frozen", "retention.thawed"]);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_freezing_twice_and_thawing_twice_are_conflicts_that_say_why() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    assert_eq!(engine.thaw("no", &Actor::system()).await.unwrap_err().kind(), ErrorKind::Conflict);
    let (ann, bob) = (Actor::user("ann"), Actor::user("bob"));
    let both = tokio::join!(engine.freeze("first", &ann), engine.freeze("second", &bob));
    let (won, lost) = match both {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        other => panic!("one of two wins: {other:?}"),
    };
    assert_eq!(lost.kind(), ErrorKind::Conflict);
    for said in [&won.by, &won.reason, &won.since.to_string()] {
        assert!(lost.to_string().contains(said.as_str()), "{lost}");
    }
    assert_eq!(engine.thaw("done", &ann).await.unwrap(), won);
    assert_eq!(engine.thaw("done", &ann).await.unwrap_err().kind(), ErrorKind::Conflict);
    for reason in ["", "  ", "two\nlines", &"x".repeat(1_025)] {
        let error = engine.freeze(reason, &ann).await.unwrap_err();
        assert_eq!((error.kind(), error.violations()[0].member.as_str()), (ErrorKind::Invalid, "reason"));
    }
    assert_eq!(engine.ledger().frozen().await.unwrap(), None);
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_pruning_stops_when_it_is_frozen_in_the_middle() {
    let mut fixture = Fixture::new(Rows::Sqlite);
    fixture.policy.transaction_entries = 2;
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a", "b", "c", "d", "e"]).await;
    fixture.clock.advance_days(100);
    let freezing = engine.clone();
    let freeze = Interrupting::at("pruning", async || {
        freezing.freeze("stop", &Actor::user("bob")).await.unwrap();
    });
    let error = engine.archive_run(&by_window(90), &Actor::system(), &freeze).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    // The first transaction had the ledger's own entry and the first event.
    assert_eq!(hot(&engine).await, ["b", "c", "d", "e"]);
    let last = engine.ledger().last_archive_run().await.unwrap().unwrap();
    assert_eq!((last.result, last.report.archived, last.report.pruned), (RunResult::Frozen, 6, 2));
    check(&engine).await;
    engine.thaw("go on", &Actor::user("bob")).await.unwrap();
    run(&engine, &by_window(90)).await.unwrap();
    assert_eq!(hot(&engine).await, Vec::<String>::new());
    assert_eq!(engine.ledger().batches().await.unwrap().len(), 1);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_no_manifest_is_written_when_it_is_frozen_before() {
    for step in ["staging", "writing", "proving"] {
        let fixture = Fixture::new(Rows::Sqlite);
        let engine = fixture.create().await;
        append(&fixture, &engine, &["a", "b"]).await;
        fixture.clock.advance_days(100);
        let freezing = engine.clone();
        let freeze = Interrupting::at(step, async || {
            freezing.freeze("stop", &Actor::system()).await.unwrap();
        });
        let error = engine.archive_run(&by_window(90), &Actor::system(), &freeze).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{step}: {error}");
        assert_eq!(hot(&engine).await, ["a", "b"], "{step}");
        assert!(!fixture.archive_directory().join("batches").exists(), "{step}");
        engine.thaw("go on", &Actor::system()).await.unwrap();
        run(&engine, &by_window(90)).await.unwrap();
        assert_eq!(hot(&engine).await, Vec::<String>::new(), "{step}");
        check(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_a_frozen_day_counts_as_done() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a"]).await;
    fixture.clock.advance_days(100);
    fixture.clock.advance_micros(3 * HOUR_MICROS);
    engine.freeze("hold it", &Actor::system()).await.unwrap();
    assert_eq!(engine.archive_if_due().await.unwrap(), None);
    let last = engine.ledger().last_archive_run().await.unwrap().unwrap();
    assert_eq!(last.result, RunResult::Frozen);
    assert!(last.error.unwrap().contains("hold it"));
    engine.thaw("go on", &Actor::system()).await.unwrap();
    assert_eq!(engine.archive_if_due().await.unwrap(), None);
    fixture.clock.advance_days(1);
    assert!(engine.archive_if_due().await.unwrap().is_some());
    assert_eq!(hot(&engine).await, Vec::<String>::new());
    check(&engine).await;
}

//! The destination `null:`: what has aged goes with a receipt and without a copy, and everybody is told so.

use archive::Destination;
use engine::{Actor, ArchiveReport, ArchiveRun, Engine, ErrorKind, NoProgress, Parts, VerifyOptions, Window};
use event::{Filter, HotDays};
use testkit::{Fixture, Rows, check, event_json};

fn null_parts(fixture: &Fixture) -> Parts {
    let destinations = vec![Destination::open("nowhere", "null:").unwrap()];
    Parts { destinations, ..fixture.parts(fixture.store()) }
}

async fn create(fixture: &Fixture) -> Engine {
    Engine::create(null_parts(fixture), &Actor::system()).await.unwrap()
}

async fn append(fixture: &Fixture, engine: &Engine, ids: &[&str]) {
    for id in ids {
        engine.append(vec![fixture.event(&event_json(id, "t", "ann", "a.b"))]).await.unwrap();
    }
}

async fn run(engine: &Engine, days: i64) -> engine::Result<ArchiveReport> {
    let window = Window::HotDays(HotDays::new(days).unwrap());
    let run = ArchiveRun { window, limit: None, dry_run: false, forced: false };
    engine.archive_run(&run, &Actor::system(), &NoProgress).await
}

async fn hot_ids(engine: &Engine) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", "t")].into_iter()).unwrap();
    let page =
        engine::Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    let id = |line: &Vec<u8>| event::EntryFields::parse(line).unwrap().event_id.into_owned();
    page.entries.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_aged_is_discarded_with_receipts_and_the_ledger_still_verifies() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = create(&fixture).await;
    append(&fixture, &engine, &["a", "b", "c"]).await;
    fixture.clock.advance_days(8);
    append(&fixture, &engine, &["d"]).await;

    let report = run(&engine, 7).await.unwrap();
    assert_eq!((report.discarded, report.pruned, report.archived, report.verified), (3, 3, 0, 0));
    assert_eq!(hot_ids(&engine).await, ["d"]);
    let batches = engine.ledger().batches().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.state).collect::<Vec<_>>(), ["discarded"]);
    assert!(
        !fixture.path().join("staging").exists()
            || std::fs::read_dir(fixture.path().join("staging")).unwrap().next().is_none()
    );

    for full in [false, true] {
        let verified = engine.ledger().verify(&VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(verified.ok, "{:#?}", verified.problems);
        assert_eq!((verified.discarded, verified.highest_archived_seq), (3, None));
    }
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_entry_is_shown_as_such_with_its_hash() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = create(&fixture).await;
    append(&fixture, &engine, &["a"]).await;
    let seq = engine.ledger().tree_size() - 1;
    let before = engine.ledger().show(seq).await.unwrap().unwrap();
    fixture.clock.advance_days(8);
    run(&engine, 7).await.unwrap();
    let shown = engine.ledger().show(seq).await.unwrap().unwrap();
    assert_eq!((shown.tiers.as_slice(), shown.line.as_slice()), (&["discarded"][..], &b""[..]));
    assert_eq!(shown.leaf_hash, before.leaf_hash);
    assert_eq!(engine.ledger().discarded_through().await.unwrap(), Some(seq + 1));
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledgers_own_entries_stay_through_many_runs_and_nothing_is_done_twice() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = create(&fixture).await;
    let mut discarded = 0;
    for number in 0..5 {
        append(&fixture, &engine, &[&format!("{number}-a"), &format!("{number}-b")]).await;
        fixture.clock.advance_days(8);
        discarded += run(&engine, 7).await.unwrap().discarded;
        assert_eq!(hot_ids(&engine).await, [""; 0]);
    }
    assert_eq!(discarded, 10);
    let again = run(&engine, 7).await.unwrap();
    assert_eq!((again.discarded, again.pruned), (0, 0));
    let verified = engine.ledger().verify(&VerifyOptions { full: true }, &NoProgress).await.unwrap();
    assert!(verified.ok && verified.discarded == 10, "{verified:#?}");
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ended_after_its_plan_is_finished_by_the_next_one() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = create(&fixture).await;
    append(&fixture, &engine, &["a", "b"]).await;
    fixture.clock.advance_days(8);
    // Dropped at its first step that waits, and at later ones: each time something else is left.
    for milliseconds in 0..4 {
        let limit = std::time::Duration::from_millis(milliseconds);
        let _ = tokio::time::timeout(limit, run(&engine, 7)).await;
    }
    run(&engine, 7).await.unwrap();
    assert_eq!(hot_ids(&engine).await, [""; 0]);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_archived_or_discarded_and_never_both_by_turns() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a"]).await;
    fixture.clock.advance_days(8);
    run(&engine, 7).await.unwrap();
    append(&fixture, &engine, &["b"]).await;
    fixture.clock.advance_days(8);
    engine.shutdown().await.unwrap();
    let engine = Engine::open(null_parts(&fixture)).await.unwrap();
    let refused = run(&engine, 7).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert_eq!(hot_ids(&engine).await, ["b"]);
    engine.shutdown().await.unwrap();

    let other = Fixture::new(Rows::Sqlite);
    let engine = create(&other).await;
    append(&other, &engine, &["a"]).await;
    other.clock.advance_days(8);
    run(&engine, 7).await.unwrap();
    append(&other, &engine, &["b"]).await;
    other.clock.advance_days(8);
    engine.shutdown().await.unwrap();
    let engine = other.open().await.unwrap();
    let refused = run(&engine, 7).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert_eq!(hot_ids(&engine).await, ["b"]);
    check(&engine).await;
}

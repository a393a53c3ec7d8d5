//! Archive, prove, prune: what goes, what stays, what is left behind.

use engine::{Actor, ArchiveRun, Engine, NoProgress, Window};
use event::{Filter, HotDays};
use testkit::{Fixture, Rows, check, event_json, events};

fn by_window(days: i64) -> ArchiveRun {
    ArchiveRun {
        window: Window::HotDays(HotDays::new(days).unwrap()),
        limit: None,
        dry_run: false,
        forced: false,
    }
}

async fn run(engine: &Engine, run: &ArchiveRun) -> engine::ArchiveReport {
    engine.archive_run(run, &Actor::system(), &NoProgress).await.unwrap()
}

/// The event ids of `tenant` that are hot.
async fn hot_ids(engine: &Engine, tenant: &str) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", tenant)].into_iter()).unwrap();
    let page =
        engine::Page { order: engine::Order::Ascending, limit: 1_000, cursor: None, tier: engine::Tier::Hot };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    let id = |line: &Vec<u8>| event::EntryFields::parse(line).unwrap().event_id.into_owned();
    page.entries.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_an_entry_exactly_at_the_cutoff_stays_and_one_a_microsecond_older_goes() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    fixture.clock.advance_micros(1_000_000);
    engine.append(vec![fixture.event(&event_json("older", "t", "ann", "a.b"))]).await.unwrap();
    fixture.clock.advance_micros(1);
    engine.append(vec![fixture.event(&event_json("at-cutoff", "t", "ann", "a.b"))]).await.unwrap();
    fixture.clock.advance_days(7);
    let report = run(&engine, &by_window(7)).await;
    assert_eq!(hot_ids(&engine, "t").await, ["at-cutoff"]);
    assert_eq!((report.archived, report.verified, report.pruned), (2, 2, 2));
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_leftovers_wait_for_the_next_run() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    for day in [12, 11, 10, 9, 8, 6] {
        engine
            .append(vec![fixture.event(&event_json(&format!("day-{day}"), "t", "ann", "a.b"))])
            .await
            .unwrap();
        fixture.clock.advance_days(if day == 8 { 2 } else { 1 });
    }
    fixture.clock.advance_days(5);
    let limited = ArchiveRun { limit: Some(4), ..by_window(7) };
    // The first entry is the ledger's own, so four are it and the three oldest.
    run(&engine, &limited).await;
    assert_eq!(hot_ids(&engine, "t").await, ["day-9", "day-8", "day-6"]);
    run(&engine, &limited).await;
    assert_eq!(hot_ids(&engine, "t").await, ["day-6"]);
    let third = run(&engine, &limited).await;
    assert_eq!((third.considered, third.pruned), (0, 0));
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 3, 100)).await.unwrap();
    engine.checkpoint().await.unwrap();
    fixture.clock.advance_days(100);
    let size = engine.ledger().tree_size();
    let report = run(&engine, &ArchiveRun { dry_run: true, ..by_window(90) }).await;
    assert_eq!((report.considered, report.archived, report.pruned), (size, size, 0));
    assert_eq!(engine.ledger().tree_size(), size);
    assert!(engine.ledger().batches().await.unwrap().is_empty());
    let leftovers = std::fs::read_dir(fixture.archive_directory()).unwrap().count();
    assert_eq!(leftovers, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_after_everything_was_archived_and_pruned_the_tree_goes_on() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 4, 300)).await.unwrap();
    fixture.clock.advance_days(100);
    let first = run(&engine, &by_window(90)).await;
    assert_eq!(first.pruned, 301);
    engine.append(events(&fixture, 5, 300)).await.unwrap();
    fixture.clock.advance_days(100);
    run(&engine, &by_window(90)).await;
    let report = check(&engine).await;
    assert!(report.oldest_hot_seq > Some(600));
    engine.shutdown().await.unwrap();
    let engine = fixture.open().await.unwrap();
    let appended = engine.append(events(&fixture, 6, 10)).await.unwrap();
    assert_eq!(appended.tree_size, report.tree_size + 10);
    // An event that was archived and pruned is still known.
    let again = engine.append(events(&fixture, 6, 10)).await.unwrap();
    assert!(again.receipts.iter().all(|receipt| receipt.duplicate));
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_do_not_feed_on_themselves_unless_forced() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 7, 20)).await.unwrap();
    fixture.clock.advance_days(100);
    run(&engine, &by_window(90)).await;
    fixture.clock.advance_days(100);
    let size = engine.ledger().tree_size();
    run(&engine, &by_window(90)).await;
    assert_eq!(engine.ledger().tree_size(), size);
    let forced = run(&engine, &ArchiveRun { forced: true, ..by_window(90) }).await;
    assert!(forced.archived > 0);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_entry_is_shown_from_the_archive() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let appended = engine.append(events(&fixture, 8, 50)).await.unwrap();
    let seq = appended.receipts[17].seq;
    let hot = engine.ledger().show(seq).await.unwrap().unwrap();
    assert_eq!(hot.tiers, ["hot"]);
    fixture.clock.advance_days(100);
    run(&engine, &by_window(90)).await;
    let cold = engine.ledger().show(seq).await.unwrap().unwrap();
    assert_eq!((cold.tiers.as_slice(), &cold.line), (&["cold"][..], &hot.line));
    assert!(cold.object.is_some() && cold.batch.is_some());
    assert!(cold.signed_size.is_some_and(|size| size > seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_a_scheduled_run_happens_by_itself_and_only_once_a_day() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    engine.append(events(&fixture, 31, 40)).await.unwrap();
    fixture.clock.advance_days(100);
    engine.append(vec![fixture.event(&event_json("new", "t", "ann", "a.b"))]).await.unwrap();
    fixture.clock.advance_micros(12 * 3_600 * 1_000_000);
    let pruned = async |count: usize| {
        loop {
            let batches = engine.ledger().batches().await.unwrap();
            if batches.len() == count && batches.iter().all(|batch| batch.state == "pruned") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = engine.run_schedule() => unreachable!("a schedule does not end"),
        () = pruned(1) => {}
    }
    assert_eq!(hot_ids(&engine, "t").await, ["new"]);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f4_a_batch_is_not_signed_on_a_tree_that_is_not_the_signed_one() {
    for level in [0, 1] {
        let fixture = Fixture::new(Rows::Sqlite);
        let engine = fixture.create().await;
        engine.append(events(&fixture, 51, 700)).await.unwrap();
        engine.checkpoint().await.unwrap();
        fixture.clock.advance_days(100);
        let other = rusqlite::Connection::open(fixture.database()).unwrap();
        let flipped = other
            .execute(
                "UPDATE tile SET hashes = CAST(x'00' || substr(hashes, 2) AS BLOB) WHERE level = ?1 AND number = 0",
                [level],
            )
            .unwrap();
        assert_eq!(flipped, 1);
        let error = engine.archive_run(&by_window(90), &Actor::system(), &NoProgress).await.unwrap_err();
        assert_eq!(error.kind(), engine::ErrorKind::Corrupt, "{error}");
        assert_eq!(std::fs::read_dir(fixture.archive_directory()).unwrap().count(), 0);
        assert_eq!(hot_ids(&engine, "_strongroom").await.len(), 2, "only the plan was recorded");
    }
}

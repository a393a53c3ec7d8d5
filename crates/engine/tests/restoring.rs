//! Archived entries become hot again for some days, as they were, and go again.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{
    Actor, ArchiveRun, Engine, ErrorKind, NoProgress, Page, RestoreReport, RestoreRun, RestoreTarget,
    VerifyOptions, Window,
};
use event::{Filter, HotDays};
use store::{RowChange, Store, Table};
use testkit::{Fault, FaultyStore, Fixture, Rows, check, event_json};

/// Entries of the batch: the ledger's own first one and 500 events of tenants t0 to t2.
const ENTRIES: u64 = 501;

fn archiving(days: i64) -> ArchiveRun {
    let window = Window::HotDays(HotDays::new(days).unwrap());
    ArchiveRun { window, limit: None, dry_run: false, forced: false }
}

async fn archive(engine: &Engine) -> engine::ArchiveReport {
    engine.archive_run(&archiving(30), &Actor::system(), &NoProgress).await.unwrap()
}

fn batch(id: &str, days: i64) -> RestoreRun {
    RestoreRun { target: RestoreTarget::Batch(id.into()), days: HotDays::new(days).unwrap() }
}

fn filter(pairs: &[(&str, &str)], days: i64) -> RestoreRun {
    let filter = Filter::from_pairs(pairs.iter().copied()).unwrap();
    RestoreRun { target: RestoreTarget::Filter(Box::new(filter)), days: HotDays::new(days).unwrap() }
}

async fn restore(engine: &Engine, run: &RestoreRun) -> engine::Result<RestoreReport> {
    engine.restore(run, &Actor::system(), &NoProgress).await
}

/// A ledger whose first 501 entries are archived and pruned, those entries' lines, and their batch.
async fn archived(fixture: &mut Fixture, store: Arc<dyn Store>) -> (Engine, BTreeMap<u64, Vec<u8>>, String) {
    fixture.policy.transaction_entries = 200;
    let engine = Engine::create(fixture.parts(store), &Actor::system()).await.unwrap();
    let event = |number: u64| {
        let tenant = format!("t{}", number % 3);
        fixture.event(&event_json(&format!("event-{number}"), &tenant, "ann", "a.b"))
    };
    engine.append((1..ENTRIES).map(event).collect()).await.unwrap();
    engine.checkpoint().await.unwrap();
    fixture.clock.advance_days(100);
    let mut lines = BTreeMap::new();
    for seq in 0..ENTRIES {
        lines.insert(seq, engine.ledger().show(seq).await.unwrap().unwrap().line);
    }
    archive(&engine).await;
    let id = engine.ledger().batches().await.unwrap()[0].batch.clone();
    (engine, lines, id)
}

/// The hot entries below the batch's end.
async fn hot(fixture: &Fixture) -> BTreeMap<u64, Vec<u8>> {
    let scan = store::EntryScan {
        range: 0..ENTRIES,
        order: store::Order::Ascending,
        rows_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    let entries = fixture.store().entries(scan).await.unwrap();
    entries.into_iter().map(|entry| (entry.seq, entry.line)).collect()
}

async fn found(engine: &Engine, tenant: &str) -> Vec<u64> {
    let filter = Filter::from_pairs([("tenant", tenant)].into_iter()).unwrap();
    let page = Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    page.entries.iter().map(|line| event::EntryFields::parse(line).unwrap().seq).collect()
}

fn of_tenant(tenant: u64) -> Vec<u64> {
    (1..ENTRIES).filter(|number| number % 3 == tenant).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn d11_a_batch_is_hot_again_as_it_was_for_its_days_and_then_goes() {
    let mut fixture = Fixture::new(Rows::Sqlite);
    let store = fixture.store();
    let (engine, lines, id) = archived(&mut fixture, store).await;
    assert!(hot(&fixture).await.is_empty());
    let report = restore(&engine, &batch(&id, 7)).await.unwrap();
    assert_eq!((report.matched, report.restored, report.extended), (ENTRIES, ENTRIES, 0));
    assert_eq!(hot(&fixture).await, lines);
    assert_eq!(found(&engine, "t1").await, of_tenant(1));
    assert_eq!(engine.ledger().show(7).await.unwrap().unwrap().tiers, ["hot", "cold"]);
    engine.checkpoint().await.unwrap();
    check(&engine).await;

    // Also for whoever opens it anew, and only until its days are over.
    drop(engine);
    let engine = fixture.open().await.unwrap();
    assert_eq!(found(&engine, "t1").await, of_tenant(1));
    fixture.clock.advance_days(6);
    archive(&engine).await;
    assert_eq!(hot(&fixture).await, lines);
    fixture.clock.advance_days(1);
    let report = archive(&engine).await;
    assert_eq!(report.pruned, ENTRIES);
    assert!(hot(&fixture).await.is_empty() && found(&engine, "t1").await.is_empty());
    assert_eq!(engine.ledger().show(7).await.unwrap().unwrap().line, lines[&7]);
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d11_what_a_filter_matches_comes_back_and_nothing_else() {
    let mut fixture = Fixture::new(Rows::Sqlite);
    let store = fixture.store();
    let (engine, lines, _) = archived(&mut fixture, store).await;
    let report = restore(&engine, &filter(&[("tenant", "t1"), ("action", "a.*")], 7)).await.unwrap();
    assert_eq!(report.restored, of_tenant(1).len() as u64);
    assert_eq!(hot(&fixture).await.into_keys().collect::<Vec<_>>(), of_tenant(1));
    assert!(hot(&fixture).await.iter().all(|(seq, line)| lines[seq] == *line));
    assert_eq!(found(&engine, "t1").await, of_tenant(1));
    assert_eq!(found(&engine, "t2").await, Vec::<u64>::new());
    let nothing = restore(&engine, &filter(&[("tenant", "elsewhere")], 7)).await.unwrap();
    assert_eq!((nothing.matched, nothing.restored), (0, 0));
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d11_restoring_again_extends_and_adds_what_is_missing() {
    let mut fixture = Fixture::new(Rows::Memory);
    let store = fixture.store();
    let (engine, lines, id) = archived(&mut fixture, store).await;
    restore(&engine, &filter(&[("tenant", "t0")], 2)).await.unwrap();
    let kept = of_tenant(0).len() as u64;
    let report = restore(&engine, &batch(&id, 10)).await.unwrap();
    assert_eq!((report.restored, report.extended), (ENTRIES - kept, kept));
    let size = engine.ledger().tree_size();
    let report = restore(&engine, &batch(&id, 3)).await.unwrap();
    assert_eq!((report.restored, report.extended), (0, ENTRIES));
    assert_eq!(engine.ledger().tree_size(), size, "a shorter wish changes nothing");
    fixture.clock.advance_days(9);
    archive(&engine).await;
    assert_eq!(hot(&fixture).await, lines);
    fixture.clock.advance_days(2);
    archive(&engine).await;
    assert!(hot(&fixture).await.is_empty());
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_restored_is_refused_and_says_why() {
    let mut fixture = Fixture::new(Rows::Memory);
    let store = fixture.store();
    let (engine, _, id) = archived(&mut fixture, store).await;
    let error = restore(&engine, &batch("20260301T000000Z-0000000000000000", 7)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let object = std::fs::read_dir(fixture.archive_directory().join("audit/org_t1/2026/03")).unwrap();
    for file in object {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let error = restore(&engine, &batch(&id, 7)).await.unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("object-missing") && cause.contains("audit/org_t1/"), "{error}: {cause}");
    assert!(hot(&fixture).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_at_any_commit_is_taken_up_by_a_retry_and_by_a_restart() {
    for fault in Fault::ALL {
        for restarts in [false, true] {
            let mut steps = 0;
            while fails_and_is_taken_up(fault, steps, restarts).await {
                steps += 1;
            }
            // Three transactions put entries back, three prune them again.
            assert_eq!(steps, 6, "{fault:?}");
        }
    }
}

async fn back_and_gone(fixture: &Fixture, engine: &Engine, id: &str) -> engine::Result<()> {
    restore(engine, &batch(id, 7)).await?;
    fixture.clock.advance_days(8);
    engine.archive_run(&archiving(365), &Actor::system(), &NoProgress).await.map(|_| ())
}

/// Whether there was a commit to fail.
async fn fails_and_is_taken_up(fault: Fault, step: usize, restarts: bool) -> bool {
    let what = format!("{fault:?} at commit {step}, restarted: {restarts}");
    let mut fixture = Fixture::new(Rows::Memory);
    let faulty = Arc::new(FaultyStore::new(fixture.store(), fault));
    let (engine, lines, id) = archived(&mut fixture, faulty.clone()).await;
    let before = faulty.commits();
    faulty.fail_commit_after(step);
    let outcome = back_and_gone(&fixture, &engine, &id).await;
    if faulty.commits() - before <= step {
        outcome.unwrap();
        return false;
    }
    outcome.expect_err(&what);
    for full in [false, true] {
        let report = engine.ledger().verify(&VerifyOptions { full }, &NoProgress).await.unwrap();
        assert!(report.ok, "{what}: {:#?}", report.problems);
    }
    let engine = if restarts {
        drop(engine);
        fixture.open().await.unwrap()
    } else {
        engine
    };
    restore(&engine, &batch(&id, 7)).await.unwrap();
    assert_eq!(hot(&fixture).await, lines, "{what}");
    assert_eq!(found(&engine, "t1").await, of_tenant(1), "{what}");
    fixture.clock.advance_days(8);
    engine.archive_run(&archiving(365), &Actor::system(), &NoProgress).await.unwrap();
    assert!(hot(&fixture).await.is_empty(), "{what}");
    engine.checkpoint().await.unwrap();
    check(&engine).await;
    true
}

/// What verification finds after the store was changed behind the ledger's back.
async fn findings(change: impl AsyncFnOnce(&dyn Store)) -> Vec<(String, Option<u64>)> {
    let mut fixture = Fixture::new(Rows::Memory);
    let store = fixture.store();
    let (engine, _, id) = archived(&mut fixture, store.clone()).await;
    restore(&engine, &batch(&id, 7)).await.unwrap();
    engine.checkpoint().await.unwrap();
    change(store.as_ref()).await;
    let report = engine.ledger().verify(&VerifyOptions { full: false }, &NoProgress).await.unwrap();
    report.problems.into_iter().map(|finding| (finding.reason, finding.seq)).collect()
}

async fn commit(
    store: &dyn Store,
    rows: Vec<RowChange>,
    prune: Vec<std::ops::Range<u64>>,
    back: Vec<(u64, &str)>,
) {
    let head = store.head().await.unwrap().unwrap();
    let entries: Vec<_> =
        back.into_iter().map(|(seq, line)| store::Entry { seq, line: line.into() }).collect();
    let prune = store::Prune { ranges: prune, hold_version: head.hold_version, segments: Vec::new() };
    let commit = store::Commit {
        expected_size: head.size,
        expected_rows: Vec::new(),
        lines: Vec::new(),
        keys: Vec::new(),
        head: head.clone(),
        rows,
        prune: entries.is_empty().then_some(prune),
        restore: (!entries.is_empty()).then_some(store::Restore { entries, index: None }),
    };
    store.commit(commit).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_restored_rows_without_copies_and_copies_without_rows_are_found() {
    let without_copies = findings(async |store: &dyn Store| {
        commit(store, vec![], std::iter::once(10..12).collect(), vec![]).await;
    });
    assert_eq!(without_copies.await, [("entry-missing".to_owned(), Some(10))]);

    let without_rows = findings(async |store: &dyn Store| {
        let row = store.rows(Table::Restored, "", None, 1).await.unwrap().remove(0);
        commit(store, vec![RowChange::Delete(Table::Restored, row.key)], vec![], vec![]).await;
    });
    let without_rows = without_rows.await;
    assert_eq!(without_rows[0], ("entry-unexpected".to_owned(), Some(0)));
    assert!(without_rows[1..].iter().all(|(reason, _)| reason == "state-mismatch"), "{without_rows:?}");
    assert_eq!(without_rows.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_altered_copies_and_forged_rows_are_found() {
    let altered = findings(async |store: &dyn Store| {
        let line = store.entries_at(vec![10]).await.unwrap().remove(0).line;
        let line = String::from_utf8(line).unwrap().replace("ann", "bob");
        commit(store, vec![], std::iter::once(10..11).collect(), vec![]).await;
        commit(store, vec![], vec![], vec![(10, &line)]).await;
    });
    assert_eq!(altered.await, [("entry-changed".to_owned(), Some(10))]);

    let forged = findings(async |store: &dyn Store| {
        let mut row = store.rows(Table::Restored, "", None, 1).await.unwrap().remove(0);
        row.body = row.body.replace("2026-06-1", "2036-06-1");
        commit(store, vec![RowChange::Put(Table::Restored, row)], vec![], vec![]).await;
    });
    let forged = forged.await;
    assert_eq!(forged.iter().map(|(reason, _)| reason.as_str()).collect::<Vec<_>>(), ["state-mismatch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_segment_is_found_again_by_its_index_in_part_and_whole() {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.transaction_entries = 30_000;
    let engine = fixture.create().await;
    let count = 66_000_u64;
    let ids: Vec<u64> = (1..=count).collect();
    for chunk in ids.chunks(6_000) {
        let event = |number: &u64| {
            let actor = format!("actor-{}", number % 1_000);
            fixture.event(&event_json(&format!("event-{number}"), "t", &actor, "a.b"))
        };
        engine.append(chunk.iter().map(event).collect()).await.unwrap();
    }
    engine.checkpoint().await.unwrap();
    fixture.clock.advance_days(100);
    archive(&engine).await;
    let of_actor = async |engine: &Engine| {
        let filter = Filter::from_pairs([("actor", "actor-7")].into_iter()).unwrap();
        let page =
            Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
        engine.ledger().search(&filter, &page).await.unwrap().entries.len()
    };
    assert_eq!(of_actor(&engine).await, 0);
    let report = restore(&engine, &filter(&[("actor", "actor-7")], 7)).await.unwrap();
    assert_eq!((report.restored, of_actor(&engine).await), (66, 66));
    engine.checkpoint().await.unwrap();
    check(&engine).await;
    let id = engine.ledger().batches().await.unwrap()[0].batch.clone();
    let report = restore(&engine, &batch(&id, 7)).await.unwrap();
    assert_eq!((report.restored, report.extended), (count + 1 - 66, 66));
    drop(engine);
    let engine = fixture.open().await.unwrap();
    assert_eq!(of_actor(&engine).await, 66);
    check(&engine).await;
    fixture.clock.advance_days(8);
    archive(&engine).await;
    assert_eq!(of_actor(&engine).await, 0);
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

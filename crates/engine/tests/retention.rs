//! When runs happen and when they do not: frozen, leased to another process, scheduled, bounded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{
    Actor, ArchiveReport, ArchiveRun, CompletedOperation, Engine, Error, ErrorKind, NoProgress, Policy,
    Progress, RunResult, RunSchedule, Window,
};
use event::{Completion, EntryFields, Filter, HotDays, Limits, Operation};
use store::Table;
use testkit::{Fixture, Rows, check, event_json};

const HOUR_MICROS: i64 = 3_600 * 1_000_000;

fn by_window(days: i64) -> ArchiveRun {
    let window = Window::HotDays(HotDays::new(days).unwrap());
    ArchiveRun { window, limit: None, dry_run: false, forced: true }
}

async fn run(engine: &Engine, run: &ArchiveRun) -> Result<ArchiveReport, Error> {
    engine.archive_run(run, &Actor::user("ann"), &NoProgress).await
}

async fn append(fixture: &Fixture, engine: &Engine, ids: &[&str]) {
    let events = ids.iter().map(|id| fixture.event(&event_json(id, "t", "ann", "a.b"))).collect();
    engine.append(events).await.unwrap();
}

/// The event ids of the tenant `t` that are hot, oldest first.
async fn hot(engine: &Engine) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", "t")].into_iter()).unwrap();
    let page =
        engine::Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    let id = |line: &Vec<u8>| EntryFields::parse(line).unwrap().event_id.into_owned();
    page.entries.iter().map(id).collect()
}

/// The seqs of all hot entries.
async fn hot_seqs(fixture: &Fixture) -> BTreeSet<u64> {
    let scan = store::EntryScan {
        range: 0..u64::from(u32::MAX),
        order: store::Order::Ascending,
        rows_max: 99_999,
        bytes_max: usize::MAX,
    };
    fixture.store().entries(scan).await.unwrap().into_iter().map(|entry| entry.seq).collect()
}

async fn actions(engine: &Engine) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", "_strongroom")].into_iter()).unwrap();
    let page =
        engine::Page { order: engine::Order::Ascending, limit: 1_000, tier: engine::Tier::Hot, cursor: None };
    let page = engine.ledger().search(&filter, &page).await.unwrap();
    let action = |line: &Vec<u8>| EntryFields::parse(line).unwrap().action.into_owned();
    page.entries.iter().map(action).filter(|action| action.starts_with("retention.")).collect()
}

/// Does something once, when a step of the run has got on.
struct Interrupting<F> {
    step: &'static str,
    is_there: AtomicBool,
    done: AtomicBool,
    interrupt: F,
}

impl<F> Interrupting<F> {
    fn at(step: &'static str, interrupt: F) -> Self {
        Self { step, is_there: false.into(), done: false.into(), interrupt }
    }
}

impl<F: AsyncFn() + Send + Sync> Progress for Interrupting<F> {
    fn begin(&self, what: &str, _total: Option<u64>) {
        self.is_there.store(what == self.step, Ordering::SeqCst);
    }

    fn advance(&self, _by: u64) {
        if self.is_there.load(Ordering::SeqCst) && !self.done.swap(true, Ordering::SeqCst) {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on((self.interrupt)());
            });
        }
    }

    fn end(&self) {}
}

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

/// Two engines over one store, as two processes are.
async fn two_engines(fixture: &Fixture) -> (Engine, Engine) {
    let one = fixture.create().await;
    append(fixture, &one, &["a", "b", "c", "d"]).await;
    one.checkpoint().await.unwrap();
    let mut parts = fixture.parts(fixture.store());
    parts.staging = fixture.path().join("staging of the other");
    (one, Engine::open(parts).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_of_two_processes_one_runs_and_the_other_says_who() {
    let fixture = Fixture::new(Rows::Memory);
    let (one, other) = two_engines(&fixture).await;
    fixture.clock.advance_days(100);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let refused = Interrupting::at("proving", async || {
        let error = run(&other, &by_window(90)).await.unwrap_err();
        let status = other.ledger().retention_status().await.unwrap().under_way.unwrap();
        let here = one.retention_status().await.unwrap().under_way.unwrap();
        seen.lock().unwrap().push((error, status, here));
        let again = run(&one, &by_window(90)).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict, "{again}");
    });
    one.archive_run(&by_window(90), &Actor::system(), &refused).await.unwrap();
    let (error, there, here) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    for said in [&there.holder, &there.until.to_string()] {
        assert!(error.to_string().contains(said.as_str()), "{error}");
    }
    assert_eq!(here.holder, there.holder);
    assert_eq!(
        here.step.map(|step| (step.name, step.done, step.total)),
        Some(("proving".into(), 5, Some(5)))
    );
    assert_eq!(one.retention_status().await.unwrap().under_way, None);
    // It was given back, so that nobody waits.
    append(&fixture, &other, &["e"]).await;
    fixture.clock.advance_days(100);
    assert!(run(&other, &by_window(90)).await.unwrap().pruned > 0);
    check(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_a_holder_that_lost_its_lease_writes_no_more() {
    for step in ["staging", "writing", "proving", "pruning"] {
        let mut fixture = Fixture::new(Rows::Memory);
        fixture.policy.transaction_entries = 2;
        let (one, other) = two_engines(&fixture).await;
        fixture.clock.advance_days(100);
        // As if the holder had been suspended for two minutes.
        let taken_over = Interrupting::at(step, async || {
            fixture.clock.advance_micros(120 * 1_000_000);
            run(&other, &by_window(90)).await.unwrap();
        });
        let error = one.archive_run(&by_window(90), &Actor::system(), &taken_over).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{step}: {error}");
        assert_eq!(hot(&other).await, Vec::<String>::new(), "{step}");
        let batches = other.ledger().batches().await.unwrap();
        let ranges: Vec<_> = batches.iter().map(|batch| (batch.first_seq, batch.last_seq)).collect();
        assert_eq!(ranges, [(0, 4)], "{step}");
        other.checkpoint().await.unwrap();
        check(&other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_the_lease_of_a_holder_that_died_expires_or_is_ended_by_who_knows() {
    let fixture = Fixture::new(Rows::Memory);
    let (one, other) = two_engines(&fixture).await;
    fixture.clock.advance_days(100);
    let died = tokio::sync::Notify::new();
    let progress = Interrupting::at("staging", async || died.notify_one());
    tokio::select! {
        biased;
        () = died.notified() => {}
        _ = async { one.archive_run(&by_window(90), &Actor::system(), &progress).await.unwrap();
            std::future::pending::<()>().await } => {}
    }
    drop(one);
    if other.ledger().batches().await.unwrap().iter().all(|batch| batch.state == "writing") {
        assert_eq!(run(&other, &by_window(90)).await.unwrap_err().kind(), ErrorKind::Conflict);
        other.end_earlier_leases().await.unwrap();
    }
    run(&other, &by_window(90)).await.unwrap();
    assert_eq!(hot(&other).await, Vec::<String>::new());
    other.checkpoint().await.unwrap();
    check(&other).await;
}

fn operation(fixture: &Fixture, event_id: &str) -> Operation {
    use engine::Clock as _;
    let json = event_json(event_id, "t", "ann", "a.b").replace(r#""outcome":"success","#, "");
    Operation::begin(json.as_bytes(), &Limits::default(), fixture.clock.now()).unwrap()
}

/// Begins an operation and completes it.
async fn operate(fixture: &Fixture, engine: &Engine, event_id: &str) {
    let begun = engine.begin_operation(operation(fixture, event_id)).await.unwrap();
    let completion = Completion::parse(br#"{"outcome":"success"}"#, &Limits::default()).unwrap();
    let completed = engine.complete_operation(&begun.operation_id, None, &completion).await.unwrap();
    assert!(matches!(completed, CompletedOperation::Entered(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_runs_of_three_prune_three_then_two_then_none() {
    let mut fixture = Fixture::new(Rows::Sqlite);
    fixture.policy.hot_days = HotDays::new(7).unwrap();
    let engine = fixture.create().await;
    // The ledger's own first entry and what its archiving writes are out of the way before the rest begins.
    fixture.clock.advance_days(8);
    run(&engine, &by_window(7)).await.unwrap();
    let own = engine.ledger().tree_size();
    for (days_ago, step) in [(12, 1), (11, 1), (10, 1), (9, 1), (8, 2), (6, 6)] {
        operate(&fixture, &engine, &format!("{days_ago} days ago")).await;
        if days_ago == 8 {
            engine.begin_operation(operation(&fixture, "open")).await.unwrap();
        }
        fixture.clock.advance_days(step);
    }
    let ids = hot(&engine).await;
    assert_eq!(ids, ["12 days ago", "11 days ago", "10 days ago", "9 days ago", "8 days ago", "6 days ago"]);
    let limited =
        |limit| ArchiveRun { window: Window::Policy, limit: Some(limit), dry_run: false, forced: true };
    let before = hot_seqs(&fixture).await;
    // What the first archiving wrote stands before the operations and counts.
    let receipts = own - 1;
    let first = run(&engine, &limited(receipts + 3)).await.unwrap();
    assert_eq!(hot(&engine).await, ["9 days ago", "8 days ago", "6 days ago"]);
    let gone: Vec<u64> = before.difference(&hot_seqs(&fixture).await).copied().collect();
    assert_eq!(gone, (1..own + 3).collect::<Vec<_>>());
    assert_eq!(first.pruned, receipts + 3);
    let second = run(&engine, &limited(3)).await.unwrap();
    assert_eq!((hot(&engine).await, second.pruned), (vec!["6 days ago".to_owned()], 2));
    let third = run(&engine, &limited(3)).await.unwrap();
    assert_eq!((hot(&engine).await, third.considered, third.pruned), (vec!["6 days ago".to_owned()], 0, 0));
    let open = fixture.store().rows(Table::Operation, "op|", None, 9).await.unwrap();
    assert_eq!(open.len(), 1, "the open operation is still pending");
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_daily_runs_happen_once_a_day_across_restarts() {
    let fixture = Fixture::new(Rows::Sqlite);
    let mut engine = fixture.create().await;
    append(&fixture, &engine, &["a"]).await;
    fixture.clock.advance_days(100);
    let mut ran = Vec::new();
    // Two looks before half past two, and two after it, on each of two days, each after a restart.
    for hours in [1, 1, 1, 1, 21, 1, 1] {
        fixture.clock.advance_micros(hours * HOUR_MICROS);
        ran.push(engine.archive_if_due().await.unwrap().is_some());
        engine.shutdown().await.unwrap();
        engine = fixture.open().await.unwrap();
    }
    assert_eq!(ran, [false, false, true, false, false, false, true]);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d5_runs_every_so_many_seconds_across_restarts() {
    let mut fixture = Fixture::new(Rows::Sqlite);
    fixture.policy.archive_schedule = RunSchedule::Every { seconds: 600 };
    let mut engine = fixture.create().await;
    append(&fixture, &engine, &["a"]).await;
    fixture.clock.advance_days(100);
    let mut ran = Vec::new();
    for seconds in [0, 300, 299, 1, 600] {
        fixture.clock.advance_micros(seconds * 1_000_000);
        ran.push(engine.archive_if_due().await.unwrap().is_some());
        engine.shutdown().await.unwrap();
        engine = fixture.open().await.unwrap();
    }
    assert_eq!(ran, [true, false, false, true, true]);
    let status = engine.retention_status().await.unwrap();
    assert_eq!((status.schedule.run_at, status.schedule.every_seconds), (None, Some(600)));
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_switched_off_only_the_schedule_stops() {
    let mut fixture = Fixture::new(Rows::Sqlite);
    fixture.policy = Policy { archive_enabled: false, ..Policy::default() };
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a"]).await;
    fixture.clock.advance_days(100);
    fixture.clock.advance_micros(3 * HOUR_MICROS);
    assert_eq!(engine.archive_if_due().await.unwrap(), None);
    assert_eq!(hot(&engine).await, ["a"]);
    assert_eq!(engine.retention_status().await.unwrap().schedule.next_run_at, None);
    run(&engine, &by_window(90)).await.unwrap();
    assert_eq!(hot(&engine).await, Vec::<String>::new());
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d8_the_status_tells_policy_backlog_last_run_and_destinations() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    append(&fixture, &engine, &["a", "b"]).await;
    fixture.clock.advance_days(100);
    let before = engine.retention_status().await.unwrap();
    assert_eq!((before.policy.hot_days, before.last_run, before.frozen), (90, None, None));
    assert_eq!(before.backlog.map(|backlog| (backlog.entries, backlog.seconds)), Some((3, 10 * 86_400)));
    assert_eq!(before.schedule.run_at.as_deref(), Some("02:30"));
    let report = run(&engine, &by_window(90)).await.unwrap();
    let after = engine.retention_status().await.unwrap();
    let last = after.last_run.unwrap();
    assert_eq!((last.result, last.by.as_deref(), &last.report), (RunResult::Completed, Some("ann"), &report));
    assert_eq!(after.backlog.map(|backlog| backlog.entries), Some(0));
    let state = &after.destinations[0];
    assert_eq!((state.name.as_str(), state.confirmed_at.is_some(), &state.error), ("primary", true, &None));

    // What is in the way at a destination is named, with the object.
    append(&fixture, &engine, &["c"]).await;
    fixture.clock.advance_days(100);
    std::fs::remove_dir_all(fixture.archive_directory().join("audit")).unwrap();
    std::fs::write(fixture.archive_directory().join("audit"), "in the way").unwrap();
    run(&engine, &by_window(90)).await.unwrap_err();
    let failed = engine.retention_status().await.unwrap();
    let last = failed.last_run.unwrap();
    assert_eq!((last.result, last.report.pruned), (RunResult::Failed, 0));
    let error = failed.destinations[0].error.clone().unwrap();
    assert!(error.object.unwrap().starts_with("audit/"), "{}", error.reason);
    assert_eq!(hot(&engine).await, ["c"]);
}

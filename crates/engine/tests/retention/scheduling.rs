//! When runs happen, and how much one takes.

use engine::{ArchiveRun, CompletedOperation, Engine, Policy, RunSchedule, Window};
use event::{Completion, HotDays, Limits, Operation};
use store::Table;
use testkit::{Fixture, Rows, check, event_json};

use crate::support::{HOUR_MICROS, append, by_window, hot, hot_seqs, run};

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

//! Events in two steps: durable from the first, one entry at the end.

use std::sync::Arc;

use engine::{BegunOperation, CompletedOperation, Engine, Error, ErrorKind, OperationPolicy, Page, Receipt};
use event::{Completion, EntryFields, Filter, Limits, Operation};
use serde_json::Value;
use store::Table;
use testkit::{Fault, FaultyStore, Fixture, Rows, check, event_json};

const TIMEOUT_MICROS: i64 = 14_400 * 1_000_000;

fn begun_json(event_id: &str, actor: &str) -> String {
    event_json(event_id, "t", actor, "a.b").replace(r#""outcome":"success","#, "")
}

fn operation(fixture: &Fixture, json: &str) -> Operation {
    use engine::Clock as _;
    Operation::begin(json.as_bytes(), &Limits::default(), fixture.clock.now()).unwrap()
}

async fn begin(fixture: &Fixture, engine: &Engine, event_id: &str) -> Result<BegunOperation, Error> {
    engine.begin_operation(operation(fixture, &begun_json(event_id, "ann"))).await
}

async fn complete(engine: &Engine, id: &str, json: &str) -> Result<CompletedOperation, Error> {
    let completion = Completion::parse(json.as_bytes(), &Limits::default()).unwrap();
    engine.complete_operation(id, None, &completion).await
}

fn receipt(completed: CompletedOperation) -> Receipt {
    match completed {
        CompletedOperation::Entered(receipt) => receipt,
        CompletedOperation::TimedOut { seq } => panic!("timed out as entry {seq}"),
    }
}

async fn line(engine: &Engine, seq: u64) -> Value {
    serde_json::from_slice(&engine.ledger().show(seq).await.unwrap().unwrap().line).unwrap()
}

async fn ids(engine: &Engine, tenant: &str) -> Vec<String> {
    let filter = Filter::from_pairs([("tenant", tenant)].into_iter()).unwrap();
    let page = engine.ledger().search(&filter, &Page { limit: 1_000, ..Page::default() }).await.unwrap();
    let id = |line: &Vec<u8>| EntryFields::parse(line).unwrap().event_id.into_owned();
    page.entries.iter().rev().map(id).collect()
}

async fn pending_rows(fixture: &Fixture) -> usize {
    fixture.store().rows(Table::Operation, "", None, 9_999).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_a_begun_operation_survives_a_restart_and_is_no_entry() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    fixture.clock.advance_micros(1_000_000);
    let size = engine.ledger().tree_size();
    let begun = begin(&fixture, &engine, "op-1").await.unwrap();
    assert!(!begun.duplicate);
    assert_eq!((engine.ledger().tree_size(), ids(&engine, "t").await), (size, vec![]));
    check(&engine).await;
    engine.shutdown().await.unwrap();

    let engine = fixture.open().await.unwrap();
    let again = begin(&fixture, &engine, "op-1").await.unwrap();
    assert_eq!((again.duplicate, &again.operation_id), (true, &begun.operation_id));
    let receipt = receipt(complete(&engine, &begun.operation_id, r#"{"outcome":"success"}"#).await.unwrap());
    assert_eq!((receipt.seq, receipt.duplicate, receipt.event_id.as_deref()), (size, false, Some("op-1")));
    assert_eq!(pending_rows(&fixture).await, 0);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_a_completion_is_answered_by_the_entry_also_when_that_is_archived() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let done = begin(&fixture, &engine, "done").await.unwrap().operation_id;
    let lost = begin(&fixture, &engine, "lost").await.unwrap().operation_id;
    let completion = r#"{"outcome":"denied","error":{"code":"c"},"metadata":{"n":1}}"#;
    let first = receipt(complete(&engine, &done, completion).await.unwrap());
    fixture.clock.advance_micros(TIMEOUT_MICROS + 1);
    engine.time_out_operations().await.unwrap();
    engine.checkpoint().await.unwrap();
    for tier in ["hot", "cold"] {
        assert_eq!(engine.ledger().show(first.seq).await.unwrap().unwrap().tiers, [tier]);
        let again = receipt(complete(&engine, &done, completion).await.unwrap());
        assert_eq!(again, Receipt { duplicate: true, ..first.clone() });
        let error = complete(&engine, &done, r#"{"outcome":"success"}"#).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let late = complete(&engine, &lost, completion).await.unwrap();
        assert_eq!(late, CompletedOperation::TimedOut { seq: first.seq + 1 });
        fixture.clock.advance_days(100);
        let window = engine::Window::Policy;
        let run = engine::ArchiveRun { window, limit: None, dry_run: false, forced: true };
        engine.archive_run(&run, &engine::Actor::system(), &engine::NoProgress).await.unwrap();
    }
    engine.checkpoint().await.unwrap();
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_operations_time_out_strictly_after_the_timeout_oldest_first_and_bounded() {
    let mut fixture = Fixture::new(Rows::Memory);
    fixture.policy.operations = OperationPolicy { timed_out_max: 120, ..OperationPolicy::default() };
    let engine = fixture.create().await;
    // Ids whose hashes are in no order; the oldest are found by time.
    for number in 0..250 {
        begin(&fixture, &engine, &format!("op-{number:03}")).await.unwrap();
        fixture.clock.advance_micros(1);
    }
    fixture.clock.advance_micros(TIMEOUT_MICROS - 250);
    assert_eq!(engine.time_out_operations().await.unwrap().timed_out, 0, "exactly at the timeout");
    fixture.clock.advance_micros(249);
    for (timed_out, more, all) in [(120, true, 120), (120, true, 240), (9, false, 249)] {
        let report = engine.time_out_operations().await.unwrap();
        assert_eq!((report.timed_out, report.refused, report.more), (timed_out, 0, more));
        let expected: Vec<_> = (0..all).map(|number| format!("op-{number:03}")).collect();
        assert_eq!(ids(&engine, "t").await, expected);
    }
    assert_eq!(pending_rows(&fixture).await, 2, "the youngest is exactly at its timeout");
    let last = line(&engine, engine.ledger().tree_size() - 1).await;
    assert_eq!((&last["outcome"], &last["occurred_at"]), (&"unknown".into(), &last["recorded_at"]));
    assert_eq!(last["started_at"], "2026-02-01T00:00:00.000000Z");
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_one_that_cannot_enter_holds_up_no_other_and_leaves_an_entry() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let external = |event_id: &str| {
        begun_json(event_id, "ann").replace(r#""source":"test""#, r#""source":"test","external_id":"x-1""#)
    };
    let mut begun = Vec::new();
    for event_id in ["a", "b"] {
        begun.push(begin(&fixture, &engine, event_id).await.unwrap().operation_id);
    }
    for event_id in ["x", "y"] {
        let operation = operation(&fixture, &external(event_id));
        begun.push(engine.begin_operation(operation).await.unwrap().operation_id);
    }
    // The id of one is taken by an event of one step.
    engine.append(vec![fixture.event(&event_json("b", "t", "bob", "a.b"))]).await.unwrap();
    let error = complete(&engine, &begun[1], r#"{"outcome":"success"}"#).await.unwrap_err();
    assert_eq!((error.kind(), error.violations()[0].position), (ErrorKind::Conflict, None));
    // And of one the row is no longer what was written.
    let store = fixture.store();
    let torn = store::Row { key: format!("op|{}", begun[0]), body: "{".into() };
    store.put_transient(Table::Operation, torn, store::Expected::Anything).await.unwrap();
    begin(&fixture, &engine, "last").await.unwrap();

    fixture.clock.advance_micros(TIMEOUT_MICROS + 1);
    let report = engine.time_out_operations().await.unwrap();
    assert_eq!((report.timed_out, report.refused, report.more), (2, 3, false));
    assert_eq!(pending_rows(&fixture).await, 0);
    let mut entered = ids(&engine, "t").await;
    entered.sort();
    assert_eq!(entered[..2], ["b", "last"]);
    assert_eq!(entered.len(), 3, "one of x and y: {entered:?}");

    let filter = Filter::from_pairs([("action", "operation.refused")].into_iter()).unwrap();
    let page = engine.ledger().search(&filter, &Page::default()).await.unwrap();
    let mut refused: Vec<(String, String)> = page
        .entries
        .iter()
        .map(|line| {
            let entry: Value = serde_json::from_slice(line).unwrap();
            let reason = entry["metadata"]["reason"].as_str().unwrap().to_owned();
            (entry["target"]["id"].as_str().unwrap().to_owned(), reason)
        })
        .collect();
    refused.sort();
    let mut named: Vec<_> = [&begun[0], &begun[1]].map(String::as_str).into();
    named.push(if entered[2] == "x" { &begun[3] } else { &begun[2] });
    named.sort_unstable();
    assert_eq!(refused.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), named);
    assert!(
        refused.iter().all(|(id, reason)| {
            reason.contains(if *id == begun[0] { "cannot be read" } else { "other content" })
        }),
        "{refused:?}"
    );
    assert_eq!(engine.time_out_operations().await.unwrap().refused, 0);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_by_time_that_leads_nowhere_is_cleared_away() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let id = begin(&fixture, &engine, "op-1").await.unwrap().operation_id;
    let store = fixture.store();
    for key in
        [format!("due|{:020}|{id}", 1), "due|x".to_owned(), format!("due|{:020}|op_{}", 2, "0".repeat(32))]
    {
        store
            .put_transient(Table::Operation, store::Row { key, body: "{}".into() }, store::Expected::Anything)
            .await
            .unwrap();
    }
    let report = engine.time_out_operations().await.unwrap();
    assert_eq!((report.timed_out, report.refused), (0, 0));
    assert_eq!(pending_rows(&fixture).await, 2);
    receipt(complete(&engine, &id, r#"{"outcome":"success"}"#).await.unwrap());
    assert_eq!(pending_rows(&fixture).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_outlived_its_entry_makes_no_second_one() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let id = begin(&fixture, &engine, "op-1").await.unwrap().operation_id;
    let rows = fixture.store().rows(Table::Operation, "", None, 9).await.unwrap();
    let first = receipt(complete(&engine, &id, r#"{"outcome":"success"}"#).await.unwrap());
    let size = engine.ledger().tree_size();
    for row in rows {
        fixture.store().put_transient(Table::Operation, row, store::Expected::Anything).await.unwrap();
    }
    let error = complete(&engine, &id, r#"{"outcome":"denied"}"#).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    fixture.clock.advance_micros(TIMEOUT_MICROS + 1);
    let report = engine.time_out_operations().await.unwrap();
    assert_eq!((report.timed_out, report.refused), (0, 0));
    assert_eq!((engine.ledger().tree_size(), pending_rows(&fixture).await), (size, 0));
    let again = receipt(complete(&engine, &id, r#"{"outcome":"success"}"#).await.unwrap());
    assert_eq!(again, Receipt { duplicate: true, ..first });
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_taken_begins_nothing() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let with_external =
        |json: String| json.replace(r#""source":"test""#, r#""source":"test","external_id":"x-1""#);
    let entry = with_external(event_json("e-1", "t", "ann", "a.b"));
    engine.append(vec![fixture.event(&entry)]).await.unwrap();
    begin(&fixture, &engine, "op-1").await.unwrap();
    for (json, member) in [
        (begun_json("e-1", "ann"), "event_id"),
        (with_external(begun_json("op-2", "ann")), "external_id"),
        (begun_json("op-1", "bob"), "event_id"),
    ] {
        let error = engine.begin_operation(operation(&fixture, &json)).await.unwrap_err();
        assert_eq!((error.kind(), error.violations()[0].member.as_str()), (ErrorKind::Conflict, member));
    }
    let reserved = begun_json("op-3", "ann").replace(r#""tenant":"t""#, r#""tenant":"_strongroom""#);
    let error = engine.begin_operation(operation(&fixture, &reserved)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert_eq!(pending_rows(&fixture).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retention_that_was_long_enough_at_the_beginning_keeps_nothing_out() {
    let fixture = Fixture::new(Rows::Memory);
    let engine = fixture.create().await;
    let keeps = |event_id: &str, until: &str| {
        begun_json(event_id, "ann")
            .replace(r#""source":"test"}"#, &format!(r#""source":"test","retention_until":"{until}"}}"#))
    };
    let short = operation(&fixture, &keeps("op-1", "2029-02-27T23:59:59Z"));
    let error = engine.begin_operation(short).await.unwrap_err();
    assert_eq!((error.kind(), error.violations()[0].rule), (ErrorKind::Invalid, "shorter_than_policy"));
    let mut begun = Vec::new();
    for (event_id, until) in [("op-1", "2029-02-28T00:00:00Z"), ("op-2", "2036-01-01T00:00:00Z")] {
        let operation = operation(&fixture, &keeps(event_id, until));
        begun.push(engine.begin_operation(operation).await.unwrap().operation_id);
    }
    fixture.clock.advance_micros(60 * 1_000_000);
    for (id, until) in begun.iter().zip(["2029-02-28T00:01:00.000000Z", "2036-01-01T00:00:00.000000Z"]) {
        let receipt = receipt(complete(&engine, id, r#"{"outcome":"success"}"#).await.unwrap());
        assert_eq!(line(&engine, receipt.seq).await["retention_until"], until);
    }
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_completions_and_timeouts_at_the_same_moment_one_wins() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    for round in 0..20 {
        let event_id = format!("op-{round}");
        let id = begin(&fixture, &engine, &event_id).await.unwrap().operation_id;
        fixture.clock.advance_micros(TIMEOUT_MICROS + 1);
        let outcomes = ["success", "failure", "denied", "success"].map(|outcome| {
            let (engine, id) = (engine.clone(), id.clone());
            let json = format!(r#"{{"outcome":"{outcome}"}}"#);
            tokio::spawn(async move { (outcome, complete(&engine, &id, &json).await) })
        });
        let timing_out = tokio::spawn({
            let engine = engine.clone();
            async move { engine.time_out_operations().await.unwrap() }
        });
        let report = timing_out.await.unwrap();
        assert_eq!(report.refused, 0);
        let ended = complete(&engine, &id, r#"{"outcome":"denied","error":{"code":"other"}}"#).await;
        let entries: Vec<_> =
            ids(&engine, "t").await.into_iter().filter(|found| *found == event_id).collect();
        assert_eq!(entries.len(), 1);
        let seq = engine.ledger().tree_size() - 1;
        let entry = line(&engine, seq).await;
        let mut fresh = 0;
        for task in outcomes {
            match task.await.unwrap() {
                (_, Ok(CompletedOperation::TimedOut { seq: found })) => {
                    assert_eq!((found, &entry["outcome"]), (seq, &"unknown".into()));
                }
                (outcome, Ok(CompletedOperation::Entered(receipt))) => {
                    assert_eq!((receipt.seq, &entry["outcome"]), (seq, &outcome.into()));
                    fresh += u64::from(!receipt.duplicate);
                }
                (outcome, Err(error)) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict);
                    assert_ne!(entry["outcome"], outcome);
                }
            }
        }
        assert_eq!(fresh + report.timed_out, 1, "{ended:?}");
        let other = matches!(ended, Ok(CompletedOperation::TimedOut { .. })) || ended.is_err();
        assert!(other, "{ended:?}");
    }
    assert_eq!(pending_rows(&fixture).await, 0);
    check(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_the_schedule_times_out_and_notes_its_run() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    begin(&fixture, &engine, "op-1").await.unwrap();
    fixture.clock.advance_micros(TIMEOUT_MICROS + 1);
    let noted = async || {
        loop {
            if let Some(row) =
                fixture.store().rows(Table::TaskRun, "operations", None, 1).await.unwrap().pop()
            {
                return serde_json::from_str::<Value>(&row.body).unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let last = tokio::select! {
        () = engine.run_schedule() => unreachable!("a schedule does not end"),
        last = noted() => last,
    };
    assert_eq!(last["report"]["timed_out"], 1);
    assert_eq!((&last["error"], &last["started_at"]), (&Value::Null, &"2026-03-01T04:00:00.000001Z".into()));
    assert_eq!(ids(&engine, "t").await, ["op-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_goes_on_while_operations_come_and_go() {
    let fixture = Fixture::new(Rows::Sqlite);
    let engine = fixture.create().await;
    let traffic = async {
        for number in 0.. {
            let id = begin(&fixture, &engine, &format!("op-{number}")).await.unwrap().operation_id;
            complete(&engine, &id, r#"{"outcome":"success"}"#).await.unwrap();
        }
    };
    tokio::select! {
        () = traffic => unreachable!("it goes on for ever"),
        () = async { for _ in 0..5 { check(&engine).await; } } => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_operation_go_in_the_commit_of_its_entry() {
    let fixture = Fixture::new(Rows::Memory);
    let counting = Arc::new(FaultyStore::new(fixture.store(), Fault::Refused));
    let engine = Engine::create(fixture.parts(counting.clone()), &engine::Actor::system()).await.unwrap();
    let before = counting.commits();
    let id = begin(&fixture, &engine, "op-1").await.unwrap().operation_id;
    begin(&fixture, &engine, "op-1").await.unwrap();
    assert_eq!(counting.commits(), before + 1);
    complete(&engine, &id, r#"{"outcome":"success"}"#).await.unwrap();
    complete(&engine, &id, r#"{"outcome":"success"}"#).await.unwrap();
    assert_eq!(counting.commits(), before + 2);
}

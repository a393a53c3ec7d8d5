//! `GET /readyz`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Actor, Engine, Role};
use serde_json::{Value, json};
use server::Options;
use store::Table;
use testkit::{Fault, FaultyStore, Fixture, Rows};
use tokio::runtime::Runtime;

use crate::harness::{JSON, Response, Server, event};

/// Longer than anything here takes; only a hang comes to it.
const PATIENCE: Duration = Duration::from_secs(30);

fn faulty(fault: Fault) -> (Server, Arc<FaultyStore>) {
    let runtime = Runtime::new().unwrap();
    let fixture = Fixture::new(Rows::Sqlite);
    let store = Arc::new(FaultyStore::new(fixture.store(), fault));
    let engine = runtime.block_on(Engine::create(fixture.parts(store.clone()), &Actor::system())).unwrap();
    (Server::serve(runtime, fixture, engine, Options::default()), store)
}

#[track_caller]
fn not_ready(response: &Response, check: &str) -> Value {
    assert_eq!((response.status, response.header("retry-after")), (503, "1"), "{response:?}");
    let answer = response.json();
    assert_eq!(
        (&answer["ok"], &answer["checks"][check]["state"]),
        (&json!(false), &json!("failed")),
        "{answer}"
    );
    answer
}

/// Asks until the answer is this; what an earlier write showed is believed for a second.
fn until(server: &Server, status: u16) -> Response {
    let started = Instant::now();
    loop {
        let response = server.get("", "/readyz");
        if response.status == status {
            return response;
        }
        assert!(started.elapsed() < PATIENCE, "{response:?}");
        std::thread::yield_now();
    }
}

#[test]
fn k2_readiness_is_a_durable_write_to_its_own_row_and_no_entry() {
    let server = Server::start();
    let size = server.engine.ledger().tree_size();
    // The head's time is the last entry's: a write without an entry must not move it.
    server.fixture.clock.advance_micros(1_000_000);
    let answer = server.get("", "/readyz").ok(200);
    let ok = json!({ "state": "ok" });
    let checks =
        json!({ "write": ok, "engine": ok, "signing": ok, "clock": ok, "archive": ok, "stopping": ok });
    assert_eq!(answer, json!({ "ok": true, "checks": checks }));
    assert_eq!(server.engine.ledger().tree_size(), size);
    let rows =
        server.runtime.block_on(server.fixture.store().rows(Table::TaskRun, "ready", None, 9)).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].body, r#"{"written_at":"2026-03-01T00:00:01.000000Z"}"#);
    server.runtime.block_on(testkit::check(&server.engine));
}

#[test]
fn k2_many_callers_share_a_write_a_second() {
    let (server, store) = faulty(Fault::Refused);
    let (before, started) = (store.commits(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10).for_each(|_| drop(server.get("", "/readyz").ok(200))));
        }
    });
    let commits = store.commits() - before;
    assert!((1..=started.elapsed().as_secs() as usize + 1).contains(&commits), "{commits}");
}

#[test]
fn k2_a_write_that_fails_makes_it_not_ready_until_one_succeeds() {
    let (server, store) = faulty(Fault::Refused);
    store.fail_commit_after(0);
    let answer = not_ready(&server.get("", "/readyz"), "write");
    assert_eq!(answer["checks"]["write"]["message"], "the disk is full");
    assert!(!answer.to_string().contains("injected"), "{answer}");
    until(&server, 200);
}

#[test]
fn f4_a_ledger_that_signs_no_more_is_not_ready_and_does_not_say_which_entry() {
    let (server, store) = faulty(Fault::Refused);
    let writer = server.token(Role::Writer, None);
    store.fail_publish(true);
    server.append(&writer, JSON, &event("a")).ok(201);
    server.runtime.block_on(server.engine.checkpoint()).unwrap_err();
    not_ready(&until(&server, 503), "signing");
}

#[test]
fn a_clock_in_doubt_is_a_warning_because_events_are_taken_all_the_same() {
    let server = Server::start();
    server.fixture.clock.advance_days(1);
    let answer = server.get("", "/readyz").ok(200);
    assert_eq!(answer["checks"]["clock"]["state"], "warning", "{answer}");
}

#[test]
fn a_ledger_that_is_shut_down_is_not_ready() {
    let server = Server::start();
    server.runtime.block_on(server.engine.clone().shutdown()).unwrap();
    not_ready(&server.get("", "/readyz"), "write");
}

use client::{Client, Limits};
use serde_json::Value;

use crate::proxy::{Fault, Proxy};
use crate::server::{LONG, Server, event, json};
use crate::spooling::{SPOOL_BYTES, spooling};

/// The rows of `rejected/`.
fn rejected(server: &Server) -> Vec<Value> {
    let directory = server.spool().join("rejected");
    let files = std::fs::read_dir(directory).unwrap();
    files.flat_map(|entry| json(&std::fs::read(entry.unwrap().path()).unwrap())).collect()
}

#[tokio::test]
async fn b3_an_event_that_is_refused_is_set_aside_with_its_reason_and_holds_up_nothing() {
    let mut server = Server::start();
    server.client().await.append(&event("taken")).await.unwrap();
    server.kill();
    // A client that believes its server to be more patient than it is.
    let limits = Limits { future_seconds_max: 1_000_000, ..Limits::default() };
    let builder = server.builder().limits(limits).spool(server.spool(), SPOOL_BYTES);
    let client = builder.build().await.unwrap();
    let tomorrow = event("").occurred_at(later());
    for event in [
        event("first"),
        event("taken").request_id("other content"),
        event("second"),
        tomorrow.event_id("early"),
        event("third"),
    ] {
        client.submit(&event).await.unwrap();
    }
    server.start_again();
    client.flush(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["taken", "first", "second", "third"]);

    let status = client.spool_status().await.unwrap();
    assert_eq!((status.pending_events, status.rejected_events), (0, 2));
    let mut rows = rejected(&server);
    rows.sort_by_key(|row| row["reason"]["code"].to_string());
    let of = |row: &Value| (row["reason"]["code"].clone(), row["reason"]["details"][0]["rule"].clone());
    assert_eq!(of(&rows[0]), ("conflict".into(), "conflict".into()));
    assert_eq!(rows[0]["event"]["request_id"], "other content");
    assert_eq!(of(&rows[1]), ("event_invalid".into(), "in_future".into()));
    assert_eq!(rows[1]["event"]["event_id"], "early");

    client.close(LONG).await.unwrap();
    let status = spooling(&server).await.spool_status().await.unwrap();
    assert_eq!(status.rejected_events, 2, "they are counted by whoever opens it next");
}

fn later() -> client::Timestamp {
    use engine::Clock;
    engine::SystemClock.now().checked_add_days(1).unwrap()
}

#[tokio::test]
async fn a_server_that_does_not_say_which_event_it_refuses_is_asked_in_halves() {
    let server = Server::start();
    let too_large = Fault::Answered { status: 413, headers: "", body: "<html>too large</html>" };
    let proxy = Proxy::before(server.address(), [too_large.clone(), too_large]).await;
    let client =
        Client::builder(proxy.url(), &server.token).deadline(LONG).spool(server.spool(), SPOOL_BYTES).build().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(format!("e{number}"));
    }
    // One call, so that they are drained together.
    let mut submitting = tokio::task::JoinSet::new();
    for id in ids.clone() {
        let client = client.clone();
        submitting.spawn(async move { client.submit(&event(id)).await.unwrap() });
    }
    submitting.join_all().await;
    client.flush(LONG).await.unwrap();
    let mut there = server.event_ids();
    there.sort_unstable();
    assert_eq!(there, ids);
    assert_eq!(client.spool_status().await.unwrap().rejected_events, 0);
}

#[tokio::test]
async fn a_refused_token_pauses_the_spool_and_costs_no_event() {
    let server = Server::start();
    let wrong = Client::builder(server.url(), "sr_wrong").spool(server.spool(), SPOOL_BYTES).build().await.unwrap();
    wrong.submit(&event("e1")).await.unwrap();
    let error = wrong.flush(std::time::Duration::from_millis(500)).await.unwrap_err().to_string();
    assert!(error.contains("unauthenticated"), "{error}");
    let status = wrong.spool_status().await.unwrap();
    assert_eq!((status.pending_events, status.rejected_events), (1, 0));
    assert!(status.last_error.is_some_and(|error| error.contains("unauthenticated") && !error.contains("sr_wrong")));
    let _ = wrong.close(std::time::Duration::ZERO).await;

    spooling(&server).await.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1"]);
}

#[tokio::test]
async fn b3_a_line_that_the_disk_damaged_is_set_aside_and_holds_up_nothing() {
    let server = Server::start();
    std::fs::create_dir(server.spool()).unwrap();
    let line = |id: &str| serde_json::to_string(&event(id)).unwrap();
    let text = format!("{}\n\u{0}broken\n{}\n", line("e1"), line("e2"));
    std::fs::write(server.spool().join("audit_2026-01-01.jsonl"), text).unwrap();
    let client = spooling(&server).await;
    client.flush(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1", "e2"]);
    let rows = rejected(&server);
    assert_eq!((&rows[0]["reason"]["code"], &rows[0]["event"]), (&"spool_line_damaged".into(), &"\u{0}broken".into()));
}

use std::time::Duration;

use client::{Client, Error, Limits};
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

/// A spool that an earlier process left, so that what is drained together is known.
fn left_behind(server: &Server, lines: &[String]) {
    std::fs::create_dir(server.spool()).unwrap();
    std::fs::write(server.spool().join("audit_2026-01-01.jsonl"), lines.join("\n") + "\n").unwrap();
}

fn line(id: &str) -> String {
    serde_json::to_string(&event(id)).unwrap()
}

async fn drain_through(server: &Server, faults: Vec<Fault>) -> (Client, Vec<usize>) {
    let proxy = Proxy::before(server.address(), faults).await;
    let builder = Client::builder(proxy.url(), &server.token).spool(server.spool(), SPOOL_BYTES);
    let client = builder.build().await.unwrap();
    client.flush(LONG).await.unwrap();
    let sizes = proxy.requests().iter().map(|request| json(&request.body).len()).collect();
    (client, sizes)
}

#[tokio::test]
async fn a_proxy_that_takes_no_request_of_this_size_gets_smaller_ones() {
    let server = Server::start();
    let ids: Vec<String> = (0..8).map(|number| format!("e{number}")).collect();
    left_behind(&server, &ids.iter().map(|id| line(id)).collect::<Vec<_>>());
    let too_large = Fault::Answered { status: 413, headers: "", body: "<html>too large</html>" };
    let (client, sizes) = drain_through(&server, vec![too_large.clone(), too_large]).await;
    assert_eq!(sizes, [8, 4, 2, 2, 4]);
    assert_eq!(server.event_ids(), ids);
    assert_eq!(client.spool_status().await.unwrap().rejected_events, 0);
}

#[tokio::test]
async fn a_server_that_does_not_say_which_event_it_refuses_is_asked_in_halves() {
    let server = Server::start();
    left_behind(&server, &[line("e1"), line("e2"), line("e3")]);
    let body = r#"{"error":{"code":"too_large","message":"m","request_id":"r","details":[]}}"#;
    let too_large = Fault::Answered { status: 413, headers: "", body };
    let (client, sizes) = drain_through(&server, vec![too_large.clone(), too_large]).await;
    assert_eq!(sizes, [3, 1, 2]);
    assert_eq!(server.event_ids(), ["e2", "e3"]);
    assert_eq!(client.spool_status().await.unwrap().rejected_events, 1);
    assert_eq!(rejected(&server)[0]["event"]["event_id"], "e1");
}

#[tokio::test]
async fn a_refused_token_pauses_the_spool_and_costs_no_event() {
    let server = Server::start();
    let wrong =
        Client::builder(server.url(), "sr_wrong").spool(server.spool(), SPOOL_BYTES).build().await.unwrap();
    wrong.submit(&event("e1")).await.unwrap();
    let status = loop {
        let error = wrong.flush(Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, Error::Pending { events: 1, .. }), "{error}");
        let status = wrong.spool_status().await.unwrap();
        if status.last_error.is_some() {
            break status;
        }
    };
    assert_eq!((status.pending_events, status.rejected_events), (1, 0));
    let error = status.last_error.unwrap();
    assert!(error.contains("unauthenticated") && !error.contains("sr_wrong"), "{error}");
    wrong.close(Duration::ZERO).await.unwrap_err();

    spooling(&server).await.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1"]);
}

#[tokio::test]
async fn b3_a_line_that_the_disk_damaged_is_set_aside_and_holds_up_nothing() {
    let server = Server::start();
    left_behind(&server, &[line("e1"), "\u{0}broken".to_owned(), line("e2")]);
    let client = spooling(&server).await;
    client.flush(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1", "e2"]);
    let rows = rejected(&server);
    assert_eq!(
        (&rows[0]["reason"]["code"], &rows[0]["event"]),
        (&"spool_line_damaged".into(), &"\u{0}broken".into())
    );
}

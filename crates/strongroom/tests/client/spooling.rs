use std::time::Duration;

use client::{Appended, Client, Error, SpoolError, SpooledAt};

use crate::proxy::{Fault, Proxy};
use crate::server::{LONG, Server, event, json, tool_event};

/// Time for an append to find out that nobody answers.
const SHORT: Duration = Duration::from_millis(200);

pub(crate) const SPOOL_BYTES: u64 = 8 << 20;

pub(crate) async fn spooling(server: &Server) -> Client {
    server.builder().deadline(SHORT).spool(server.spool(), SPOOL_BYTES).build().await.unwrap()
}

fn ids(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number:04}")).collect()
}

#[tokio::test]
async fn b2_what_is_spooled_in_an_outage_is_recorded_once_and_in_order() {
    let mut server = Server::start();
    let client = spooling(&server).await;
    client.append(&event("before")).await.unwrap().receipt().expect("a server that answers takes it");
    server.kill();

    let appended = client.append(&event("appended")).await.unwrap();
    assert_eq!(appended, Appended::Spooled { event_id: "appended".to_owned(), at: SpooledAt::Client });
    for id in ids("one", 50) {
        assert_eq!(client.submit(&event(&id)).await.unwrap().event_id, id);
        client.submit(&tool_event(format!("tool-{id}"))).await.unwrap();
    }
    let status = client.spool_status().await.unwrap();
    assert_eq!((status.pending_events, status.rejected_events, status.torn_lines), (101, 0, 0));
    assert!(status.pending_bytes > 0 && status.pending_bytes == status.bytes_used, "{status:?}");
    assert!(status.oldest.is_some());
    let error = client.flush(SHORT).await.unwrap_err();
    assert!(matches!(error, Error::Pending { events: 101, .. }), "{error}");

    server.start_again();
    client.flush(LONG).await.unwrap();
    let there = server.event_ids();
    let of = |prefix: &str| there.iter().filter(|id| id.starts_with(prefix)).cloned().collect::<Vec<_>>();
    assert_eq!(of("one"), ids("one", 50));
    assert_eq!(of("tool-one"), ids("tool-one", 50));
    assert_eq!(there.len(), 102, "each is there once");
    let status = client.spool_status().await.unwrap();
    assert_eq!((status.pending_events, status.pending_bytes, status.last_error), (0, 0, None));
}

#[tokio::test]
async fn a_batch_that_cannot_be_sent_is_spooled_as_a_whole_and_goes_in_its_order() {
    let mut server = Server::start();
    let client = spooling(&server).await;
    server.kill();
    // More than one request takes, so that draining it takes several.
    let ids = ids("e", 2_500);
    let events: Vec<_> = ids.iter().map(event).collect();
    let appended = client.append_all(&events).await.unwrap();
    assert!(
        appended
            .iter()
            .zip(&ids)
            .all(|(appended, id)| appended.event_id() == id && appended.receipt().is_none())
    );
    server.start_again();
    client.flush(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ids);
}

#[tokio::test]
async fn an_acknowledgement_that_is_lost_is_harmless() {
    let server = Server::start();
    let proxy = Proxy::before(server.address(), [Fault::AnswerLost, Fault::Closed, Fault::AnswerLost]).await;
    let client =
        Client::builder(proxy.url(), &server.token).spool(server.spool(), SPOOL_BYTES).build().await.unwrap();
    let ids = ids("e", 20);
    for id in &ids {
        client.submit(&event(id)).await.unwrap();
    }
    client.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ids);

    // A crash after an acknowledgement and before the progress was noted: all of it goes again.
    for entry in std::fs::read_dir(server.spool()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "drained") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let sent_before = proxy.requests().len();
    let client =
        Client::builder(proxy.url(), &server.token).spool(server.spool(), SPOOL_BYTES).build().await.unwrap();
    client.close(LONG).await.unwrap();
    let again = proxy.requests().split_off(sent_before);
    assert_eq!(again.iter().map(|request| json(&request.body).len()).sum::<usize>(), 20);
    assert_eq!(server.event_ids(), ids);
}

#[tokio::test]
async fn a_client_that_is_dropped_leaves_its_spool_to_the_next() {
    let mut server = Server::start();
    server.kill();
    let client = spooling(&server).await;
    client.submit(&event("e1")).await.unwrap();
    let closed = client.close(SHORT).await.unwrap_err();
    assert!(matches!(closed, Error::Pending { events: 1, .. }), "{closed}");
    let error = client.submit(&event("e2")).await.unwrap_err();
    assert!(matches!(error, Error::Spool(SpoolError::Closed)), "{error}");

    server.start_again();
    let client = spooling(&server).await;
    client.close(LONG).await.unwrap();
    assert_eq!(server.event_ids(), ["e1"]);
}

#[tokio::test]
async fn submits_at_the_same_time_are_all_on_the_disk_when_they_are_answered() {
    let mut server = Server::start();
    server.kill();
    let client = spooling(&server).await;
    let mut submitting = tokio::task::JoinSet::new();
    for id in ids("e", 200) {
        let client = client.clone();
        submitting.spawn(async move { client.submit(&event(id)).await.unwrap().event_id });
    }
    let mut submitted = submitting.join_all().await;
    submitted.sort_unstable();
    assert_eq!(submitted, ids("e", 200));
    let mut found: Vec<String> = std::fs::read_dir(server.spool())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .flat_map(|path| json(&std::fs::read(path).unwrap()))
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    assert_eq!(found, submitted);
}

#[tokio::test]
async fn b2_a_full_spool_is_an_error_and_nothing_of_the_call_is_in_it() {
    let mut server = Server::start();
    server.kill();
    let builder = server.builder().deadline(SHORT).spool(server.spool(), client::SPOOL_BYTES_MIN);
    let client = builder.build().await.unwrap();
    let large = |id: &str| event(id).metadata("text", "x".repeat(60_000));
    let mut taken = Vec::new();
    let error = loop {
        let id = format!("e{:02}", taken.len());
        match client.submit(&large(&id)).await {
            Ok(_) => taken.push(id),
            Err(error) => break error,
        }
    };
    let Error::Spool(SpoolError::Full { bytes_used, bytes_max }) = error else { panic!("{error}") };
    assert!(taken.len() == 17 && bytes_used <= bytes_max && bytes_max == client::SPOOL_BYTES_MIN);
    // The caller of an append is told both: not in the ledger, and not in the spool.
    let error = client.append(&large("appended")).await.unwrap_err();
    assert!(matches!(error, Error::NotSpooled { spool: SpoolError::Full { .. }, .. }), "{error}");
    client.submit(&event("small")).await.expect("what fits is taken");

    server.start_again();
    client.flush(LONG).await.unwrap();
    taken.push("small".to_owned());
    assert_eq!(server.event_ids(), taken);
    // Drained, the day's file is too large to be kept: there is room again.
    client.submit(&large("after")).await.unwrap();
    client.close(LONG).await.unwrap();
}

#[tokio::test]
async fn an_event_that_breaks_a_rule_is_not_spooled() {
    let mut server = Server::start();
    server.kill();
    let client = spooling(&server).await;
    let broken = event("e1").member("colour", "red");
    for error in [client.submit(&broken).await.unwrap_err(), client.append(&broken).await.unwrap_err()] {
        let violation = &error.refusal().unwrap().violations()[0];
        assert_eq!((violation.member.as_str(), violation.rule.as_str()), ("colour", "unknown_member"));
    }
    let reserved = client.submit(&event("e2").source("strongroom")).await.unwrap_err();
    assert_eq!(reserved.refusal().unwrap().kind(), client::RefusalKind::Forbidden);
    assert_eq!(client.spool_status().await.unwrap().pending_events, 0);
}

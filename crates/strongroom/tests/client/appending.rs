use client::{Actor, Appended, Error, Event, Outcome, RefusalKind};
use serde_json::json;
use serde_json::value::RawValue;

use crate::server::{LONG, Server, event};

#[tokio::test]
async fn a3_the_same_event_is_recorded_once_and_other_content_is_a_conflict() {
    let server = Server::start();
    let client = server.client().await;
    let first = event("e1");
    let Appended::Recorded(receipt) = client.append(&first).await.unwrap() else { panic!("spooled") };
    assert_eq!((receipt.event_id.as_str(), receipt.duplicate), ("e1", false));

    let again = client.append(&first).await.unwrap();
    let again = again.receipt().unwrap();
    assert_eq!((again.seq, &again.leaf_hash, again.duplicate), (receipt.seq, &receipt.leaf_hash, true));

    let error = client.append(&first.clone().request_id("other")).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        (refusal.kind(), refusal.code(), refusal.status()),
        (RefusalKind::Conflict, "conflict", Some(409))
    );
    assert_eq!(refusal.violations()[0].position, Some(0));
    assert!(refusal.request_id().is_some());
    assert_eq!(server.event_ids(), ["e1"]);
}

#[tokio::test]
async fn an_event_of_a_source_is_recorded_once_however_often_it_is_delivered() {
    let server = Server::start();
    let client = server.client().await;
    let delivered = || {
        json!({
            "stream": "audit", "occurred_at": "2026-01-15T09:30:00Z", "tenant": "7", "actor": {"type": "system"},
            "action": "push.receive", "outcome": "success", "source": "github", "external_id": "delivery-1",
        })
    };
    assert!(!client.append(&delivered()).await.unwrap().receipt().unwrap().duplicate);
    assert!(client.append(&delivered()).await.unwrap().receipt().unwrap().duplicate);
}

#[tokio::test]
async fn a4_a_batch_is_all_or_nothing_and_names_what_is_wrong() {
    let server = Server::start();
    let client = server.client().await;
    let broken = Event::audit("7", Actor::user(""), "read").event_id("e2").outcome(Outcome::Success);
    let error = client.append_all(&[event("e1"), broken]).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.kind(), refusal.code()), (RefusalKind::Invalid, "event_invalid"));
    let named: Vec<_> = refusal
        .violations()
        .iter()
        .map(|found| (found.position, found.member.as_str(), found.rule.as_str()))
        .collect();
    assert_eq!(named, [(Some(1), "actor.id", "empty"), (Some(1), "action", "format")]);
    assert_eq!(server.event_ids(), [""; 0]);

    let appended = client.append_all(&[event("e1"), event("e2"), event("e3")]).await.unwrap();
    let seqs: Vec<u64> = appended.iter().map(|appended| appended.receipt().unwrap().seq).collect();
    assert_eq!(seqs, [seqs[0], seqs[0] + 1, seqs[0] + 2]);
    assert_eq!(server.event_ids(), ["e1", "e2", "e3"]);
    assert_eq!(client.append_all::<Event>(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn raw_json_is_taken_whatever_its_white_space() {
    let server = Server::start();
    let client = server.client().await;
    let text = "{\n \"stream\": \"audit\",\r\n \"tenant\": \"7\", \"actor\": {\"type\": \"system\"},\n\
                \"action\": \"a.b\", \"outcome\": \"success\", \"evidence\": \"a \\\" b\" }";
    let raw: &RawValue = serde_json::from_str(text).unwrap();
    let appended = client.append(raw).await.unwrap();
    let entries = server.entries();
    assert_eq!(entries[0]["event_id"], appended.event_id(), "the id was there before the first attempt");
    assert_eq!(entries[0]["evidence"], "a \" b");
}

#[tokio::test]
async fn k5_a_refused_token_is_told_at_once_and_not_shown() {
    let server = Server::start();
    let client = client::Client::builder(server.url(), "sr_wrong").deadline(LONG).build().await.unwrap();
    let error = client.append(&event("e1")).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().kind(), RefusalKind::Unauthenticated);
    assert!(!format!("{error} {error:?} {client:?}").contains("sr_wrong"));
}

#[tokio::test]
async fn what_needs_a_spool_says_so() {
    let server = Server::start();
    let client = server.client().await;
    let error = client.submit(&event("e1")).await.unwrap_err();
    assert!(matches!(error, Error::Spool(client::SpoolError::Absent)), "{error}");
    client.flush(LONG).await.unwrap();
    client.close(LONG).await.unwrap();
}

use std::time::{Duration, Instant};

use client::{Client, Error};
use tokio::task::JoinSet;

use crate::proxy::{Fault, Proxy};
use crate::server::{LONG, Server, event};

async fn through(proxy: &Proxy, server: &Server) -> Client {
    Client::builder(proxy.url(), &server.token).deadline(LONG).build().await.unwrap()
}

const BUSY: Fault = Fault::Answered { status: 503, headers: "Retry-After: 1\r\n", body: "" };
const FULL: Fault = Fault::Answered {
    status: 507,
    headers: "",
    body: r#"{"error":{"code":"disk_full","message":"m","request_id":"r","details":[]}}"#,
};
/// A success that is not Strongroom's, as a captive portal gives it.
const PORTAL: Fault = Fault::Answered { status: 200, headers: "", body: "<html>welcome</html>" };

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    let server = Server::start();
    let proxy = Proxy::before(server.address(), [Fault::AnswerLost, Fault::AnswerLost]).await;
    let client = through(&proxy, &server).await;
    let raw = serde_json::json!({
        "stream": "audit", "tenant": "7", "actor": {"type": "system"}, "action": "a.b", "outcome": "success",
    });
    let appended = client.append(&raw).await.unwrap();
    assert!(appended.receipt().unwrap().duplicate, "it was in the ledger since the first attempt");
    assert_eq!(server.event_ids(), [appended.event_id()]);
    let requests = proxy.requests();
    assert_eq!(requests.len(), 3);
    assert!(
        requests.iter().all(|request| request.body == requests[0].body),
        "every attempt is the same request"
    );
}

#[tokio::test]
async fn a8_what_may_pass_is_tried_again_and_not_before_the_server_says() {
    let server = Server::start();
    let proxy = Proxy::before(server.address(), [BUSY, FULL, PORTAL, Fault::Closed]).await;
    let client = through(&proxy, &server).await;
    let started = Instant::now();
    let appended = client.append_all(&[event("e1"), event("e2")]).await.unwrap();
    assert!(appended.iter().all(|appended| !appended.receipt().unwrap().duplicate));
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    assert_eq!(proxy.requests().len(), 5);
    assert_eq!(server.event_ids(), ["e1", "e2"]);
}

#[tokio::test]
async fn what_is_final_is_asked_once() {
    let server = Server::start();
    let refused = Fault::Answered {
        status: 403,
        headers: "",
        body: r#"{"error":{"code":"role_missing","message":"m","request_id":"r","details":[]}}"#,
    };
    let proxy = Proxy::before(server.address(), [refused]).await;
    let error = through(&proxy, &server).await.append(&event("e1")).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().code(), "role_missing");
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn a_traceparent_goes_along() {
    let server = Server::start();
    let proxy = Proxy::before(server.address(), []).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let client = through(&proxy, &server).await;
    client.with_traceparent(traceparent).unwrap().append(&event("e1")).await.unwrap();
    client.append(&event("e2")).await.unwrap();
    let requests = proxy.requests();
    assert_eq!(requests[0].header("traceparent"), Some(traceparent));
    assert_eq!(requests[1].header("traceparent"), None);
}

#[tokio::test]
async fn a_deadline_that_passes_hands_the_events_back_to_be_sent_again() {
    let mut server = Server::start();
    server.kill();
    let client = server.builder().deadline(Duration::from_millis(300)).build().await.unwrap();
    let error = client.append_all(&[event("e1"), event("e2")]).await.unwrap_err();
    let Error::Unavailable(unavailable) = error else { panic!("{error}") };
    assert_eq!(unavailable.event_ids().collect::<Vec<_>>(), ["e1", "e2"]);
    assert!(unavailable.attempts >= 1);
    assert!(!unavailable.to_string().contains(&server.token));

    server.start_again();
    let client = server.client().await;
    client.append_all(&unavailable.events).await.unwrap();
    assert_eq!(server.event_ids(), ["e1", "e2"]);
}

/// K3 from the producer's side: the server is killed while many append, and each of them gets its receipt in the end.
#[tokio::test(flavor = "multi_thread")]
async fn k3_a_killed_server_costs_its_clients_time_and_nothing_else() {
    const CALLERS: usize = 8;
    const EVENTS_EACH: usize = 60;
    let mut server = Server::start();
    let client = server.client().await;
    let mut calling = JoinSet::new();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    for caller in 0..CALLERS {
        let (client, told) = (client.clone(), told.clone());
        calling.spawn(async move {
            let mut receipts = Vec::new();
            for number in 0..EVENTS_EACH {
                let appended = client.append(&event(format!("{caller}-{number}"))).await.unwrap();
                receipts.push(appended.receipt().unwrap().clone());
                told.send(()).unwrap();
            }
            receipts
        });
    }
    for _ in 0..2 {
        for _ in 0..CALLERS * EVENTS_EACH / 4 {
            heard.recv().await.unwrap();
        }
        server.kill();
        server.start_again();
    }
    let receipts: Vec<_> = calling.join_all().await.into_iter().flatten().collect();
    let entries = server.entries();
    assert_eq!(entries.len(), CALLERS * EVENTS_EACH, "each event is there once");
    for receipt in receipts {
        let entry = entries.iter().find(|entry| entry["seq"] == receipt.seq).unwrap();
        assert_eq!(entry["event_id"], receipt.event_id.as_str());
    }
}

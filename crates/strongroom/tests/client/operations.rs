use client::{Client, Completed, Completion, Outcome, RefusalKind};
use serde_json::Value;

use crate::proxy::{Fault, Proxy};
use crate::server::{LONG, Server, event};

/// An event of the tests without its outcome, as a begin takes it.
fn begun(event_id: &str) -> Value {
    let mut event = serde_json::to_value(event(event_id)).unwrap();
    event.as_object_mut().unwrap().remove("outcome");
    event
}

#[tokio::test]
async fn a5_an_operation_enters_the_ledger_once_whatever_is_lost_on_the_way() {
    let server = Server::start();
    let proxy = Proxy::before(server.address(), [Fault::AnswerLost, Fault::Closed]).await;
    let client = Client::builder(proxy.url(), &server.token).deadline(LONG).build().await.unwrap();
    let started = client.begin_operation(&begun("e1")).await.unwrap();
    assert!(started.duplicate, "the first attempt had begun it");
    assert_eq!(server.event_ids(), [""; 0], "what is pending is not in the ledger");

    let completion = Completion::new(Outcome::Success).member("metadata", serde_json::json!({"rows": 3}));
    let first = client.complete_operation(&started.operation_id, &completion).await.unwrap();
    let again = client.complete_operation(&started.operation_id, &completion).await.unwrap();
    let (Completed::Recorded(first), Completed::Recorded(again)) = (first, again) else {
        panic!("timed out")
    };
    assert_eq!((first.seq, again.duplicate), (again.seq, true));
    assert_eq!(server.event_ids(), ["e1"]);
}

#[tokio::test]
async fn an_operation_that_nobody_began_is_not_found() {
    let server = Server::start();
    let client = server.client().await;
    let unknown = format!("op_{}", "0".repeat(32)).into();
    let error = client.complete_operation(&unknown, &Completion::new(Outcome::Success)).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().kind(), RefusalKind::NotFound);
}

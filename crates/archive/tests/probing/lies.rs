//! Servers that say yes to what they do not do are refused, and named where they are let in.

use archive::{Destination, Encryption, Error, LockMode, ObjectLock, probe};
use testservers::{Action, GcsDouble, LocalStack, Proxy, Rule};

use crate::place::{findings, gcs_options, open, s3, s3_options, without_race};

/// A server that does not know create-only writes: it says yes, and overwrites.
fn overwriting() -> (Proxy, Destination) {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::StripRequestHeader("if-none-match")).method("PUT"));
    let destination = s3(&bucket.behind(&proxy));
    (proxy, destination)
}

fn failed(found: &[String]) -> Vec<&str> {
    found.iter().filter_map(|finding| finding.strip_suffix(" fail")).collect()
}

#[tokio::test]
async fn a_server_that_overwrites_is_found_out() {
    let (_proxy, destination) = overwriting();
    let found = findings(&probe(&destination).await);
    assert_eq!(failed(&found), ["create-only", "create-race"], "{found:?}");
}

#[tokio::test]
async fn a_liar_is_refused_once_and_for_all_and_let_in_only_by_name() {
    let (proxy, destination) = overwriting();
    let refused = destination.prove().await.unwrap_err();
    assert!(matches!(&refused, Error::Unproven { .. }), "{refused:?}");
    assert!(refused.to_string().contains("primary is refused: create-only"), "{refused}");
    let asked = proxy.requests().len();
    assert!(destination.clone().prove().await.is_err(), "a clone knows it, too");
    assert_eq!(proxy.requests().len(), asked, "it is asked once in a process");

    let let_in = destination.accepting_unproven(true);
    let_in.prove().await.unwrap();
    assert!(let_in.unproven().await.unwrap().contains("create-only"));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_neither_proven_nor_refused() {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    let down = proxy.add(Rule::new(Action::Answer(503)));
    let destination = s3(&bucket.behind(&proxy));
    let report = destination.prove().await.unwrap().unwrap();
    assert_eq!(findings(&report), ["create-only unknown"]);
    assert!(report.doubt().is_some(), "it is not let in for the first time");
    proxy.remove(&down);
    let report = destination.prove().await.unwrap().unwrap();
    assert_eq!(report.doubt(), None, "it was asked again: {:?}", findings(&report));
    assert_eq!(destination.unproven().await, None);
}

#[tokio::test]
async fn bytes_that_come_back_changed_are_found_out() {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::FlipBit(3)).method("GET").path("create-only"));
    let found = findings(&probe(&s3(&bucket.behind(&proxy))).await);
    assert_eq!(failed(&found), ["read-back"], "{found:?}");
}

#[tokio::test]
async fn a_listing_that_cannot_be_read_is_unknown() {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::Truncate(0)).when(|request| request.query.contains("list-type")));
    let found = findings(&probe(&s3(&bucket.behind(&proxy))).await);
    assert!(found.contains(&"listed unknown".to_owned()), "{found:?}");
}

#[tokio::test]
async fn a_lock_or_an_encryption_that_is_accepted_and_ignored_is_found_out() {
    let server = LocalStack::shared();
    let bucket = server.locked_bucket();
    let proxy = Proxy::before(bucket.endpoint());
    for header in ["x-amz-object-lock-mode", "x-amz-server-side-encryption"] {
        proxy.add(Rule::new(Action::StripResponseHeader(header)).method("HEAD").times(u64::MAX));
    }
    let options = archive::DestinationOptions {
        object_lock: Some(ObjectLock { mode: LockMode::Compliance, days: 30 }),
        ..s3_options(&bucket.behind(&proxy))
    };
    let found = without_race(findings(&probe(&open(&options)).await));
    assert_eq!(failed(&found), ["object-lock"], "{found:?}");

    proxy.clear();
    proxy.add(Rule::new(Action::StripResponseHeader("x-amz-server-side-encryption")).method("HEAD"));
    let options =
        archive::DestinationOptions { encryption: Encryption::S3, ..s3_options(&bucket.behind(&proxy)) };
    let found = without_race(findings(&probe(&open(&options)).await));
    assert_eq!(failed(&found), ["encryption"], "{found:?}");

    let server = GcsDouble::start();
    let bucket = server.bucket();
    let key = bucket.kms_key();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::StripRequestHeader("x-goog-encryption-kms-key-name")));
    let options = archive::DestinationOptions { kms_key: Some(key), ..gcs_options(&bucket.behind(&proxy)) };
    let found = findings(&probe(&open(&options)).await);
    assert_eq!(failed(&found), ["encryption"], "{found:?}");
}

#[tokio::test]
async fn a_lock_of_another_mode_is_found_out() {
    let server = LocalStack::shared();
    let bucket = server.locked_bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::SetResponseHeader("x-amz-object-lock-mode", "GOVERNANCE".to_owned())));
    let options = archive::DestinationOptions {
        object_lock: Some(ObjectLock { mode: LockMode::Compliance, days: 30 }),
        ..s3_options(&bucket.behind(&proxy))
    };
    let found = without_race(findings(&probe(&open(&options)).await));
    assert_eq!(failed(&found), ["object-lock"], "{found:?}");
}

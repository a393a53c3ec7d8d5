//! Servers that keep their promises pass, and what they were asked for is read back.

use archive::{Destination, Encryption, LockMode, ObjectLock, probe};
use testservers::{Azurite, GcsDouble, LocalStack, Proxy, Rule, S3sServer};

use crate::place::{azure, findings, gcs_options, open, s3, s3_options, without_race};

/// What any honest server shows, before what belongs to its kind.
const HONEST: [&str; 4] = ["create-only pass", "read-back pass", "create-race pass", "listed pass"];

fn honest(more: &[&str]) -> Vec<String> {
    HONEST.iter().chain(more).map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn k4_a_directory_passes_and_nothing_is_left_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let destination = Destination::open("primary", folder.path().to_str().unwrap()).unwrap();
    let report = probe(&destination).await;
    assert_eq!(findings(&report), honest(&[]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn s3_passes_and_credentials_that_delete_are_named() {
    let report = probe(&s3(&LocalStack::shared().bucket())).await;
    assert_eq!(findings(&report), honest(&["checksum pass", "delete-refused warning"]));
    let (before, there, after) = report.clock.unwrap();
    assert!(archive::skew_seconds(before, there) > -5 && archive::skew_seconds(after, there) < 5);
}

#[tokio::test]
async fn d4_credentials_that_neither_delete_nor_overwrite_pass_without_a_warning() {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::refuse_delete());
    proxy.add(Rule::refuse_overwrite());
    let destination = s3(&bucket.behind(&proxy));
    let report = probe(&destination).await;
    assert_eq!(findings(&report), honest(&["checksum pass", "delete-refused pass"]));
    let left = destination.list("probe/").await.unwrap();
    assert_eq!(left.len(), 2, "few and tiny: {left:?}");
    assert!(left.iter().all(|(_, bytes)| *bytes < 100), "{left:?}");
    assert!(proxy.requests().len() <= 16, "{:?}", proxy.requests());
}

#[tokio::test]
async fn a_signature_is_right_where_signatures_are_checked() {
    let server = S3sServer::start();
    let report = probe(&s3(&server.bucket())).await;
    let expected = honest(&["checksum pass", "delete-refused warning"]);
    assert_eq!(without_race(findings(&report)), without_race(expected));
}

#[tokio::test]
async fn a_lock_and_a_key_that_were_asked_for_are_read_back() {
    let server = LocalStack::shared();
    let key = server.kms_key();
    let options = archive::DestinationOptions {
        object_lock: Some(ObjectLock { mode: LockMode::Governance, days: 30 }),
        encryption: Encryption::Kms,
        kms_key: Some(key),
        ..s3_options(&server.locked_bucket())
    };
    let report = probe(&open(&options)).await;
    let more = ["checksum pass", "object-lock pass", "encryption pass", "delete-refused warning"];
    assert_eq!(without_race(findings(&report)), without_race(honest(&more)));
}

#[tokio::test]
async fn azure_and_gcs_pass() {
    let report = probe(&azure(&Azurite::shared().container())).await;
    assert_eq!(findings(&report), honest(&["delete-refused warning"]));

    let server = GcsDouble::start();
    let bucket = server.bucket();
    let options = archive::DestinationOptions { kms_key: Some(bucket.kms_key()), ..gcs_options(&bucket) };
    bucket.retain();
    let report = probe(&open(&options)).await;
    assert_eq!(findings(&report), honest(&["encryption pass", "delete-refused pass"]));
}

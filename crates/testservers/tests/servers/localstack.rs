//! `LocalStack` does what the archive asks of S3.

use std::sync::Arc;

use object_store::aws::Checksum;
use object_store::path::Path;
use object_store::{ObjectStoreExt, integration};
use testservers::LocalStack;

use crate::suite;

#[tokio::test]
async fn the_suite_of_object_store_passes_on_localstack() {
    let store = LocalStack::shared().bucket().builder().build().unwrap();
    suite::essentials(&store).await;
    suite::parts(&store, true).await;
    integration::put_get_attributes(&store).await;
    integration::put_opts(&store, true).await;
}

#[tokio::test]
async fn of_sixteen_creates_of_one_key_localstack_lets_one_win() {
    let store = Arc::new(LocalStack::shared().bucket().builder().build().unwrap());
    suite::create_only(store.as_ref()).await;
    for round in 0..5 {
        assert_eq!(suite::race(store.clone(), &format!("key-{round}"), 16).await, 1);
    }
}

#[tokio::test]
async fn localstack_encrypts_with_the_key_it_is_told() {
    let server = LocalStack::shared();
    let (bucket, key) = (server.bucket(), server.kms_key());
    let store = bucket.builder().with_sse_kms_encryption(&key).build().unwrap();
    store.put(&Path::from("a"), "text".into()).await.unwrap();
    let head = server.request("HEAD", &format!("/{}/a", bucket.name()), &[], "").expect_success();
    assert_eq!(head.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(head.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key.as_str()));

    let unknown = key.replace(|digit: char| digit.is_ascii_digit(), "0");
    let store = bucket.builder().with_sse_kms_encryption(unknown).build().unwrap();
    assert!(store.put(&Path::from("b"), "text".into()).await.is_err(), "a key that does not exist");
}

#[tokio::test]
async fn localstack_keeps_versions_and_locks() {
    let server = LocalStack::shared();
    let bucket = server.locked_bucket();
    let target = format!("/{}/a", bucket.name());
    let lock = [
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-object-lock-retain-until-date", "2999-01-01T00:00:00Z"),
        ("x-amz-checksum-sha256", "mC2eK0/EpMHVSN0kNYKz0y8HjKPFIZR+1Bi3ZD/7Nzs="),
    ];
    let checked = server.request("PUT", &target, &lock, "text");
    assert!(!checked.status.is_success(), "a wrong checksum is refused");
    let version = server.request("PUT", &target, &lock[..2], "text").expect_success();
    let version = version.header("x-amz-version-id").unwrap().to_owned();
    let head = server.request("HEAD", &target, &[], "").expect_success();
    assert_eq!(head.header("x-amz-object-lock-mode"), Some("COMPLIANCE"));
    let gone = server.request("DELETE", &format!("{target}?versionId={version}"), &[], "");
    assert_eq!(gone.status.as_u16(), 403, "{}", gone.text());
    let kept = server.versioned_bucket();
    let state = server.request("GET", &format!("/{}?versioning", kept.name()), &[], "").expect_success();
    assert!(state.text().contains("Enabled"));
}

#[tokio::test]
async fn localstack_takes_a_sha256_checksum() {
    let store =
        LocalStack::shared().bucket().builder().with_checksum_algorithm(Checksum::SHA256).build().unwrap();
    store.put(&Path::from("a"), "text".into()).await.unwrap();
    assert_eq!(store.get(&Path::from("a")).await.unwrap().bytes().await.unwrap(), "text");
}

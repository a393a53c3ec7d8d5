//! What writes carry along, and reads do not.

use archive::{Destination, Encryption, Error, LockMode, ObjectLock, Put, StartError};
use bytes::Bytes;
use testservers::{LocalStack, Proxy, Rule, S3sServer};

use crate::places::{credentials, gcs, gcs_double, open, s3};

const BODY: Bytes = Bytes::from_static(b"body");

async fn written(destination: &Destination) {
    assert_eq!(destination.put_new("key", BODY).await.unwrap(), Put::Created);
    assert_eq!(destination.put_new("key", BODY).await.unwrap(), Put::AlreadyOurs);
    assert_eq!(destination.get("key").await.unwrap(), BODY);
    assert_eq!(destination.list("").await.unwrap(), [("key".to_owned(), 4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_object_is_encrypted_as_asked() {
    let server = LocalStack::shared();
    let key = server.kms_key();
    for (encryption, kms_key, expected) in
        [(Encryption::S3, None, "AES256"), (Encryption::Kms, Some(key.clone()), "aws:kms")]
    {
        let bucket = server.bucket();
        let destination = open(&archive::DestinationOptions { encryption, kms_key, ..s3(&bucket) });
        written(&destination).await;
        let target = format!("/{}/some/prefix/key", bucket.name());
        let answer = server.request("HEAD", &target, &[], "").expect_success();
        assert_eq!(answer.header("x-amz-server-side-encryption"), Some(expected));
        if encryption == Encryption::Kms {
            assert_eq!(answer.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key.as_str()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_object_is_locked_for_its_days_when_it_is_written() {
    let server = LocalStack::shared();
    let bucket = server.locked_bucket();
    let proxy = Proxy::before(bucket.endpoint());
    let on_reads =
        proxy.add(Rule::new(testservers::Action::Pass).when(|request| {
            request.method != "PUT" && request.headers.contains_key("x-amz-object-lock-mode")
        }));
    let object_lock = Some(ObjectLock { mode: LockMode::Governance, days: 7 });
    let behind = bucket.behind(&proxy);
    let destination = open(&archive::DestinationOptions { object_lock, ..s3(&behind) });
    written(&destination).await;
    assert_eq!(on_reads.seen(), 0);
    let target = format!("/{}/some/prefix/key", bucket.name());
    let answer = server.request("HEAD", &target, &[], "").expect_success();
    assert_eq!(answer.header("x-amz-object-lock-mode"), Some("GOVERNANCE"));
    let until = answer.header("x-amz-object-lock-retain-until-date").unwrap();
    let until = event::Timestamp::parse_rfc3339(until).unwrap().micros();
    let created = destination.state("key").await.unwrap().unwrap().last_modified.unwrap().micros();
    let days = (until - created) as f64 / 86_400e6;
    assert!((7.0..=8.0).contains(&days), "{days} days");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_s3_write_has_a_sha256_for_the_server_to_check() {
    let server = S3sServer::start();
    let bucket = server.bucket();
    let proxy = Proxy::before(bucket.endpoint());
    let with_checksum = proxy
        .add(Rule::new(testservers::Action::Pass).when(|request| {
            request.method == "PUT" && request.headers.contains_key("x-amz-checksum-sha256")
        }));
    let puts = proxy.add(Rule::new(testservers::Action::Pass).method("PUT"));
    written(&open(&s3(&bucket.behind(&proxy)))).await;
    // The first rule that matches takes a request, so none is left for the second.
    assert_eq!((with_checksum.seen(), puts.seen()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_google_object_is_encrypted_with_the_key_that_only_writes_name() {
    let bucket = gcs_double().bucket();
    let key = bucket.kms_key();
    let destination = open(&archive::DestinationOptions { kms_key: Some(key.clone()), ..gcs(&bucket) });
    written(&destination).await;
    assert_eq!(bucket.kms_key_of("some/prefix/key"), Some(key));
}

#[test]
fn a_description_that_is_not_complete_is_refused_under_its_identifier() {
    let url = |url: &str| archive::DestinationOptions {
        credentials: credentials(&[]),
        ..archive::DestinationOptions::new(url)
    };
    let half = credentials(&[("AWS_ACCESS_KEY_ID", "id"), ("AWS_REGION", "eu-central-1")]);
    let cases = [
        (url("s3://"), StartError::Bucket),
        (url("s3://bucket"), StartError::Region),
        (url("az://container"), StartError::Account),
        (archive::DestinationOptions { credentials: half, ..url("s3://bucket") }, StartError::Credentials),
        (
            archive::DestinationOptions {
                encryption: Encryption::Kms,
                region: Some("eu-central-1".to_owned()),
                ..url("s3://bucket")
            },
            StartError::Encryption,
        ),
    ];
    for (options, expected) in cases {
        let error = Destination::open_with("far", &options).unwrap_err();
        assert!(matches!(&error, Error::Start { id, .. } if *id == expected), "{error}");
        assert!(error.to_string().starts_with(expected.id()), "{error}");
    }
}

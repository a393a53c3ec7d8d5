//! How a bucket is set up is seen as far as it can be, and what cannot be seen is said so.

use archive::{DestinationOptions, LockMode, ObjectLock, inspect};
use testservers::{Action, Azurite, GcsDouble, LocalStack, Proxy, Rule};

use crate::place::{azure, findings, gcs_options, open, s3, s3_options};

const RETAIN: Option<u32> = Some(1_095);

fn lifecycle(days: u32, prefix: &str) -> String {
    format!(
        "<LifecycleConfiguration><Rule><ID>tidy</ID><Filter><Prefix>{prefix}</Prefix></Filter>\
         <Status>Enabled</Status><Expiration><Days>{days}</Days></Expiration></Rule></LifecycleConfiguration>"
    )
}

fn access_block(on: bool) -> String {
    let names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    let flags = names.map(|name| format!("<{name}>{on}</{name}>")).concat();
    format!("<PublicAccessBlockConfiguration>{flags}</PublicAccessBlockConfiguration>")
}

#[tokio::test]
async fn k4_a_bucket_that_is_set_up_well_has_nothing_against_it() {
    let server = LocalStack::shared();
    let bucket = server.locked_bucket();
    server.configure(&bucket, "publicAccessBlock", &access_block(true));
    server.configure(&bucket, "lifecycle", &lifecycle(2_000, ""));
    let options = DestinationOptions {
        object_lock: Some(ObjectLock { mode: LockMode::Compliance, days: 1_095 }),
        ..s3_options(&bucket)
    };
    let report = inspect(&open(&options), RETAIN).await;
    let expected = ["versioning pass", "public-access pass", "lifecycle pass", "bucket-lock pass"];
    assert_eq!(findings(&report), expected, "{report:?}");
}

#[tokio::test]
async fn k4_a_bucket_that_loses_and_shows_evidence_is_found_out() {
    let server = LocalStack::shared();
    let bucket = server.bucket();
    server.configure(&bucket, "lifecycle", &lifecycle(30, "audit/batches/"));
    server.request("DELETE", &format!("/{}?publicAccessBlock", bucket.name()), &[], "").expect_success();
    server.request("DELETE", &format!("/{}?ownershipControls", bucket.name()), &[], "").expect_success();
    let public = [("x-amz-acl", "public-read")];
    server.request("PUT", &format!("/{}?acl", bucket.name()), &public, "").expect_success();
    let report = inspect(&s3(&bucket), RETAIN).await;
    let expected = ["versioning warning", "public-access fail", "lifecycle fail", "bucket-lock warning"];
    assert_eq!(findings(&report), expected, "{report:?}");
    let lifecycle = &report.findings[2].message;
    assert_eq!(lifecycle, "the rule tidy removes objects after 30 days, and they are to be kept 1095 days");
}

#[tokio::test]
async fn a_lock_that_is_asked_for_and_that_the_bucket_does_not_have_fails() {
    let server = LocalStack::shared();
    let options = DestinationOptions {
        object_lock: Some(ObjectLock { mode: LockMode::Compliance, days: 30 }),
        ..s3_options(&server.versioned_bucket())
    };
    let found = findings(&inspect(&open(&options), None).await);
    assert_eq!((found[0].as_str(), found[3].as_str()), ("versioning pass", "bucket-lock fail"));
}

#[tokio::test]
async fn what_may_not_be_asked_is_unknown_and_not_fine() {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    proxy.add(Rule::new(Action::Answer(403)).method("GET"));
    let report = inspect(&s3(&bucket.behind(&proxy)), RETAIN).await;
    let expected =
        ["versioning unknown", "public-access unknown", "lifecycle unknown", "bucket-lock unknown"];
    assert_eq!(findings(&report), expected);
    assert!(report.findings.iter().all(|finding| finding.message == "the credentials may not ask"));
}

#[tokio::test]
async fn a_public_container_is_found_out() {
    let server = Azurite::shared();
    let found = findings(&inspect(&azure(&server.public_container()), RETAIN).await);
    let rest = ["bucket-lock warning", "lifecycle unknown", "versioning unknown"];
    assert_eq!(found, [&["public-access fail"][..], &rest].concat());
    let found = findings(&inspect(&azure(&server.container()), RETAIN).await);
    assert_eq!(found, [&["public-access pass"][..], &rest].concat());
}

#[tokio::test]
async fn the_description_of_a_gcs_bucket_is_read() {
    let server = GcsDouble::start();
    let bucket = server.bucket();
    let destination = open(&gcs_options(&bucket));
    bucket.describe(
        r#"{"versioning":{"enabled":true},"iamConfiguration":{"publicAccessPrevention":"enforced"},
            "retentionPolicy":{"retentionPeriod":"94694400","isLocked":true},
            "lifecycle":{"rule":[{"action":{"type":"SetStorageClass"},"condition":{"age":30}}]}}"#,
    );
    let found = findings(&inspect(&destination, RETAIN).await);
    assert_eq!(found, ["versioning pass", "public-access pass", "lifecycle pass", "bucket-lock pass"]);

    bucket.describe(r#"{"lifecycle":{"rule":[{"action":{"type":"Delete"},"condition":{"age":30}}]}}"#);
    bucket.set_policy(r#"{"bindings":[{"role":"roles/storage.objectViewer","members":["allUsers"]}]}"#);
    let found = findings(&inspect(&destination, RETAIN).await);
    assert_eq!(found, ["versioning warning", "public-access fail", "lifecycle fail", "bucket-lock warning"]);
}

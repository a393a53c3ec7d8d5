//! Every server keeps the contract, but for what it is known not to do.

use archive::conformance::{Check, assert_conforms, check_largest};
use testservers::{Azurite, LocalStack, Proxy, Rule, S3sServer};

use crate::places::{azure, gcs, gcs_double, open, s3};

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_bucket_keeps_the_contract() {
    let bucket = LocalStack::shared().bucket();
    assert_conforms(open(&s3(&bucket)).storage(), "below/", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_may_neither_delete_nor_overwrite_are_enough() {
    let bucket = LocalStack::shared().bucket();
    let proxy = Proxy::before(bucket.endpoint());
    let refusals = [proxy.add(Rule::refuse_delete()), proxy.add(Rule::refuse_overwrite())];
    let destination = open(&s3(&bucket.behind(&proxy)));
    assert_conforms(destination.storage(), "below/", &[Check::Removal]).await;
    assert!(refusals[0].seen() > 0, "the deletion never came");
    assert_eq!(refusals[1].seen(), 0, "something was written without the condition that nothing is there");
}

/// Signatures and checksums are checked here. Of creates at the same time more than one may win, and the name of a
/// directory is answered with 500.
#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_that_checks_signatures_takes_ours() {
    let server = S3sServer::start();
    let destination = open(&s3(&server.bucket()));
    let gaps = [Check::ConcurrentCreates, Check::DirectoryNames];
    assert_conforms(destination.storage(), "below/", &gaps).await;
    check_largest(destination.storage(), "below/").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_azure_container_keeps_the_contract() {
    let container = Azurite::shared().container();
    assert_conforms(open(&azure(&container)).storage(), "below/", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_google_bucket_keeps_the_contract() {
    let bucket = gcs_double().bucket();
    assert_conforms(open(&gcs(&bucket)).storage(), "below/", &[]).await;
}

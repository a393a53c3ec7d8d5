//! What goes wrong on the way: each ends in the truth, or in an error that says what it is about and no secret.

use archive::{Destination, DestinationOptions, Error, Put};
use bytes::Bytes;
use testservers::{Action, Azurite, LocalStack, Proxy, Rule, S3sServer};

use crate::places::{azure, gcs, gcs_double, impatient, open, s3};

const BODY: Bytes = Bytes::from_static(b"body");

/// A server of each kind behind a proxy, described.
fn everywhere() -> Vec<(Proxy, DestinationOptions)> {
    let bucket = LocalStack::shared().bucket();
    let s3_proxy = Proxy::before(bucket.endpoint());
    let s3 = s3(&bucket.behind(&s3_proxy));
    let container = Azurite::shared().container();
    let azure_proxy = Proxy::before(container.endpoint());
    let azure = azure(&container.behind(&azure_proxy));
    let bucket = gcs_double().bucket();
    let gcs_proxy = Proxy::before(bucket.endpoint());
    let gcs = gcs(&bucket.behind(&gcs_proxy));
    vec![(s3_proxy, s3), (azure_proxy, azure), (gcs_proxy, gcs)]
}

fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_lost_after_a_committed_create_ends_as_already_ours() {
    for (proxy, options) in everywhere() {
        let rule = proxy.add(Rule::new(Action::DropReply).method("PUT").times(1));
        let put = open(&options).put_new("key", BODY).await.unwrap();
        assert_eq!(put, Put::AlreadyOurs, "{}", options.url);
        assert!(rule.seen() >= 1);
        assert_eq!(open(&options).get("key").await.unwrap(), BODY);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_to_a_create_lost_still_ends_as_already_ours() {
    for (proxy, options) in everywhere() {
        proxy.add(Rule::new(Action::DropReply).method("PUT"));
        let options = DestinationOptions { timeouts: impatient(), ..options };
        assert_eq!(open(&options).put_new("key", BODY).await.unwrap(), Put::AlreadyOurs, "{}", options.url);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_or_failed_write_names_the_object_and_the_reason_and_leaves_nothing() {
    for (proxy, options) in everywhere() {
        let options = DestinationOptions { timeouts: impatient(), ..options };
        let destination = open(&options);
        for (status, reason) in [(403, "403"), (500, "500"), (503, "503"), (507, "507")] {
            proxy.add(Rule::new(Action::Answer(status)).method("PUT"));
            let error = text(&destination.put_new("a/key", BODY).await.unwrap_err());
            assert!(error.contains("far") && error.contains("a/key") && error.contains(reason), "{error}");
            proxy.clear();
            assert!(!destination.exists("a/key").await.unwrap(), "{status} at {}", options.url);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_given_up() {
    for (proxy, options) in everywhere() {
        let options = DestinationOptions { timeouts: impatient(), ..options };
        proxy.add(Rule::new(Action::NeverAnswer));
        let error = text(&open(&options).put_new("key", BODY).await.unwrap_err());
        assert!(error.contains("cannot write key"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_short_is_never_taken_for_the_whole() {
    for (proxy, options) in everywhere() {
        let options = DestinationOptions { timeouts: impatient(), ..options };
        let destination = open(&options);
        let body = Bytes::from(vec![7_u8; 100_000]);
        destination.put_new("key", body.clone()).await.unwrap();
        proxy.add(Rule::new(Action::Tear(1_000)).method("GET"));
        let error = text(&destination.get("key").await.unwrap_err());
        assert!(error.contains("cannot read key"), "{error}");
        proxy.clear();
        assert_eq!(destination.get("key").await.unwrap(), body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_refused_without_being_told_to_anybody() {
    let server = S3sServer::start();
    let bucket = server.bucket();
    let secret = "wrong-secret-0123456789";
    let pairs = [("AWS_ACCESS_KEY_ID", bucket.access_key_id()), ("AWS_SECRET_ACCESS_KEY", secret)];
    let options = DestinationOptions { credentials: crate::places::credentials(&pairs), ..s3(&bucket) };
    let destination: Destination = open(&options);
    let error = text(&destination.put_new("key", BODY).await.unwrap_err());
    assert!(error.contains("403"), "{error}");
    assert!(!error.contains(secret) && !error.contains("AWS4-HMAC"), "{error}");
    assert!(!format!("{options:?}").contains(secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_unless_the_destination_was_opened_for_expiry() {
    let destination = open(&gcs(&gcs_double().bucket()));
    destination.put_new("key", BODY).await.unwrap();
    assert!(matches!(destination.remove("key").await, Err(Error::Invalid(_))));
    assert!(destination.exists("key").await.unwrap());
    destination.clone().for_expiry().remove("key").await.unwrap();
    assert!(!destination.exists("key").await.unwrap());
}

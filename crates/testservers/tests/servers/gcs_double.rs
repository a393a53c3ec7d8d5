//! The double of Google Cloud Storage does what the archive asks of the real one.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ClientOptions, Error, ObjectStoreExt, integration};
use testservers::{GcsDouble, call};

use crate::suite;

#[tokio::test]
async fn the_suite_of_object_store_passes_on_the_double() {
    let server = GcsDouble::start();
    let store = server.bucket().builder().build().unwrap();
    suite::essentials(&store).await;
    suite::parts(&store, true).await;
    integration::copy_if_not_exists(&store).await;
    integration::put_get_attributes(&store).await;
    integration::put_opts(&store, true).await;
}

#[tokio::test]
async fn of_sixteen_creates_of_one_key_the_double_lets_one_win() {
    let server = GcsDouble::start();
    let store = Arc::new(server.bucket().builder().build().unwrap());
    suite::create_only(store.as_ref()).await;
    for round in 0..5 {
        assert_eq!(suite::race(store.clone(), &format!("key-{round}"), 16).await, 1);
    }
}

#[tokio::test]
async fn the_double_lists_more_than_a_page() {
    use futures::TryStreamExt;
    use object_store::ObjectStore;

    let server = GcsDouble::start();
    let store = server.bucket().builder().build().unwrap();
    for number in 0..1005 {
        store.put(&Path::from(format!("many/{number:04}")), "".into()).await.unwrap();
    }
    let listed: Vec<_> = store.list(Some(&Path::from("many"))).try_collect().await.unwrap();
    let names: Vec<_> = listed.iter().map(|meta| meta.location.filename().unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..1005).map(|number| format!("{number:04}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn the_double_checks_the_name_of_a_key() {
    let server = GcsDouble::start();
    let bucket = server.bucket();
    let key = bucket.kms_key();
    let with = |name: &str| {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("x-goog-encryption-kms-key-name", name.parse().unwrap());
        let options = ClientOptions::new().with_allow_http(true).with_default_headers(headers);
        bucket.builder().with_client_options(options).build().unwrap()
    };
    with(&key).put(&Path::from("a"), "text".into()).await.unwrap();
    assert_eq!(bucket.kms_key_of("a"), Some(key.clone()));
    assert!(with("projects/other").put(&Path::from("b"), "text".into()).await.is_err());
    assert!(with(&key).get(&Path::from("a")).await.is_err(), "the header does not belong on a read");
}

#[tokio::test]
async fn what_the_double_retains_is_neither_deleted_nor_replaced() {
    let server = GcsDouble::start();
    let bucket = server.bucket();
    let store = bucket.builder().build().unwrap();
    store.put(&Path::from("a"), "first".into()).await.unwrap();
    bucket.retain();
    assert!(matches!(store.delete(&Path::from("a")).await, Err(Error::PermissionDenied { .. })));
    assert!(matches!(store.put(&Path::from("a"), "b".into()).await, Err(Error::PermissionDenied { .. })));
    assert_eq!(store.get(&Path::from("a")).await.unwrap().bytes().await.unwrap(), "first");
    store.put(&Path::from("b"), "second".into()).await.unwrap();
}

#[tokio::test]
async fn the_double_wants_a_token_and_describes_its_buckets() {
    let server = GcsDouble::start();
    let bucket = server.bucket();
    let url = format!("{}/storage/v1/b/{}", bucket.endpoint(), bucket.name());
    assert_eq!(call("GET", &url, &[], "").status.as_u16(), 401);
    let token = [("authorization", "Bearer x")];
    assert_eq!(call("GET", &url, &token, "").expect_success().text(), "{}");
    bucket.describe(r#"{"versioning":{"enabled":true}}"#);
    assert!(call("GET", &url, &token, "").text().contains("versioning"));
    assert_eq!(call("GET", &format!("{url}/iam"), &token, "").status.as_u16(), 403);
    let keyed = object_store::gcp::GoogleCloudStorageBuilder::new()
        .with_service_account_key(bucket.credentials_file())
        .with_bucket_name(bucket.name())
        .with_client_options(ClientOptions::new().with_allow_http(true));
    keyed.build().unwrap().put(&Path::from("a"), "text".into()).await.unwrap();
}

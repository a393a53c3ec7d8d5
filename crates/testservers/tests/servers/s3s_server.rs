//! The S3 server in this process checks signatures; it does not arbitrate between creates.

use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, integration};
use testservers::S3sServer;

use crate::suite;

#[tokio::test]
async fn what_the_archive_needs_of_object_stores_suite_passes_on_s3s() {
    let server = S3sServer::start();
    let store = || server.bucket().builder().build().unwrap();
    integration::list_uses_directories_correctly(&store()).await;
    integration::stream_get(&store()).await;
    let store = store();
    suite::create_only(&store).await;
}

#[tokio::test]
async fn s3s_refuses_a_wrong_key() {
    let server = S3sServer::start();
    let bucket = server.bucket();
    let store = bucket.builder().with_secret_access_key("another").build().unwrap();
    let refused = store.put(&Path::from("a"), "text".into()).await.unwrap_err();
    assert!(matches!(refused, object_store::Error::PermissionDenied { .. }), "{refused:?}");
    bucket.builder().build().unwrap().put(&Path::from("a"), "text".into()).await.unwrap();
}

#[tokio::test]
async fn s3s_ignores_the_condition_that_an_object_has_changed() {
    let server = S3sServer::start();
    let store = server.bucket().builder().build().unwrap();
    store.put(&Path::from("a"), "text".into()).await.unwrap();
    let modified = store.head(&Path::from("a")).await.unwrap().last_modified;
    let options = GetOptions::new().with_if_modified_since(Some(modified));
    assert!(store.get_opts(&Path::from("a"), options).await.is_ok());
}

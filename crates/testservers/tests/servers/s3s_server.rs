//! The S3 server in this process checks signatures; it does not arbitrate between creates.

use object_store::path::Path;
use object_store::{ObjectStoreExt, integration};
use testservers::S3sServer;

use crate::suite;

#[tokio::test]
async fn what_the_archive_needs_of_object_stores_suite_passes_on_s3s() {
    let server = S3sServer::start();
    let store = server.bucket().builder().build().unwrap();
    integration::get_opts(&store).await;
    integration::stream_get(&store).await;
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

//! What is here keeps the contract that is asked of others.

use std::sync::Arc;

use archive::Destination;
use archive::conformance::{assert_conforms, check_largest};
use object_store::memory::InMemory;

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}/odd%20name", directory.path().display());
    let destination = Destination::open_or_create("local", &url).unwrap();
    assert_conforms(destination.storage(), "", &[]).await;
    check_largest(destination.storage(), "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_object_store_that_creates_only_keeps_the_contract() {
    let destination = Destination::over_store("memory", Arc::new(InMemory::new()), "").unwrap();
    assert_conforms(destination.storage(), "some/where/", &[]).await;
}

//! Azurite does what the archive asks of Azure, except for what keeps objects.

use std::sync::Arc;

use object_store::integration;
use testservers::Azurite;

use crate::suite;

#[tokio::test]
async fn the_suite_of_object_store_passes_on_azurite() {
    let store = Azurite::shared().container().builder().build().unwrap();
    suite::essentials(&store).await;
    suite::parts(&store, false).await;
    integration::copy_if_not_exists(&store).await;
    integration::put_opts(&store, true).await;
}

#[tokio::test]
async fn of_sixteen_creates_of_one_key_azurite_lets_one_win() {
    let store = Arc::new(Azurite::shared().container().builder().build().unwrap());
    suite::create_only(store.as_ref()).await;
    for round in 0..5 {
        assert_eq!(suite::race(store.clone(), &format!("key-{round}"), 16).await, 1);
    }
}

#[test]
fn azurite_says_which_containers_are_public() {
    let server = Azurite::shared();
    let access = |container: &testservers::Container| {
        let properties = container.request("GET", "?restype=container", &[], "").expect_success();
        properties.header("x-ms-blob-public-access").map(str::to_owned)
    };
    assert_eq!(access(&server.public_container()).as_deref(), Some("container"));
    assert_eq!(access(&server.container()), None);
}

#[test]
fn azurite_ignores_immutability() {
    let container = Azurite::shared().container();
    let headers = [
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-immutability-policy-until-date", "Fri, 01 Jan 2999 00:00:00 GMT"),
        ("x-ms-immutability-policy-mode", "locked"),
    ];
    container.request("PUT", "/a", &headers, "text").expect_success();
    let head = container.request("HEAD", "/a", &[], "").expect_success();
    assert_eq!(head.header("x-ms-immutability-policy-mode"), None);
    container.request("DELETE", "/a", &[], "").expect_success();
}

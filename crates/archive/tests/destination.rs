//! Writes are create-only, durable and safe to repeat.

use std::sync::Arc;

use archive::{Destination, Error, Put};
use bytes::Bytes;
use object_store::memory::InMemory;

fn local(root: &std::path::Path) -> Destination {
    Destination::open_or_create("local", &format!("file://{}", root.display())).unwrap()
}

async fn put_semantics(destination: &Destination) {
    let body = Bytes::from_static(b"body");
    assert_eq!(destination.put_new("a/b/c.txt", body.clone()).await.unwrap(), Put::Created);
    assert_eq!(destination.put_new("a/b/c.txt", body.clone()).await.unwrap(), Put::AlreadyOurs);
    for other in [&b"bodx"[..], b"bod", b"body2", b""] {
        let refused = destination.put_new("a/b/c.txt", Bytes::copy_from_slice(other)).await.unwrap_err();
        assert!(matches!(&refused, Error::Conflict { key, .. } if key == "a/b/c.txt"), "{refused}");
    }
    assert_eq!(destination.get("a/b/c.txt").await.unwrap(), body);
    assert_eq!(destination.size("a/b/c.txt").await.unwrap(), Some(4));
    assert!(!destination.exists("a/b").await.unwrap());
    assert!(matches!(destination.get("a/none").await.unwrap_err(), Error::NotFound { .. }));
    assert!(matches!(destination.read_at_most("a/b/c.txt", 3).await.unwrap_err(), Error::TooLarge { .. }));
    destination.put_new("a/%2E%2E/~x", Bytes::new()).await.unwrap();
    let all = destination.list("").await.unwrap();
    assert_eq!(all, [("a/%2E%2E/~x".to_owned(), 0), ("a/b/c.txt".to_owned(), 4)]);
    assert_eq!(destination.list("a/b/").await.unwrap(), [("a/b/c.txt".to_owned(), 4)]);
    assert_eq!(destination.list("none/").await.unwrap(), []);
}

#[tokio::test]
async fn a_local_directory_is_create_only() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local(&directory.path().join("not/yet there"));
    put_semantics(&destination).await;
    assert_eq!(std::fs::read(destination.local_root().unwrap().join("a/b/c.txt")).unwrap(), b"body");
}

#[tokio::test]
async fn an_object_store_under_a_prefix_is_create_only() {
    let store = Arc::new(InMemory::new());
    let destination = Destination::over_store("memory", store.clone(), "some/where/").unwrap();
    put_semantics(&destination).await;
    let whole = Destination::over_store("memory", store, "").unwrap();
    assert_eq!(whole.get("some/where/a/b/c.txt").await.unwrap(), "body");
}

#[tokio::test]
async fn of_many_creators_of_one_key_the_equal_ones_succeed_and_one_creates() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local(directory.path());
    let puts = (0..24).map(|number: u8| {
        let destination = destination.clone();
        let body = Bytes::from(vec![number % 2; 1000]);
        tokio::spawn(async move { (number % 2, destination.put_new("deep/er/key", body).await) })
    });
    let mut outcomes = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        outcomes.push(put.await.unwrap());
    }
    let stored = destination.get("deep/er/key").await.unwrap()[0];
    let created = outcomes.iter().filter(|(_, put)| matches!(put, Ok(Put::Created))).count();
    assert_eq!(created, 1);
    for (number, put) in outcomes {
        match put {
            Ok(_) => assert_eq!(number, stored),
            Err(Error::Conflict { .. }) => assert_ne!(number, stored),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_a_killed_writer_left_beside_a_key_is_not_listed_and_not_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local(directory.path());
    std::fs::create_dir(directory.path().join("a")).unwrap();
    std::fs::write(directory.path().join("a/key#1"), b"half").unwrap();
    assert_eq!(destination.put_new("a/key", Bytes::from_static(b"whole")).await.unwrap(), Put::Created);
    assert_eq!(destination.list("").await.unwrap(), [("a/key".to_owned(), 5)]);
}

#[test]
fn a_root_that_is_not_there_is_no_empty_archive() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}/mistyped", directory.path().display());
    let refused = Destination::open("local", &url).unwrap_err();
    assert!(matches!(refused, Error::NoDirectory { .. }), "{refused:?}");
    let named = format!("there is no directory {}/mistyped", directory.path().display());
    assert_eq!(refused.to_string(), named);
    Destination::open_or_create("local", &url).unwrap();
    Destination::open("local", &url).unwrap();
}

#[tokio::test]
async fn a_key_cannot_leave_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local(&directory.path().join("root"));
    for key in ["../x", "a/../../x", "", "/x", "a//b", "a/./b", "x/"] {
        let refused = destination.put_new(key, Bytes::new()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{key}: {refused:?}");
    }
}

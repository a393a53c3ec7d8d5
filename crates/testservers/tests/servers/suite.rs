//! The part of `object_store`'s integration suite that concerns what an archive needs, and a race of creates.

use std::sync::Arc;

use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, integration};

/// Reading, writing, listing, ranges and conditions, on an empty bucket.
pub(crate) async fn essentials(store: &(impl ObjectStore + PaginatedListStore)) {
    integration::put_get_delete_list(store).await;
    integration::list_with_offset_exclusivity(store).await;
    integration::get_opts(store).await;
    integration::list_uses_directories_correctly(store).await;
    integration::list_with_delimiter(store).await;
    integration::rename_and_copy(store).await;
    integration::stream_get(store).await;
    integration::list_paginated(store, store).await;
    assert!(integration::get_nonexistent_object(store, None).await.unwrap_err().to_string().contains("not"));
}

/// Uploads in parts. Of two of one key at once, the one that completes last may win, or fail.
pub(crate) async fn parts(store: &(impl ObjectStore + MultipartStore), last_wins: bool) {
    integration::multipart(store, store).await;
    integration::multipart_out_of_order(store).await;
    integration::multipart_race_condition(store, last_wins).await;
}

/// Creates one key from several sides at once and returns how many were told that they created it.
pub(crate) async fn race(store: Arc<dyn ObjectStore>, key: &str, contenders: usize) -> usize {
    let mut tasks = tokio::task::JoinSet::new();
    for contender in 0..contenders {
        let store = Arc::clone(&store);
        let path = Path::from(key);
        tasks.spawn(async move {
            let payload = PutPayload::from(format!("contender {contender}").into_bytes());
            store.put_opts(&path, payload, PutOptions::from(PutMode::Create)).await.is_ok()
        });
    }
    tasks.join_all().await.into_iter().filter(|created| *created).count()
}

/// Create-only puts one after the other: the second is refused and changes nothing.
pub(crate) async fn create_only(store: &dyn ObjectStore) {
    let path = Path::from("create/only");
    let create = |text: &'static str| {
        store.put_opts(&path, PutPayload::from_static(text.as_bytes()), PutOptions::from(PutMode::Create))
    };
    create("first").await.unwrap();
    let refused = create("second").await.unwrap_err();
    assert!(matches!(refused, object_store::Error::AlreadyExists { .. }), "{refused:?}");
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "first");
}

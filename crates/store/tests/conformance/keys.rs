//! Dedup keys.

use store::Store;

use crate::samples::{commit_after, key, key_row};

async fn with_keys(store: &dyn Store, numbers: &[u64]) {
    let mut commit = commit_after(0, numbers.len() as u64);
    commit.keys = numbers.iter().zip(0..).map(|(number, seq)| key_row(*number, seq)).collect();
    store.commit(commit).await.unwrap();
}

pub(crate) async fn keys_are_answered_in_the_order_asked(store: &dyn Store) {
    with_keys(store, &[5, 3, 9]).await;
    let asked = vec![key(9), key(4), key(5), key(9)];
    let found = store.keys(asked).await.unwrap();
    assert_eq!(found, [Some(key_row(9, 2)), None, Some(key_row(5, 0)), Some(key_row(9, 2))]);
    assert_eq!(store.keys(Vec::new()).await.unwrap(), []);
}

pub(crate) async fn paging_visits_every_key_once_in_key_order(store: &dyn Store) {
    // The first byte of a key counts without a sign.
    let high = u64::MAX;
    with_keys(store, &[high, 0, 70_000, 256, 255, 1]).await;
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = store.keys_after(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        seen.extend(page);
    }
    let expected = [(0, 1), (1, 5), (255, 4), (256, 3), (70_000, 2), (high, 0)];
    assert_eq!(seen, expected.map(|(number, seq)| key_row(number, seq)));
    let between = store.keys_after(Some(key(100)), usize::MAX).await.unwrap();
    assert_eq!(between.first(), Some(&key_row(255, 4)));
    assert_eq!(store.keys_after(Some([255; 16]), 5).await.unwrap(), []);
}

pub(crate) async fn deleted_keys_are_free_again(store: &dyn Store) {
    with_keys(store, &[1, 2, 3]).await;
    store.delete_keys(vec![key(1), key(3)]).await.unwrap();
    assert_eq!(store.keys(vec![key(1), key(2), key(3)]).await.unwrap(), [None, Some(key_row(2, 1)), None]);
    let mut commit = commit_after(3, 1);
    commit.keys = vec![key_row(3, 3)];
    store.commit(commit).await.unwrap();
    assert_eq!(store.keys(vec![key(3)]).await.unwrap(), [Some(key_row(3, 3))]);
}

pub(crate) async fn deleting_unknown_keys_is_no_error(store: &dyn Store) {
    with_keys(store, &[1]).await;
    store.delete_keys(vec![key(7), key(7)]).await.unwrap();
    store.delete_keys(Vec::new()).await.unwrap();
    assert_eq!(store.keys_after(None, 9).await.unwrap(), [key_row(1, 0)]);
}

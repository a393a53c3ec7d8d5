//! Recovering, reclaiming, and reading beside writes.

use store::{EntryScan, Order, Store};

use crate::contents::{Contents, hot};
use crate::samples::{block, commit_after, fill, key, key_row, prune_after, segment};

pub(crate) async fn recovering_a_healthy_store_changes_nothing(store: &dyn Store) {
    assert_eq!(store.recover().await.unwrap(), None);
    fill(store, 3).await;
    store.seal(segment(0), vec![block(0, 0, 0, 1)]).await.unwrap();
    let before = Contents::of(store).await;
    for _ in 0..2 {
        assert_eq!(store.recover().await.unwrap(), before.head);
    }
    assert_eq!(Contents::of(store).await, before);
    store.commit(commit_after(3, 1)).await.unwrap();
    assert_eq!(hot(store).await, [0, 1, 2, 3]);
}

pub(crate) async fn reclaiming_changes_no_row(store: &dyn Store) {
    store.reclaim(1 << 20).await.unwrap();
    let mut commit = commit_after(0, 2_000);
    commit.keys = (0..2_000).map(|seq| key_row(seq, seq)).collect();
    store.commit(commit).await.unwrap();
    store.commit(prune_after(2_000, vec![0..900, 1_000..1_500], vec![])).await.unwrap();
    store.delete_keys((0..900).map(key).collect()).await.unwrap();
    let before = Contents::of(store).await;
    for bytes_max in [0, 1, 10_000, u64::MAX] {
        store.reclaim(bytes_max).await.unwrap();
    }
    assert_eq!(store.reclaim(u64::MAX).await.unwrap(), 0, "nothing is left to give back");
    assert_eq!(Contents::of(store).await, before);
}

pub(crate) async fn a_read_never_sees_half_a_commit(store: &dyn Store) {
    store.commit(commit_after(0, 0)).await.unwrap();
    let writing = async {
        for round in 0..40 {
            let mut commit = commit_after(round * 5, 5);
            commit.keys = (round * 5..round * 5 + 5).map(|seq| key_row(seq, seq)).collect();
            store.commit(commit).await.unwrap();
        }
    };
    let reading = async {
        loop {
            let scan =
                EntryScan { range: 0..200, order: Order::Descending, rows_max: 1_000, bytes_max: usize::MAX };
            let entries = store.entries(scan).await.unwrap();
            assert_eq!(entries.len() % 5, 0);
            let found = store.keys((0..200).rev().map(key).collect()).await.unwrap();
            assert_eq!(found.iter().flatten().count() % 5, 0);
            if entries.len() == 200 {
                break;
            }
        }
    };
    tokio::join!(writing, reading);
}

//! Pruning: hot copies go, everything else stays.

use store::{Commit, Prune, SegmentState, Store};

use crate::contents::hot;
use crate::samples::{block, commit_after, fill, key, key_row, prune_after, segment};

pub(crate) async fn pruned_ranges_go_and_gaps_stay(store: &dyn Store) {
    fill(store, 12).await;
    store.commit(prune_after(12, vec![0..3, 4..5, 8..11], vec![])).await.unwrap();
    assert_eq!(hot(store).await, [3, 5, 6, 7, 11]);
    assert_eq!(store.head().await.unwrap().unwrap().size, 12);
}

pub(crate) async fn pruning_twice_is_no_error(store: &dyn Store) {
    fill(store, 6).await;
    for _ in 0..2 {
        store.commit(prune_after(6, std::iter::once(1..4).collect(), vec![])).await.unwrap();
        assert_eq!(hot(store).await, [0, 4, 5]);
    }
}

pub(crate) async fn ranges_may_overlap(store: &dyn Store) {
    fill(store, 10).await;
    store.commit(prune_after(10, vec![6..8, 1..3, 1..5, 1..3, 2..4], vec![])).await.unwrap();
    assert_eq!(hot(store).await, [0, 5, 8, 9]);
}

#[expect(clippy::reversed_empty_ranges, reason = "an empty range is what is tested")]
pub(crate) async fn an_empty_or_endless_range_is_taken_as_it_is(store: &dyn Store) {
    fill(store, 10).await;
    store.commit(prune_after(10, vec![0..0, 5..5, 7..2, u64::MAX..u64::MAX], vec![])).await.unwrap();
    assert_eq!(hot(store).await, (0..10).collect::<Vec<_>>());
    store.commit(prune_after(10, vec![8..u64::MAX, 100..200], vec![])).await.unwrap();
    assert_eq!(hot(store).await, (0..8).collect::<Vec<_>>());
}

pub(crate) async fn a_dropped_segment_loses_its_blocks_and_stays_listed(store: &dyn Store) {
    fill(store, 4).await;
    for number in 0..3 {
        store
            .seal(segment(number), vec![block(number, 0, 0, 1), block(number, 255, 65_535, 1)])
            .await
            .unwrap();
    }
    store.commit(prune_after(4, std::iter::once(0..2).collect(), vec![1])).await.unwrap();
    let segments = store.segments().await.unwrap();
    let states: Vec<_> = segments.iter().map(|segment| segment.state).collect();
    assert_eq!(states, [SegmentState::Sealed, SegmentState::Dropped, SegmentState::Sealed]);
    assert_eq!(segments[1].root, segment(1).root);
    assert_eq!(store.posting_blocks(1).await.unwrap(), []);
    assert_eq!(store.postings(0, 1, vec![1]).await.unwrap(), []);
    for number in [0, 2] {
        assert_eq!(store.posting_blocks(number).await.unwrap().len(), 2);
    }
}

pub(crate) async fn keys_outlive_their_pruned_entries(store: &dyn Store) {
    let mut commit = commit_after(0, 2);
    commit.keys = vec![key_row(1, 0)];
    store.commit(commit).await.unwrap();
    store.commit(prune_after(2, std::iter::once(0..2).collect(), vec![])).await.unwrap();
    assert_eq!(store.keys(vec![key(1)]).await.unwrap(), [Some(key_row(1, 0))]);
}

pub(crate) async fn seqs_are_not_used_again_after_pruning_the_end(store: &dyn Store) {
    fill(store, 4).await;
    store.commit(prune_after(4, std::iter::once(0..4).collect(), vec![])).await.unwrap();
    assert_eq!(hot(store).await, []);
    store.commit(commit_after(4, 1)).await.unwrap();
    assert_eq!(hot(store).await, [4]);
}

pub(crate) async fn dropping_an_unknown_segment_is_no_error(store: &dyn Store) {
    fill(store, 1).await;
    store.commit(prune_after(1, vec![], vec![7])).await.unwrap();
    assert_eq!(store.segments().await.unwrap(), []);
}

pub(crate) async fn pruning_sees_the_entries_of_its_own_commit(store: &dyn Store) {
    fill(store, 2).await;
    let prune = Prune { ranges: std::iter::once(1..3).collect(), hold_version: 0, segments: vec![] };
    store.commit(Commit { prune: Some(prune), ..commit_after(2, 2) }).await.unwrap();
    assert_eq!(hot(store).await, [0, 3]);
}

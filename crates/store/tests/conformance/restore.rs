//! Restoring: pruned entries are hot again, as they were.

use store::{Commit, Entry, ErrorKind, PostingBlock, Restore, Segment, SegmentState, Store};

use crate::contents::{Contents, hot};
use crate::samples::{block, commit_after, fill, line, prune_after, refused, segment};

fn entries(seqs: &[u64]) -> Vec<Entry> {
    seqs.iter().map(|seq| Entry { seq: *seq, line: line(*seq) }).collect()
}

fn restore_after(size: u64, seqs: &[u64], index: Option<(Segment, Vec<PostingBlock>)>) -> Commit {
    Commit { restore: Some(Restore { entries: entries(seqs), index }), ..commit_after(size, 1) }
}

/// Ten entries, of which 2 to 7 were pruned.
async fn pruned(store: &dyn Store) {
    fill(store, 10).await;
    store.commit(prune_after(10, std::iter::once(2..8).collect(), vec![])).await.unwrap();
}

pub(crate) async fn restored_entries_are_back_as_they_were_and_the_head_stays(store: &dyn Store) {
    pruned(store).await;
    store.commit(restore_after(10, &[3, 4, 7], None)).await.unwrap();
    assert_eq!(hot(store).await, [0, 1, 3, 4, 7, 8, 9, 10]);
    assert_eq!(store.entries_at(vec![7, 3]).await.unwrap(), entries(&[7, 3]));
    assert_eq!(store.head().await.unwrap().unwrap().size, 11);
}

pub(crate) async fn an_entry_that_is_hot_is_never_replaced(store: &dyn Store) {
    pruned(store).await;
    let before = Contents::of(store).await;
    refused(store.commit(restore_after(10, &[3, 8], None)).await, ErrorKind::Invalid);
    assert!(before == Contents::of(store).await);
}

pub(crate) async fn what_no_earlier_commit_had_is_not_restored(store: &dyn Store) {
    pruned(store).await;
    let before = Contents::of(store).await;
    refused(store.commit(restore_after(10, &[3, 10], None)).await, ErrorKind::Invalid);
    refused(store.commit(restore_after(10, &[u64::MAX], None)).await, ErrorKind::Invalid);
    assert!(before == Contents::of(store).await);
}

pub(crate) async fn restoring_twice_or_out_of_order_in_one_commit_is_refused(store: &dyn Store) {
    pruned(store).await;
    for seqs in [[3, 3], [4, 3]] {
        refused(store.commit(restore_after(10, &seqs, None)).await, ErrorKind::Invalid);
    }
    assert_eq!(hot(store).await, [0, 1, 8, 9]);
}

pub(crate) async fn a_commit_does_not_restore_and_prune(store: &dyn Store) {
    pruned(store).await;
    let both = Commit {
        prune: prune_after(10, std::iter::once(8..9).collect(), vec![]).prune,
        ..restore_after(10, &[3], None)
    };
    refused(store.commit(both).await, ErrorKind::Invalid);
    assert_eq!(hot(store).await, [0, 1, 8, 9]);
}

pub(crate) async fn a_restored_segment_has_the_index_that_came_with_it(store: &dyn Store) {
    fill(store, 4).await;
    for number in 0..2 {
        store.seal(segment(number), vec![block(number, 0, 0, 1)]).await.unwrap();
    }
    store.commit(prune_after(4, std::iter::once(0..3).collect(), vec![0])).await.unwrap();
    let blocks = vec![block(0, 0, 0, 5), block(0, 3, 0, 6)];
    let again = Segment { min_occurred_at: -9, ..segment(0) };
    store.commit(restore_after(4, &[1], Some((again.clone(), blocks.clone())))).await.unwrap();
    assert_eq!(store.segments().await.unwrap(), [again, segment(1)]);
    assert_eq!(store.posting_blocks(0).await.unwrap(), blocks);
    assert_eq!(store.posting_blocks(1).await.unwrap(), [block(1, 0, 0, 1)]);
}

pub(crate) async fn restored_entries_are_pruned_like_others(store: &dyn Store) {
    fill(store, 4).await;
    store.commit(prune_after(4, std::iter::once(0..4).collect(), vec![])).await.unwrap();
    store.commit(restore_after(4, &[1, 2], Some((segment(0), vec![block(0, 0, 0, 5)])))).await.unwrap();
    store.commit(prune_after(5, std::iter::once(1..3).collect(), vec![0])).await.unwrap();
    assert_eq!(hot(store).await, [4]);
    assert_eq!(store.segments().await.unwrap()[0].state, SegmentState::Dropped);
    assert_eq!(store.posting_blocks(0).await.unwrap(), []);
}

pub(crate) async fn a_bad_index_refuses_and_leaves_nothing(store: &dyn Store) {
    pruned(store).await;
    let before = Contents::of(store).await;
    let index = Some((segment(0), vec![block(1, 0, 0, 1)]));
    refused(store.commit(restore_after(10, &[3], index)).await, ErrorKind::Invalid);
    assert!(before == Contents::of(store).await);
}

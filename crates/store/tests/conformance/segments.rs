//! Sealed segments and their blocks.

use store::{ErrorKind, Segment, SegmentState, Store};

use crate::samples::{block, refused, segment};

pub(crate) async fn a_sealed_segment_comes_back_as_it_was(store: &dyn Store) {
    let sealed = Segment {
        number: (1 << 39) - 1,
        entries: 1,
        first_recorded_at: i64::MIN,
        last_recorded_at: i64::MAX,
        min_occurred_at: -1,
        max_occurred_at: 0,
        root: [0xee; 32],
        state: SegmentState::Sealed,
    };
    let dropped = Segment { state: SegmentState::Dropped, ..segment(0) };
    store.seal(sealed.clone(), Vec::new()).await.unwrap();
    store.seal(dropped.clone(), Vec::new()).await.unwrap();
    assert_eq!(store.segments().await.unwrap(), [dropped, sealed]);
}

pub(crate) async fn segments_are_listed_by_number(store: &dyn Store) {
    for number in [10, 2, 0, 300] {
        store.seal(segment(number), Vec::new()).await.unwrap();
    }
    assert_eq!(store.segments().await.unwrap(), [0, 2, 10, 300].map(segment));
}

pub(crate) async fn sealing_again_replaces_the_segment_and_its_blocks(store: &dyn Store) {
    let first = vec![block(1, 0, 0, 1), block(1, 0, 1, 5), block(1, 9, 0, 1)];
    store.seal(segment(1), first).await.unwrap();
    let again = Segment { entries: 7, ..segment(1) };
    store.seal(again.clone(), vec![block(1, 0, 0, 3)]).await.unwrap();
    assert_eq!(store.segments().await.unwrap(), [again]);
    assert_eq!(store.posting_blocks(1).await.unwrap(), [block(1, 0, 0, 3)]);
    assert_eq!(store.postings(9, 1, vec![1]).await.unwrap(), []);
}

pub(crate) async fn sealing_again_leaves_other_segments_alone(store: &dyn Store) {
    // The neighbours use the last and the first block there can be.
    let neighbours = [block(0, 255, 65_535, 1), block(2, 0, 0, 1)];
    store.seal(segment(0), vec![neighbours[0].clone()]).await.unwrap();
    store.seal(segment(2), vec![neighbours[1].clone()]).await.unwrap();
    store.seal(segment(1), vec![block(1, 0, 0, 1), block(1, 255, 65_535, 1)]).await.unwrap();
    store.seal(segment(1), Vec::new()).await.unwrap();
    assert_eq!(store.posting_blocks(0).await.unwrap(), neighbours[..1]);
    assert_eq!(store.posting_blocks(1).await.unwrap(), []);
    assert_eq!(store.posting_blocks(2).await.unwrap(), neighbours[1..]);
}

pub(crate) async fn blocks_are_listed_by_field_and_number(store: &dyn Store) {
    let ordered =
        [block(0, 0, 0, 4), block(0, 0, 1, 4), block(0, 0, 2, 8), block(0, 1, 0, 2), block(0, 200, 0, 1)];
    let mut shuffled = ordered.to_vec();
    shuffled.reverse();
    shuffled.swap(0, 2);
    store.seal(segment(0), shuffled).await.unwrap();
    assert_eq!(store.posting_blocks(0).await.unwrap(), ordered);
    assert_eq!(store.posting_blocks(1).await.unwrap(), []);
}

pub(crate) async fn a_block_of_another_segment_is_refused(store: &dyn Store) {
    store.seal(segment(0), vec![block(0, 0, 0, 1)]).await.unwrap();
    let blocks = vec![block(0, 0, 0, 2), block(1, 0, 0, 1)];
    refused(store.seal(Segment { entries: 3, ..segment(0) }, blocks).await, ErrorKind::Invalid);
    assert_eq!(store.segments().await.unwrap(), [segment(0)]);
    assert_eq!(store.posting_blocks(0).await.unwrap(), [block(0, 0, 0, 1)]);
}

pub(crate) async fn a_block_twice_is_refused(store: &dyn Store) {
    let blocks = vec![block(0, 3, 0, 1), block(0, 3, 0, 2)];
    refused(store.seal(segment(0), blocks).await, ErrorKind::Invalid);
    assert_eq!(store.segments().await.unwrap(), []);
}

pub(crate) async fn numbers_out_of_bounds_are_refused(store: &dyn Store) {
    refused(store.seal(segment(1 << 39), Vec::new()).await, ErrorKind::Invalid);
    refused(store.seal(segment(0), vec![block(0, 0, 65_536, 1)]).await, ErrorKind::Invalid);
    refused(store.seal(segment(0), vec![block(0, 0, 0, 1 << 63)]).await, ErrorKind::Invalid);
    assert_eq!(store.segments().await.unwrap(), []);
}

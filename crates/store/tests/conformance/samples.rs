//! Rows and commits to test with.

use store::{
    Commit, ErrorKind, Head, Key, KeyRow, PostingBlock, Prune, Row, Segment, SegmentState, SeqRange, Store,
};

pub(crate) fn line(seq: u64) -> Vec<u8> {
    format!(r#"{{"seq":{seq},"stream":"audit"}}"#).into_bytes()
}

/// A commit of `count` entries after `size`, with nothing else in it.
pub(crate) fn commit_after(size: u64, count: u64) -> Commit {
    let end = size + count;
    Commit {
        expected_size: size,
        expected_rows: Vec::new(),
        lines: (size..end).map(line).collect(),
        keys: Vec::new(),
        head: Head { size: end, range: end.to_be_bytes().to_vec(), recorded_at: end as i64, hold_version: 0 },
        rows: Vec::new(),
        prune: None,
        restore: None,
    }
}

/// An empty commit after `size` that prunes, under hold version 0.
pub(crate) fn prune_after(size: u64, ranges: Vec<SeqRange>, segments: Vec<u64>) -> Commit {
    Commit { prune: Some(Prune { ranges, hold_version: 0, segments }), ..commit_after(size, 0) }
}

/// A ledger's first `count` entries.
pub(crate) async fn fill(store: &dyn Store, count: u64) {
    store.commit(commit_after(0, count)).await.expect("the first commit");
}

pub(crate) fn key(number: u64) -> Key {
    u128::from(number).to_be_bytes()
}

pub(crate) fn key_row(number: u64, seq: u64) -> KeyRow {
    KeyRow { key: key(number), seq, content: [number as u8; 16] }
}

pub(crate) fn row(key: &str, body: &str) -> Row {
    Row { key: key.into(), body: body.into() }
}

pub(crate) fn segment(number: u64) -> Segment {
    Segment {
        number,
        entries: 65_536,
        first_recorded_at: 10,
        last_recorded_at: 20,
        min_occurred_at: -5,
        max_occurred_at: 25,
        root: [number as u8; 32],
        state: SegmentState::Sealed,
    }
}

/// A block whose body says which it is.
pub(crate) fn block(segment: u64, field: u8, block: u32, first_term: u64) -> PostingBlock {
    let body = format!("{segment}/{field}/{block}").into_bytes();
    PostingBlock { segment, field, block, first_term, body }
}

/// Asserts that a call was refused, and why.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: store::Result<T>, kind: ErrorKind) {
    let error = result.expect_err("the call should have been refused");
    assert_eq!(error.kind(), kind, "{error}");
}

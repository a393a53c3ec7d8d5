//! What goes on beside commits: sealing in steps, and copying the WAL.

use std::fs::File;
use std::io::Read;

use store::{PostingBlock, Segment, SegmentState, Store};

use crate::files::{Directory, commit_after, holds_exactly};

/// Far more than it takes for the WAL to be due, however slowly it is copied.
const COMMITS_MAX: u64 = 1_000;
/// About 600 KiB.
const COMMIT_ENTRIES: u64 = 1_000;

fn segment() -> Segment {
    Segment {
        number: 0,
        entries: 65_536,
        first_recorded_at: 1,
        last_recorded_at: 2,
        min_occurred_at: 1,
        max_occurred_at: 2,
        root: [3; 32],
        state: SegmentState::Sealed,
    }
}

fn blocks(count: u32) -> Vec<PostingBlock> {
    let block =
        |block| PostingBlock { segment: 0, field: 1, block, first_term: u64::from(block), body: vec![7; 12] };
    (0..count).map(block).collect()
}

#[tokio::test]
async fn what_an_interrupted_sealing_left_is_replaced_by_the_next() {
    let directory = Directory::new();
    let store = directory.create();
    store.seal(segment(), blocks(200)).await.unwrap();
    // As it is when the process dies between the blocks and the row that makes them count.
    let stranger = directory.stranger();
    stranger.execute("DELETE FROM segment", []).unwrap();
    drop(stranger);
    assert_eq!(store.segments().await.unwrap(), []);
    store.seal(segment(), blocks(150)).await.unwrap();
    assert_eq!(store.segments().await.unwrap(), [segment()]);
    assert_eq!(store.posting_blocks(0).await.unwrap(), blocks(150));
}

/// SQLite counts in the WAL's header how often it began anew (<https://sqlite.org/fileformat2.html#walformat>).
fn beginnings(directory: &Directory) -> u32 {
    let mut header = [0; 32];
    File::open(directory.beside("-wal")).and_then(|mut file| file.read_exact(&mut header)).unwrap();
    u32::from_be_bytes([header[12], header[13], header[14], header[15]])
}

#[tokio::test]
async fn the_wal_begins_anew_while_commits_go_on() {
    let directory = Directory::new();
    let store = directory.create();
    store.commit(commit_after(0, COMMIT_ENTRIES)).await.unwrap();
    let (first, mut size) = (beginnings(&directory), COMMIT_ENTRIES);
    while beginnings(&directory) == first {
        assert!(size < COMMITS_MAX * COMMIT_ENTRIES, "the WAL was never copied to its end");
        store.commit(commit_after(size, COMMIT_ENTRIES)).await.unwrap();
        size += COMMIT_ENTRIES;
    }
    holds_exactly(&store, size, COMMIT_ENTRIES).await;
    drop(store);
    holds_exactly(&directory.open(), size, COMMIT_ENTRIES).await;
}

//! Archived entries a window at a time: from whichever destination has them, each held against the tree.

use std::ops::Range;

use archive::{Destination, ManifestObject, read_lines};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use merkle::{TILE_WIDTH, TileId, leaf_hash};
use store::Entry;

use crate::SEGMENT_ENTRIES;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::seq_set::SeqSet;

/// A window holds about so many bytes of lines, judged by the sizes of the objects it overlaps.
const WINDOW_BYTES: u64 = 32 << 20;
/// Objects read at once.
const OBJECTS_AT_ONCE: usize = 4;

/// The parts of the ledger to read one after the other: each within one segment, and of a size that fits into memory.
pub(super) fn windows(objects: &[ManifestObject], wanted: &SeqSet) -> Vec<Range<u64>> {
    let mut windows = Vec::new();
    for range in wanted.ranges() {
        let mut next = range.start;
        while next < range.end {
            let end = range.end.min((next / SEGMENT_ENTRIES + 1) * SEGMENT_ENTRIES);
            match windows.last_mut() {
                // Ranges of one segment are read together: an object's members are then read once for all of them.
                Some(last) if same_segment(last, next) => last.end = end,
                _ => windows.push(next..end),
            }
            next = end;
        }
    }
    windows.into_iter().flat_map(|window| split(objects, window)).collect()
}

fn same_segment(window: &Range<u64>, seq: u64) -> bool {
    window.start / SEGMENT_ENTRIES == seq / SEGMENT_ENTRIES
}

fn split(objects: &[ManifestObject], window: Range<u64>) -> Vec<Range<u64>> {
    let length = window.end - window.start;
    if length <= 1 || estimated_bytes(objects, &window) <= WINDOW_BYTES {
        return vec![window];
    }
    let middle = window.start + length / 2;
    let mut parts = split(objects, window.start..middle);
    parts.extend(split(objects, middle..window.end));
    parts
}

fn estimated_bytes(objects: &[ManifestObject], window: &Range<u64>) -> u64 {
    let share = |object: &ManifestObject| {
        let all = u128::from(object.last_seq - object.first_seq) + 1;
        let common = (object.last_seq + 1).min(window.end) - object.first_seq.max(window.start);
        u64::try_from(u128::from(object.bytes_uncompressed) * u128::from(common) / all).unwrap_or(u64::MAX)
    };
    objects.iter().filter(|object| overlaps(object, window)).map(share).fold(0, u64::saturating_add)
}

fn overlaps(object: &ManifestObject, window: &Range<u64>) -> bool {
    object.first_seq < window.end && object.last_seq >= window.start
}

impl Ledger {
    /// The entries of a window that these objects hold, in order. Every line is the tree's; where one is not, or an
    /// object cannot be read, the next destination is asked.
    pub(super) async fn read_window(
        &self,
        objects: &[ManifestObject],
        window: &Range<u64>,
    ) -> Result<Vec<Entry>> {
        let mut failed = None;
        for destination in &self.inner.destinations {
            match self.read_window_from(destination, objects, window).await {
                Ok(entries) => return Ok(entries),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed
            .unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "no archive destination is configured")))
    }

    async fn read_window_from(
        &self,
        destination: &Destination,
        objects: &[ManifestObject],
        window: &Range<u64>,
    ) -> Result<Vec<Entry>> {
        let (first, last) = (window.start, window.end - 1);
        // Boxed, because the compiler cannot tell that a stream of borrowing futures may move between threads.
        let read = |object| async move { read_lines(destination, object, first..=last).await }.boxed();
        let overlapping = objects.iter().filter(|object| overlaps(object, window));
        let reads: Vec<BoxFuture<'_, _>> = overlapping.map(read).collect();
        let mut reads = stream::iter(reads).buffered(OBJECTS_AT_ONCE);
        let mut entries = Vec::new();
        while let Some(lines) = reads.next().await {
            entries.extend(lines?.into_iter().map(|(seq, line)| Entry { seq, line }));
        }
        entries.sort_unstable_by_key(|entry| entry.seq);
        let tiles = (first / TILE_WIDTH..=last / TILE_WIDTH).map(|number| TileId { level: 0, number });
        let tiles = self.tile_set(tiles).await?;
        let mut previous = None;
        for Entry { seq, line } in &entries {
            if tiles.leaf(*seq) != Some(leaf_hash(line)) {
                return Err(wrong("entry-changed", *seq, destination));
            }
            if previous.replace(*seq) == Some(*seq) {
                return Err(wrong("entry-duplicate", *seq, destination));
            }
        }
        Ok(entries)
    }
}

fn wrong(reason: &str, seq: u64, destination: &Destination) -> Error {
    let message = format!("{reason}: the copy of entry {seq} at {} is not the tree's", destination.name());
    Error::new(ErrorKind::Corrupt, message)
}

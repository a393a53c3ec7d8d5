//! The index of a segment of which entries came back: exactly the entries that are hot.

use event::{EntryFields, Field};
use store::{Entry, PostingBlock, Segment, SegmentState};

use crate::SEGMENT_ENTRIES;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Ledger, chunk_of};
use crate::posting;

/// The hot entries of a segment as (term, offset) pairs of each field.
pub(super) struct HotIndex {
    number: u64,
    pairs: [Vec<(u64, u16)>; Field::COUNT],
    entries: u64,
    /// first and last recorded, least and greatest occurred
    bounds: Option<[i64; 4]>,
}

impl HotIndex {
    /// The index of what is hot of a segment now.
    pub(super) async fn read(ledger: &Ledger, number: u64) -> Result<Self> {
        let mut index = Self { number, pairs: std::array::from_fn(|_| Vec::new()), entries: 0, bounds: None };
        let (mut next, end) = (number * SEGMENT_ENTRIES, (number + 1) * SEGMENT_ENTRIES);
        loop {
            let entries = ledger.store().entries(chunk_of(next..end)).await?;
            let Some(last) = entries.last() else { return Ok(index) };
            next = last.seq + 1;
            index.add(&entries)?;
        }
    }

    pub(super) fn add(&mut self, entries: &[Entry]) -> Result<()> {
        for Entry { seq, line } in entries {
            let fields = EntryFields::parse(line).map_err(|error| {
                let message = format!("the line of entry {seq} cannot be read: run verify");
                Error::with_source(ErrorKind::Corrupt, message, error)
            })?;
            let offset = (seq - self.number * SEGMENT_ENTRIES) as u16;
            for (pairs, term) in self.pairs.iter_mut().zip(fields.terms()).filter(|(_, term)| *term != 0) {
                pairs.push((term, offset));
            }
            let (recorded, occurred) = (fields.recorded_at.micros(), fields.occurred_at.micros());
            self.widen([recorded, recorded, occurred, occurred]);
            self.entries += 1;
        }
        Ok(())
    }

    fn widen(&mut self, other: [i64; 4]) {
        let own = self.bounds.get_or_insert(other);
        *own = [own[0].min(other[0]), own[1].max(other[1]), own[2].min(other[2]), own[3].max(other[3])];
    }

    /// The segment's row and blocks, from the row that it had. What is not hot keeps its part in the bounds.
    pub(super) fn sealed(&mut self, before: &Segment) -> (Segment, Vec<PostingBlock>) {
        if self.entries < SEGMENT_ENTRIES {
            self.widen([
                before.first_recorded_at,
                before.last_recorded_at,
                before.min_occurred_at,
                before.max_occurred_at,
            ]);
        }
        let mut blocks = Vec::new();
        for (field, pairs) in Field::ALL.into_iter().zip(&mut self.pairs) {
            pairs.sort_unstable();
            blocks.extend(posting::encode(self.number, field.number(), pairs));
        }
        let mut segment = Segment { state: SegmentState::Sealed, ..before.clone() };
        if let Some([first_recorded, last_recorded, min_occurred, max_occurred]) = self.bounds {
            segment.first_recorded_at = first_recorded;
            segment.last_recorded_at = last_recorded;
            segment.min_occurred_at = min_occurred;
            segment.max_occurred_at = max_occurred;
        }
        (segment, blocks)
    }
}

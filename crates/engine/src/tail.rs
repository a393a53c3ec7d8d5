//! The newest entries, not yet in a sealed segment, as columns of term hashes in memory.
//!
//! It makes an entry findable as soon as it is acknowledged, and holds what sealing needs. Bounded: at most the
//! current segment and those that wait to be sealed.

use std::collections::VecDeque;
use std::sync::Arc;

use event::{Field, Terms, Timestamp};
use merkle::{CompactRange, Hash};
use store::{PostingBlock, Segment, SegmentState};

use crate::SEGMENT_ENTRIES;
use crate::posting;

/// What the tail keeps of one entry.
#[derive(Debug, Clone)]
pub(crate) struct TailRow {
    /// All zero where the entry is no longer hot.
    pub(crate) terms: Terms,
    pub(crate) recorded_at: Timestamp,
    pub(crate) occurred_at: Timestamp,
    pub(crate) leaf: Hash,
}

/// The entries of one segment so far.
#[derive(Debug, Clone)]
pub(crate) struct TailSegment {
    number: u64,
    terms: [Vec<u64>; Field::COUNT],
    recorded_at: Vec<Timestamp>,
    occurred_at: Vec<Timestamp>,
    leaves: Vec<Hash>,
}

impl TailSegment {
    fn new(number: u64) -> Self {
        // Room for the whole segment: growing would copy what is there again and again. Only what is used becomes
        // resident.
        let entries = SEGMENT_ENTRIES as usize;
        Self {
            number,
            terms: std::array::from_fn(|_| Vec::with_capacity(entries)),
            recorded_at: Vec::with_capacity(entries),
            occurred_at: Vec::with_capacity(entries),
            leaves: Vec::with_capacity(entries),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
    }

    fn is_full(&self) -> bool {
        self.len() as u64 == SEGMENT_ENTRIES
    }

    fn push(&mut self, row: &TailRow) {
        for (column, term) in self.terms.iter_mut().zip(row.terms) {
            column.push(term);
        }
        self.recorded_at.push(row.recorded_at);
        self.occurred_at.push(row.occurred_at);
        self.leaves.push(row.leaf);
    }

    /// Offsets of hot entries that carry all `terms` and lie in both time ranges (start inclusive, end exclusive).
    pub(crate) fn candidates(
        &self,
        terms: &[(Field, u64)],
        occurred: TimeRange,
        recorded: TimeRange,
    ) -> Vec<u16> {
        let hot = &self.terms[usize::from(Field::Stream.number())];
        let carries = |offset: usize| {
            terms.iter().all(|(field, term)| self.terms[usize::from(field.number())][offset] == *term)
        };
        (0..self.len())
            .filter(|&offset| hot[offset] != 0 && carries(offset))
            .filter(|&offset| {
                within(self.occurred_at[offset], occurred) && within(self.recorded_at[offset], recorded)
            })
            .map(|offset| offset as u16)
            .collect()
    }

    /// The segment row of a full segment, and its index blocks.
    pub(crate) fn seal(&self) -> (Segment, Vec<PostingBlock>) {
        let hot = &self.terms[usize::from(Field::Stream.number())];
        let any_hot = hot.iter().any(|term| *term != 0);
        let mut blocks = Vec::new();
        let mut pairs: Vec<(u64, u16)> = Vec::with_capacity(self.len());
        for field in Field::ALL {
            pairs.clear();
            let column = &self.terms[usize::from(field.number())];
            let present = column.iter().enumerate().filter(|(_, term)| **term != 0);
            pairs.extend(present.map(|(offset, term)| (*term, offset as u16)));
            pairs.sort_unstable();
            blocks.extend(posting::encode(self.number, field.number(), &pairs));
        }
        let mut range = CompactRange::new();
        self.leaves.iter().for_each(|leaf| range.append(*leaf));
        let micros = |time: Option<&Timestamp>| time.map_or(0, |time| time.micros());
        let segment = Segment {
            number: self.number,
            entries: self.len() as u64,
            first_recorded_at: micros(self.recorded_at.first()),
            last_recorded_at: micros(self.recorded_at.last()),
            min_occurred_at: micros(self.occurred_at.iter().min()),
            max_occurred_at: micros(self.occurred_at.iter().max()),
            root: range.root().0,
            state: if any_hot { SegmentState::Sealed } else { SegmentState::Dropped },
        };
        (segment, blocks)
    }
}

/// A time range: start inclusive, end exclusive, open where `None`.
pub(crate) type TimeRange = (Option<Timestamp>, Option<Timestamp>);

pub(crate) fn within(time: Timestamp, (from, to): TimeRange) -> bool {
    from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)
}

/// The unsealed segments, oldest first; the last one grows.
#[derive(Debug)]
pub(crate) struct Tail {
    full: VecDeque<Arc<TailSegment>>,
    growing: TailSegment,
}

impl Tail {
    /// An empty tail that begins with this segment.
    pub(crate) fn starting_at(segment: u64) -> Self {
        Self { full: VecDeque::new(), growing: TailSegment::new(segment) }
    }

    pub(crate) fn push(&mut self, row: &TailRow) {
        self.growing.push(row);
        if self.growing.is_full() {
            let next = TailSegment::new(self.growing.number + 1);
            self.full.push_back(Arc::new(std::mem::replace(&mut self.growing, next)));
        }
    }

    pub(crate) fn leaf(&self, seq: u64) -> Option<Hash> {
        let segment = self.segment(seq / SEGMENT_ENTRIES)?;
        segment.leaves.get((seq % SEGMENT_ENTRIES) as usize).copied()
    }

    pub(crate) fn segment(&self, number: u64) -> Option<&TailSegment> {
        if self.growing.number == number {
            return Some(&self.growing);
        }
        self.full.iter().find(|segment| segment.number == number).map(Arc::as_ref)
    }

    /// The oldest full segment, to be sealed.
    pub(crate) fn next_to_seal(&self) -> Option<Arc<TailSegment>> {
        self.full.front().cloned()
    }

    /// The segment is sealed: the store answers for it from now on.
    pub(crate) fn drop_sealed(&mut self, number: u64) {
        self.full.retain(|segment| segment.number != number);
    }

    /// The entry is hot again: it is a candidate, and is indexed when the segment is sealed.
    pub(crate) fn remember(&mut self, seq: u64, row: &TailRow) {
        let number = seq / SEGMENT_ENTRIES;
        let segment = if self.growing.number == number {
            Some(&mut self.growing)
        } else {
            self.full.iter_mut().find(|segment| segment.number == number).map(Arc::make_mut)
        };
        let at = (seq % SEGMENT_ENTRIES) as usize;
        let Some(segment) = segment.filter(|segment| at < segment.len()) else { return };
        for (column, term) in segment.terms.iter_mut().zip(row.terms) {
            column[at] = term;
        }
        // Where the ledger was opened while the entry was not hot, its times were not known.
        segment.recorded_at[at] = row.recorded_at;
        segment.occurred_at[at] = row.occurred_at;
    }

    /// The entries were pruned: they are no longer candidates, and are not indexed when the segment is sealed.
    pub(crate) fn forget(&mut self, range: &std::ops::Range<u64>) {
        let clear = |segment: &mut TailSegment| {
            let first = segment.number * SEGMENT_ENTRIES;
            let end = first + segment.len() as u64;
            for seq in range.start.max(first)..range.end.min(end) {
                segment.terms.iter_mut().for_each(|column| column[(seq - first) as usize] = 0);
            }
        };
        self.full.iter_mut().for_each(|segment| {
            if range.start < (segment.number + 1) * SEGMENT_ENTRIES
                && range.end > segment.number * SEGMENT_ENTRIES
            {
                clear(Arc::make_mut(segment));
            }
        });
        clear(&mut self.growing);
    }
}

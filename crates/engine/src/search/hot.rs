//! Search of the hot window: the tail first, then segments, by index, evaluated exactly.

use std::collections::HashMap;
use std::ops::Range;

use event::EntryFields;
use store::{Entry, EntryScan, Order, Segment, SegmentState};

use super::Search;
use crate::SEGMENT_ENTRIES;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{READ_BYTES, READ_ENTRIES};
use crate::posting;
use crate::tail::TimeRange;

/// Segments whose index blocks are asked for in one call.
const SEGMENTS_AT_ONCE: usize = 32;
/// Candidates read in the first call of a page; later calls read more.
const CANDIDATES_FIRST: usize = 128;

/// Which entries of a segment may match.
enum Candidates {
    /// Every hot one.
    All,
    /// These offsets, ascending.
    At(Vec<u16>),
}

impl Search<'_> {
    /// Goes through the hot entries of a range in order, until all have been seen or the page is done.
    pub(super) async fn hot(&mut self, range: Range<u64>) -> Result<()> {
        let mut ahead = range;
        while !ahead.is_empty() {
            let numbers = self.segments_ahead(&ahead);
            let candidates = self.candidates(&numbers).await?;
            for (number, candidates) in numbers.into_iter().zip(candidates) {
                let first = number * SEGMENT_ENTRIES;
                let part = ahead.start.max(first)..ahead.end.min(first + SEGMENT_ENTRIES);
                match candidates {
                    Candidates::All => self.scan(part.clone()).await?,
                    Candidates::At(offsets) => self.read(first, &part, &offsets).await?,
                }
                if self.is_done() {
                    return Ok(());
                }
                match self.order {
                    Order::Ascending => (self.next, ahead.start) = (part.end, part.end),
                    Order::Descending => (self.next, ahead.end) = (part.start, part.start),
                }
            }
        }
        Ok(())
    }

    /// The segments of a range that come next in the order of the search.
    fn segments_ahead(&self, range: &Range<u64>) -> Vec<u64> {
        let numbers = range.start / SEGMENT_ENTRIES..=(range.end - 1) / SEGMENT_ENTRIES;
        match self.order {
            Order::Ascending => numbers.take(SEGMENTS_AT_ONCE).collect(),
            Order::Descending => numbers.rev().take(SEGMENTS_AT_ONCE).collect(),
        }
    }

    /// What each of these segments may hold, by the tail's columns or the index blocks.
    async fn candidates(&self, numbers: &[u64]) -> Result<Vec<Candidates>> {
        let (occurred, recorded) = (self.filter.occurred_range(), self.filter.recorded_range());
        let mut candidates: Vec<Option<Candidates>> = Vec::with_capacity(numbers.len());
        {
            let view = self.ledger.view();
            for number in numbers {
                candidates.push(match (view.tail.segment(*number), view.segments.get(*number as usize)) {
                    (Some(tail), _) => Some(Candidates::At(tail.candidates(&self.terms, occurred, recorded))),
                    (None, Some(segment)) if may_hold(segment, occurred, recorded) => None,
                    (None, _) => Some(Candidates::At(Vec::new())),
                });
            }
        }
        let indexed: Vec<u64> = numbers
            .iter()
            .zip(&candidates)
            .filter(|(_, candidates)| candidates.is_none())
            .map(|(number, _)| *number)
            .collect();
        let mut by_index = self.intersect(indexed).await?;
        Ok(numbers
            .iter()
            .zip(candidates)
            .map(|(number, candidates)| match candidates {
                Some(candidates) => candidates,
                None if self.terms.is_empty() => Candidates::All,
                None => Candidates::At(by_index.remove(number).unwrap_or_default()),
            })
            .collect())
    }

    /// For each segment the offsets that carry every term; segments without any are left out.
    async fn intersect(&self, mut segments: Vec<u64>) -> Result<HashMap<u64, Vec<u16>>> {
        let mut result: HashMap<u64, Vec<u16>> = HashMap::new();
        for (number, (field, term)) in self.terms.iter().enumerate() {
            if segments.is_empty() {
                break;
            }
            let mut with_term: HashMap<u64, Vec<u16>> = HashMap::new();
            for block in self.ledger.store().postings(field.number(), *term, segments).await? {
                let offsets = with_term.entry(block.segment).or_default();
                posting::find(&block.body, *term, offsets).map_err(|error| {
                    let message = format!("the index of segment {} is damaged: run verify", block.segment);
                    Error::with_source(ErrorKind::Corrupt, message, error)
                })?;
            }
            if number > 0 {
                for (segment, offsets) in &mut with_term {
                    let before = result.remove(segment).unwrap_or_default();
                    offsets.retain(|offset| before.binary_search(offset).is_ok());
                }
            }
            with_term.retain(|_, offsets| !offsets.is_empty());
            result = with_term;
            segments = result.keys().copied().collect();
        }
        Ok(result)
    }

    /// Reads the candidates inside `range` in order, growing the step, until the page is full.
    async fn read(&mut self, first: u64, range: &Range<u64>, offsets: &[u16]) -> Result<()> {
        let mut seqs: Vec<u64> = offsets
            .iter()
            .map(|offset| first + u64::from(*offset))
            .filter(|seq| range.contains(seq))
            .collect();
        if self.order == Order::Descending {
            seqs.reverse();
        }
        let mut step = CANDIDATES_FIRST;
        let mut rest = seqs.as_slice();
        while !rest.is_empty() && !self.is_done() {
            let take = rest.len().min(step).min(usize::try_from(self.budget).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at(take);
            let entries = self.ledger.store().entries_at(now.to_vec()).await?;
            self.budget -= take as u64;
            self.keep_matching(entries)?;
            if let Some(last) = now.last() {
                self.next = if self.order == Order::Ascending { last + 1 } else { *last };
            }
            rest = later;
            step = (step * 4).min(READ_ENTRIES);
        }
        Ok(())
    }

    /// Reads all hot entries of `range` in order, until the page is full.
    async fn scan(&mut self, range: Range<u64>) -> Result<()> {
        let (mut from, mut to) = (range.start, range.end);
        let mut step = CANDIDATES_FIRST;
        while from < to && !self.is_done() {
            let rows_max = step.min(usize::try_from(self.budget).unwrap_or(usize::MAX));
            let scan = EntryScan { range: from..to, order: self.order, rows_max, bytes_max: READ_BYTES };
            let entries = self.ledger.store().entries(scan).await?;
            let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(()) };
            self.budget = self.budget.saturating_sub(entries.len() as u64);
            self.keep_matching(entries)?;
            if self.order == Order::Ascending {
                from = last + 1;
                self.next = from;
            } else {
                to = last;
                self.next = to;
            }
            step = (step * 4).min(READ_ENTRIES);
        }
        Ok(())
    }

    fn keep_matching(&mut self, entries: Vec<Entry>) -> Result<()> {
        for entry in entries {
            if self.is_full() {
                break;
            }
            let fields = EntryFields::parse(&entry.line).map_err(|error| {
                let message = format!("the line of entry {} cannot be read: run verify", entry.seq);
                Error::with_source(ErrorKind::Corrupt, message, error)
            })?;
            if self.filter.matches(&fields, &entry.line) {
                self.found_bytes += entry.line.len();
                self.found.push(entry);
            }
        }
        Ok(())
    }
}

fn may_hold(segment: &Segment, occurred: TimeRange, recorded: TimeRange) -> bool {
    let overlaps = |(from, to): TimeRange, first: i64, last: i64| {
        from.is_none_or(|from| last >= from.micros()) && to.is_none_or(|to| first < to.micros())
    };
    segment.state == SegmentState::Sealed
        && overlaps(occurred, segment.min_occurred_at, segment.max_occurred_at)
        && overlaps(recorded, segment.first_recorded_at, segment.last_recorded_at)
}

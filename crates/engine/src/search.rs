//! Search of the hot window: the tail first, then segments, by index, evaluated exactly.

use std::collections::HashMap;
use std::ops::Range;

use event::{EntryFields, Field, Filter};
use store::{Entry, EntryScan, Order, Segment, SegmentState};

use crate::SEGMENT_ENTRIES;
use crate::cursor::{Page, Position, decode, encode};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Ledger, READ_BYTES, READ_ENTRIES};
use crate::posting;
use crate::tail::TimeRange;

/// Segments whose index blocks are asked for in one call.
const SEGMENTS_AT_ONCE: usize = 32;
/// Candidates read in the first call of a page; later calls read more.
const CANDIDATES_FIRST: usize = 128;

/// A page ends, with a cursor, at the entry that brings its lines to so many bytes.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// From the most to the least telling: the first one narrows, the others intersect.
const FIELDS_BY_SELECTIVITY: [Field; Field::COUNT] = [
    Field::EventId,
    Field::MessageId,
    Field::RequestId,
    Field::TraceId,
    Field::ConversationId,
    Field::TargetId,
    Field::ActorId,
    Field::Action,
    Field::Tenant,
    Field::TargetType,
    Field::Source,
    Field::Outcome,
    Field::Stream,
];

/// One page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// Lines, in the asked order.
    pub entries: Vec<Vec<u8>>,
    /// Where to go on; `None` when all has been seen.
    pub next_cursor: Option<String>,
    /// Entries in the ledger when the first page was answered.
    pub tree_size: u64,
    /// From this seq on every entry is in the hot window.
    pub pruned_through: u64,
    /// What was searched.
    pub tiers: Vec<&'static str>,
}

impl SearchPage {
    /// The page as one line of JSON; entries are the stored lines, byte for byte.
    pub fn to_json(&self) -> String {
        let bytes: usize = self.entries.iter().map(|line| line.len() + 1).sum();
        let mut json = String::with_capacity(bytes + 160);
        json.push_str("{\"entries\":[");
        for (number, line) in self.entries.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            json.push_str(&String::from_utf8_lossy(line));
        }
        let cursor = serde_json::json!(self.next_cursor);
        let tiers = serde_json::json!(self.tiers);
        let (tree_size, pruned_through) = (self.tree_size, self.pruned_through);
        json.push_str("],\"next_cursor\":");
        json.push_str(&cursor.to_string());
        json.push_str(",\"tree_size\":");
        json.push_str(&tree_size.to_string());
        json.push_str(",\"pruned_through\":");
        json.push_str(&pruned_through.to_string());
        json.push_str(",\"tiers\":");
        json.push_str(&tiers.to_string());
        json.push('}');
        json
    }
}

impl Ledger {
    /// One page of the hot entries that match, in order of seq.
    pub async fn search(&self, filter: &Filter, page: &Page) -> Result<SearchPage> {
        let (tree_size, pruned_through) = {
            let view = self.view();
            (view.head.size(), view.pruned.end())
        };
        let position = match &page.cursor {
            None => Position { bound: if page.order == Order::Ascending { 0 } else { tree_size }, tree_size },
            Some(cursor) => decode(cursor, filter, page.order).map_err(|violation| {
                Error::with_violations(ErrorKind::Invalid, "the search is not valid", vec![violation])
            })?,
        };
        if position.tree_size > tree_size {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the cursor is of a longer ledger: repeat the search",
            ));
        }
        // A page of nothing would have no entry to go on after.
        let limit = page.limit.max(1);
        let mut search = Search {
            ledger: self,
            filter,
            order: page.order,
            terms: terms_by_selectivity(filter),
            wanted: limit.saturating_add(1),
            budget: self.inner.policy.scan_entries_max.max(1),
            found: Vec::new(),
            found_bytes: 0,
            next: position.bound,
        };
        let complete = search.run(position.tree_size).await?;
        let more = search.found.len() > limit || search.found_bytes >= PAGE_BYTES_MAX;
        search.found.truncate(limit);
        let bound = match (more, search.found.last(), page.order) {
            (false, _, _) | (_, None, _) => search.next,
            (true, Some(last), Order::Ascending) => last.seq + 1,
            (true, Some(last), Order::Descending) => last.seq,
        };
        let next_cursor = (more || !complete)
            .then(|| encode(filter, page.order, Position { bound, tree_size: position.tree_size }));
        Ok(SearchPage {
            entries: search.found.into_iter().map(|entry| entry.line).collect(),
            next_cursor,
            tree_size: position.tree_size,
            pruned_through,
            tiers: vec!["hot"],
        })
    }
}

fn terms_by_selectivity(filter: &Filter) -> Vec<(Field, u64)> {
    let terms = filter.exact_terms();
    let rank = |field: &Field| FIELDS_BY_SELECTIVITY.iter().position(|other| other == field);
    let mut ranked: Vec<_> = terms.into_iter().map(|(field, term)| (rank(&field), field, term)).collect();
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.into_iter().map(|(_, field, term)| (field, term)).collect()
}

/// Which entries of a segment may match.
enum Candidates {
    /// Every hot one.
    All,
    /// These offsets, ascending.
    At(Vec<u16>),
}

struct Search<'a> {
    ledger: &'a Ledger,
    filter: &'a Filter,
    order: Order,
    terms: Vec<(Field, u64)>,
    /// One more than the page holds, to know whether there is more.
    wanted: usize,
    /// Entries that may still be read for this page.
    budget: u64,
    found: Vec<Entry>,
    found_bytes: usize,
    /// Ascending: the next seq to look at. Descending: one above it.
    next: u64,
}

impl Search<'_> {
    /// Goes through the segments in order; answers whether it came to the end.
    async fn run(&mut self, tree_size: u64) -> Result<bool> {
        loop {
            let numbers = self.segments_ahead(tree_size);
            if numbers.is_empty() {
                return Ok(true);
            }
            let candidates = self.candidates(&numbers).await?;
            for (number, candidates) in numbers.into_iter().zip(candidates) {
                let first = number * SEGMENT_ENTRIES;
                let end = (first + SEGMENT_ENTRIES).min(tree_size);
                let range = match self.order {
                    Order::Ascending => self.next.max(first)..end,
                    Order::Descending => first..end.min(self.next),
                };
                match candidates {
                    Candidates::All => self.scan(range).await?,
                    Candidates::At(offsets) => self.read(first, &range, &offsets).await?,
                }
                if self.is_done() {
                    return Ok(false);
                }
                self.next = if self.order == Order::Ascending { end } else { first };
            }
        }
    }

    fn is_done(&self) -> bool {
        self.is_full() || self.budget == 0
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.wanted || self.found_bytes >= PAGE_BYTES_MAX
    }

    /// The next segments in the order of the search.
    fn segments_ahead(&self, tree_size: u64) -> Vec<u64> {
        match self.order {
            Order::Ascending if self.next >= tree_size => Vec::new(),
            Order::Descending if self.next == 0 => Vec::new(),
            Order::Ascending => {
                let last = (tree_size - 1) / SEGMENT_ENTRIES;
                (self.next / SEGMENT_ENTRIES..=last).take(SEGMENTS_AT_ONCE).collect()
            }
            Order::Descending => {
                (0..=(self.next - 1) / SEGMENT_ENTRIES).rev().take(SEGMENTS_AT_ONCE).collect()
            }
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

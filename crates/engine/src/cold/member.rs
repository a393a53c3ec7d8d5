//! Reading one member for a search: from the first destination that can give it undamaged.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use archive::{ManifestObject, scan_member};
use event::{EntryFields, Field, Filter};
use memchr::memmem;
use store::Order;

use super::choice::MemberAt;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;

/// An archived entry that matches; believed once the tree has its leaf hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) seq: u64,
    pub(crate) line: Vec<u8>,
    /// Its object's place in the batch.
    pub(crate) object: usize,
    /// The place of the destination it was read from.
    pub(crate) destination: usize,
}

/// What a member held.
#[derive(Debug)]
pub(crate) struct MemberMatches {
    /// Ascending by seq.
    pub(crate) matches: Vec<Match>,
    pub(crate) entries: u64,
    pub(crate) stored_bytes: u64,
}

/// Reads members for one search.
pub(crate) struct MemberReader<'a> {
    ledger: &'a Ledger,
    filter: Arc<Filter>,
    /// The longest text that every matching line has.
    text: Option<Arc<memmem::Finder<'static>>>,
    order: Order,
    /// At most so many matches of a member, the first in the order of the search, are kept.
    matches_max: usize,
    bytes_max: usize,
}

/// Copies that were found damaged: key of the object and place of the destination.
pub(crate) type Damaged = HashSet<(String, usize)>;

impl<'a> MemberReader<'a> {
    /// Matches beyond `matches_max` or `bytes_max` bytes of lines are of no use to the search.
    pub(crate) fn new(
        ledger: &'a Ledger,
        filter: &Filter,
        order: Order,
        matches_max: usize,
        bytes_max: usize,
    ) -> Self {
        let texts = filter.line_texts(&[Field::Stream, Field::Tenant]);
        let text = texts.into_iter().max_by_key(Vec::len);
        let text = text.map(|text| Arc::new(memmem::Finder::new(&text).into_owned()));
        Self { ledger, filter: Arc::new(filter.clone()), text, order, matches_max, bytes_max }
    }

    /// The matches of a member. A destination that cannot be read, or whose copy is damaged, gives way to the next one;
    /// when none is left, that is an error which names the object: never a gap.
    pub(crate) async fn read(
        &self,
        object: &Arc<ManifestObject>,
        at: MemberAt,
        damaged: &Damaged,
    ) -> Result<MemberMatches> {
        let mut failure = None;
        for (place, destination) in self.ledger.inner.destinations.iter().enumerate() {
            if damaged.contains(&(object.key.clone(), place)) {
                continue;
            }
            let look = Look {
                filter: self.filter.clone(),
                text: self.text.clone(),
                object: object.clone(),
                wanted: at.first..=at.last,
                order: self.order,
                matches_max: self.matches_max,
                bytes_max: self.bytes_max,
            };
            let _one_of_few = self.ledger.inner.cold_reads.acquire().await.map_err(|error| {
                Error::with_source(ErrorKind::Internal, "reading the archive has ended", error)
            })?;
            let seen = scan_member(destination, object, at.member, move |lines| look.at(lines)).await;
            match seen.map(|seen| seen.map_err(|what| unusable(&object.key, &what))) {
                Ok(Ok(seen)) => return Ok(seen.placed(object, at, place)),
                Ok(Err(error)) => failure = Some(error),
                Err(error) => {
                    let message = format!("the archived object {} cannot be read", object.key);
                    failure = Some(Error::with_source(ErrorKind::Unavailable, message, error));
                }
            }
            if let Some(error) = &failure {
                let (error, destination) = (error as &dyn std::error::Error, destination.name());
                tracing::warn!(error, destination, "a search goes on at the next destination");
            }
        }
        Err(failure.unwrap_or_else(|| {
            if self.ledger.inner.destinations.is_empty() {
                let message = "older entries are archived and no archive destination is configured: add it to the \
                               settings, or ask for the hot tier only";
                return Error::new(ErrorKind::Unavailable, message);
            }
            unusable(&object.key, "no destination has a copy whose entries are the tree's")
        }))
    }
}

fn unusable(key: &str, what: &str) -> Error {
    let message = format!("entry-changed: the archived object {key} is damaged: {what}: run verify");
    Error::new(ErrorKind::Corrupt, message)
}

/// What is looked for in a member's lines, on a blocking thread.
struct Look {
    filter: Arc<Filter>,
    text: Option<Arc<memmem::Finder<'static>>>,
    object: Arc<ManifestObject>,
    wanted: RangeInclusive<u64>,
    order: Order,
    matches_max: usize,
    bytes_max: usize,
}

/// Matching lines with their seqs, and how many lines there were.
struct Seen {
    lines: Vec<(u64, Vec<u8>)>,
    entries: u64,
}

impl Seen {
    fn placed(self, object: &ManifestObject, at: MemberAt, destination: usize) -> MemberMatches {
        let start = object.members.get(at.member).map_or(0, |(start, _)| *start);
        let end = object.members.get(at.member + 1).map_or(object.bytes, |(next, _)| *next);
        let matches = self.lines.into_iter();
        let matches =
            matches.map(|(seq, line)| Match { seq, line, object: at.object, destination }).collect();
        MemberMatches { matches, entries: self.entries, stored_bytes: end.saturating_sub(start) }
    }
}

impl Look {
    fn at(&self, lines: &[u8]) -> std::result::Result<Seen, String> {
        let entries = memchr::memchr_iter(b'\n', lines).count() as u64;
        let mut seen = Seen { lines: Vec::new(), entries };
        let (mut bytes, mut previous) = (0, None);
        let mut rest = lines;
        while let Some(line) = self.next_candidate(&mut rest) {
            let fields = EntryFields::parse(line).map_err(|error| format!("a line {error}"))?;
            let object = &self.object;
            if fields.tenant != object.tenant
                || fields.stream != object.stream
                || fields.recorded_at.day() != object.day
            {
                return Err(format!("entry {} does not belong into it", fields.seq));
            }
            if previous.is_some_and(|previous| fields.seq <= previous) {
                return Err(format!("entry {} is not in order", fields.seq));
            }
            previous = Some(fields.seq);
            if !self.wanted.contains(&fields.seq) || !self.filter.matches(&fields, line) {
                continue;
            }
            bytes += line.len();
            seen.lines.push((fields.seq, line.to_vec()));
            if self.drop_surplus(&mut seen.lines, &mut bytes) {
                break;
            }
        }
        Ok(seen)
    }

    /// Keeps memory bounded. Ascending, what comes later is of no use, and `true` says that no more is wanted;
    /// descending, what came earlier is not.
    fn drop_surplus(&self, lines: &mut Vec<(u64, Vec<u8>)>, bytes: &mut usize) -> bool {
        let is_full = |count: usize, bytes: usize| count >= self.matches_max || bytes >= self.bytes_max;
        if self.order == Order::Ascending {
            return is_full(lines.len(), *bytes);
        }
        // A surplus of as much again before anything is moved makes the moving cheap.
        if lines.len() >= 2 * self.matches_max || *bytes >= 2 * self.bytes_max {
            let (mut kept, mut kept_bytes) = (0, 0);
            for (_, line) in lines.iter().rev() {
                if is_full(kept, kept_bytes) {
                    break;
                }
                kept += 1;
                kept_bytes += line.len();
            }
            lines.drain(..lines.len() - kept);
            *bytes = kept_bytes;
        }
        false
    }

    /// The next line that can match, without its newline.
    fn next_candidate<'l>(&self, rest: &mut &'l [u8]) -> Option<&'l [u8]> {
        if rest.is_empty() {
            return None;
        }
        let start = match &self.text {
            None => 0,
            Some(text) => {
                let found = text.find(rest)?;
                memchr::memrchr(b'\n', &rest[..found]).map_or(0, |newline| newline + 1)
            }
        };
        let line = &rest[start..];
        let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
        *rest = line.get(end + 1..).unwrap_or_default();
        Some(&line[..end])
    }
}

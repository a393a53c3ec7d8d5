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

/// Lines are gone through in blocks of about this size, beginning at the end of the member where the search begins.
const BLOCK_BYTES: usize = 256 << 10;

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
    /// In no order; those that come first in the search, if there are more than it wants.
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
    /// About so many matches of a member, the first in the order of the search, are enough.
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
    /// The matches among a member's lines, from the end at which the search begins, until there are enough of them.
    fn at(&self, lines: &[u8]) -> std::result::Result<Seen, String> {
        let mut seen = Seen { lines: Vec::new(), entries: memchr::memchr_iter(b'\n', lines).count() as u64 };
        let mut rest = self.wanted_of(lines)?;
        let mut bytes = 0;
        while !rest.is_empty() && seen.lines.len() < self.matches_max && bytes < self.bytes_max {
            let block = match self.order {
                Order::Ascending => {
                    let end = line_end(rest, BLOCK_BYTES.min(rest.len() - 1));
                    let (block, later) = rest.split_at(end);
                    rest = later;
                    block
                }
                Order::Descending => {
                    let (later, block) =
                        rest.split_at(line_start(rest, rest.len().saturating_sub(BLOCK_BYTES)));
                    rest = later;
                    block
                }
            };
            bytes += self.in_block(block, &mut seen.lines)?;
        }
        Ok(seen)
    }

    /// The lines with a wanted seq. Lines are in the order of their seqs, so the ends are found by halving.
    fn wanted_of<'l>(&self, lines: &'l [u8]) -> std::result::Result<&'l [u8], String> {
        let start = first_line_from(lines, *self.wanted.start())?;
        let end = match self.wanted.end().checked_add(1) {
            Some(after) => first_line_from(lines, after)?,
            None => lines.len(),
        };
        Ok(lines.get(start..end).unwrap_or_default())
    }

    /// Adds the matches of whole lines; answers their bytes.
    fn in_block(&self, block: &[u8], found: &mut Vec<(u64, Vec<u8>)>) -> std::result::Result<usize, String> {
        let (mut rest, mut bytes, mut previous) = (block, 0, None);
        while let Some(line) = self.next_candidate(&mut rest) {
            let fields = EntryFields::parse(line).map_err(|error| format!("a line {error}"))?;
            let object = &self.object;
            if fields.tenant != object.tenant
                || fields.stream != object.stream
                || fields.recorded_at.day() != object.day
            {
                return Err(format!("entry {} does not belong into it", fields.seq));
            }
            if !self.wanted.contains(&fields.seq) || previous.is_some_and(|previous| fields.seq <= previous) {
                return Err(format!("entry {} is not in order", fields.seq));
            }
            previous = Some(fields.seq);
            if self.filter.matches(&fields, line) {
                bytes += line.len();
                found.push((fields.seq, line.to_vec()));
            }
        }
        Ok(bytes)
    }

    /// The next line that can match, without its newline.
    fn next_candidate<'l>(&self, rest: &mut &'l [u8]) -> Option<&'l [u8]> {
        if rest.is_empty() {
            return None;
        }
        let start = match &self.text {
            None => 0,
            Some(text) => line_start(rest, text.find(rest)?),
        };
        let line = &rest[start..];
        let end = line_end(line, 0);
        *rest = &line[end..];
        Some(line[..end].strip_suffix(b"\n").unwrap_or(&line[..end]))
    }
}

/// Where the line that holds this byte begins.
fn line_start(lines: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &lines[..at]).map_or(0, |newline| newline + 1)
}

/// Where the line that holds this byte ends, behind its newline.
fn line_end(lines: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &lines[at..]).map_or(lines.len(), |newline| at + newline + 1)
}

/// Where the first line with this seq or a higher one begins.
fn first_line_from(lines: &[u8], seq: u64) -> std::result::Result<usize, String> {
    let (mut low, mut high) = (0, lines.len());
    while low < high {
        let start = low + line_start(&lines[low..], (high - low) / 2);
        let found = seq_of(&lines[start..]).ok_or("a line does not begin with its seq")?;
        if found < seq {
            low = line_end(lines, start);
        } else {
            high = start;
        }
    }
    Ok(low)
}

/// The seq that a line begins with: `{"seq":` and digits.
fn seq_of(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"{\"seq\":")?;
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&digits[..count]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_from_a_seq_is_found_by_halving() {
        let seqs = [3_u64, 7, 8, 100, 4_096];
        let line = |seq: &u64| format!("{{\"seq\":{seq},\"x\":\"{}\"}}\n", "y".repeat(*seq as usize % 90));
        let lines = seqs.iter().map(line).collect::<Vec<_>>().concat();
        for seq in 0..5_000 {
            let at = first_line_from(lines.as_bytes(), seq).unwrap();
            let expected = seqs.iter().find(|found| **found >= seq);
            assert_eq!(seq_of(&lines.as_bytes()[at..]), expected.copied(), "{seq}");
        }
        assert_eq!(first_line_from(b"", 5), Ok(0));
        assert!(first_line_from(b"{\"other\":1}\n", 5).is_err());
    }
}

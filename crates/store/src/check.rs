//! What makes a call wrong whatever is stored: refused alike by every backend, before anything is written.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::rows::{Commit, Expected, PostingBlock, Restore, Segment, Table};

/// Rows are numbered with signed 64-bit integers in SQL.
const SQL_INTEGER_MAX: u64 = i64::MAX as u64;
/// Beyond 2^39 segments (2^55 entries) the ids of index blocks would not fit 63 bits.
const SEGMENT_NUMBER_MAX: u64 = (1 << 39) - 1;
/// A field's blocks share 16 bits of their ids.
const BLOCK_NUMBER_MAX: u32 = (1 << 16) - 1;

pub(crate) fn commit(commit: &Commit) -> Result<()> {
    let size = commit.expected_size.checked_add(commit.lines.len() as u64);
    if size.is_none_or(|size| size != commit.head.size || size > SQL_INTEGER_MAX) {
        let message = format!(
            "{} entries after {} do not make a head of size {}",
            commit.lines.len(),
            commit.expected_size,
            commit.head.size
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    if let Some(restore) = &commit.restore {
        self::restore(restore, commit)?;
    }
    let mut dropped = commit.prune.iter().flat_map(|prune| &prune.segments);
    dropped.try_for_each(|number| segment_number(*number))
}

fn restore(restore: &Restore, commit: &Commit) -> Result<()> {
    let entries = &restore.entries;
    let problem = if commit.prune.is_some() {
        "a commit restores or prunes, not both"
    } else if !entries.is_sorted_by(|one, other| one.seq < other.seq) {
        "entries are restored in ascending order, each once"
    } else if entries.last().is_some_and(|entry| entry.seq >= commit.expected_size) {
        "only entries of earlier commits can be restored"
    } else if entries.iter().any(|entry| std::str::from_utf8(&entry.line).is_err()) {
        "a line to be restored is not UTF-8"
    } else {
        return restore.index.as_ref().map_or(Ok(()), |(segment, postings)| seal(segment, postings));
    };
    Err(Error::new(ErrorKind::Invalid, problem))
}

/// The refusal to put an entry in the place of one that is there.
pub(crate) fn hot_already(seq: u64) -> Error {
    Error::new(ErrorKind::Invalid, format!("entry {seq} is hot already: what is there is never replaced"))
}

pub(crate) fn seal(segment: &Segment, postings: &[PostingBlock]) -> Result<()> {
    segment_number(segment.number)?;
    let mut places = BTreeSet::new();
    for block in postings {
        let place = format!("block {} of field {} in segment {}", block.block, block.field, block.segment);
        let problem = if block.segment != segment.number {
            format!("{place} does not belong to segment {}", segment.number)
        } else if block.block > BLOCK_NUMBER_MAX {
            format!("{place}: a field has at most {} blocks", BLOCK_NUMBER_MAX + 1)
        } else if block.first_term > SQL_INTEGER_MAX {
            format!("{place} begins with a term of 2^63 or more")
        } else if !places.insert((block.field, block.block)) {
            format!("{place} is there twice")
        } else {
            continue;
        };
        return Err(Error::new(ErrorKind::Invalid, problem));
    }
    Ok(())
}

/// Whether a term can be indexed at all; nothing is found for one that cannot.
pub(crate) fn is_term(term: u64) -> bool {
    term <= SQL_INTEGER_MAX
}

pub(crate) fn transient(table: Table) -> Result<()> {
    if table.is_transient() {
        return Ok(());
    }
    let message = format!("rows of {} change only with the entry that attests them", table.name());
    Err(Error::new(ErrorKind::Invalid, message))
}

/// Refuses a write whose row is not what it was decided on.
pub(crate) fn expected(table: Table, key: &str, expected: &Expected, body: Option<&str>) -> Result<()> {
    if expected.accepts(body) {
        return Ok(());
    }
    let message = format!("row {key} of {} is not what this was decided on", table.name());
    Err(Error::new(ErrorKind::RowMoved, message))
}

fn segment_number(number: u64) -> Result<()> {
    if number <= SEGMENT_NUMBER_MAX {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, format!("segment {number} is beyond the last, {SEGMENT_NUMBER_MAX}")))
}

//! The writing transactions.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::read;
use crate::check;
use crate::error::{Error, ErrorKind, Result};
use crate::rows::{
    Checkpoint, Commit, Entry, Expected, Key, PostingBlock, Prune, Restore, Row, RowChange, Segment,
    SegmentState, Table, Tile,
};

/// Room for 256 fields of 65,536 blocks in a segment's range of posting ids.
const POSTING_IDS_PER_SEGMENT: u64 = 1 << 24;
const POSTING_IDS_PER_FIELD: u64 = 1 << 16;

/// One page of so many may stay free: what a pruning frees is what appends take until the next one.
const FREE_PAGES_ONE_IN: u64 = 4;

pub(super) fn commit(connection: &mut Connection, commit: &Commit) -> Result<()> {
    in_transaction(connection, |transaction| {
        check_head(transaction, commit)?;
        insert_entries(transaction, commit)?;
        insert_keys(transaction, commit)?;
        for change in &commit.rows {
            match change {
                RowChange::Put(table, row) => write_row(transaction, *table, row)?,
                RowChange::Delete(table, key) => {
                    let sql = format!("DELETE FROM {} WHERE key = ?1", table.name());
                    transaction.prepare_cached(&sql)?.execute([key])?;
                }
            }
        }
        if let Some(restore) = &commit.restore {
            put_back(transaction, restore)?;
        }
        if let Some(prune) = &commit.prune {
            guarded(transaction, |transaction| delete_pruned(transaction, prune))?;
        }
        let head = &commit.head;
        transaction
            .prepare_cached(
                "INSERT INTO head (id, size, range, recorded_at, hold_version) VALUES (1, ?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET size = excluded.size, range = excluded.range,
                     recorded_at = excluded.recorded_at, hold_version = excluded.hold_version",
            )?
            .execute(params![head.size as i64, head.range, head.recorded_at, head.hold_version as i64])?;
        Ok(())
    })
}

fn check_head(transaction: &Transaction<'_>, commit: &Commit) -> std::result::Result<(), Failure> {
    let head = read::head(transaction)?;
    let size = head.as_ref().map_or(0, |head| head.size);
    if size != commit.expected_size {
        let message = format!("the head is at {size}, the commit was planned at {}", commit.expected_size);
        return Err(Error::new(ErrorKind::HeadMoved, message).into());
    }
    for row in &commit.expected_rows {
        check_row(transaction, row.table, &row.key, &row.expected)?;
    }
    if let Some(prune) = &commit.prune {
        let hold_version = head.map_or(0, |head| head.hold_version);
        if hold_version != prune.hold_version {
            let message = format!("holds are at version {hold_version}, pruning saw {}", prune.hold_version);
            return Err(Error::new(ErrorKind::HoldsMoved, message).into());
        }
    }
    Ok(())
}

fn check_row(
    transaction: &Transaction<'_>,
    table: Table,
    key: &str,
    expected: &Expected,
) -> std::result::Result<(), Failure> {
    if *expected == Expected::Anything {
        return Ok(());
    }
    let sql = format!("SELECT body FROM {} WHERE key = ?1", table.name());
    let body: Option<String> =
        transaction.prepare_cached(&sql)?.query_row([key], |row| row.get(0)).optional()?;
    Ok(check::expected(table, key, expected, body.as_deref())?)
}

fn insert_entries(transaction: &Transaction<'_>, commit: &Commit) -> std::result::Result<(), Failure> {
    let mut insert = transaction.prepare_cached("INSERT INTO entry (seq, line) VALUES (?1, ?2)")?;
    for (seq, line) in (commit.expected_size..).zip(&commit.lines) {
        let line = std::str::from_utf8(line)
            .map_err(|error| Error::with_source(ErrorKind::Invalid, "a line is not UTF-8", error))?;
        match insert.execute(params![seq as i64, line]) {
            Ok(_) => {}
            Err(error) if is_constraint(&error) => {
                let message = format!("there is an entry {seq} already, past the head");
                return Err(Error::with_source(ErrorKind::Corrupt, message, error).into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A plain INSERT, which refuses to replace what is there.
fn put_back(transaction: &Transaction<'_>, restore: &Restore) -> std::result::Result<(), Failure> {
    let mut insert = transaction.prepare_cached("INSERT INTO entry (seq, line) VALUES (?1, ?2)")?;
    for Entry { seq, line } in &restore.entries {
        let line = std::str::from_utf8(line)
            .map_err(|error| Error::with_source(ErrorKind::Invalid, "a line is not UTF-8", error))?;
        match insert.execute(params![seq.cast_signed(), line]) {
            Ok(_) => {}
            Err(error) if is_constraint(&error) => return Err(check::hot_already(*seq).into()),
            Err(error) => return Err(error.into()),
        }
    }
    if let Some((segment, postings)) = &restore.index {
        delete_segment(transaction, segment.number)?;
        insert_postings(transaction, postings)?;
        insert_segment(transaction, segment)?;
    }
    Ok(())
}

fn insert_keys(transaction: &Transaction<'_>, commit: &Commit) -> std::result::Result<(), Failure> {
    let mut insert =
        transaction.prepare_cached("INSERT INTO event_key (key, seq, content) VALUES (?1, ?2, ?3)")?;
    for row in &commit.keys {
        match insert.execute(params![row.key, row.seq as i64, row.content]) {
            Ok(_) => {}
            Err(error) if is_constraint(&error) => {
                return Err(
                    Error::with_source(ErrorKind::Conflict, "a dedup key is already there", error).into()
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Does `work` under the triggers, which this connection leaves off otherwise: asking them costs each insert as much as
/// a third of itself, and what they stop here beside deletions is SQL that this file does not have.
fn guarded(
    transaction: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    set_triggers(transaction, true)?;
    let done = work(transaction);
    set_triggers(transaction, false)?;
    done
}

/// Switches the triggers on or off for this connection only.
pub(super) fn set_triggers(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, on).map(|_| ())
}

fn delete_pruned(transaction: &Transaction<'_>, prune: &Prune) -> std::result::Result<(), Failure> {
    let mut open_gate = transaction.prepare_cached("INSERT INTO prune_gate (first, last) VALUES (?1, ?2)")?;
    let mut delete = transaction.prepare_cached("DELETE FROM entry WHERE seq BETWEEN ?1 AND ?2")?;
    let mut close_gate = transaction.prepare_cached("DELETE FROM prune_gate")?;
    let bound = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    for range in prune.ranges.iter().filter(|range| !range.is_empty()) {
        let bounds = params![bound(range.start), bound(range.end - 1)];
        open_gate.execute(bounds)?;
        delete.execute(bounds)?;
        // The trigger looks through the gate for every row, so it holds one range at a time.
        close_gate.execute([])?;
    }
    let mut mark = transaction.prepare_cached("UPDATE segment SET state = 'dropped' WHERE number = ?1")?;
    for segment in &prune.segments {
        delete_postings(transaction, *segment)?;
        mark.execute([*segment as i64])?;
    }
    Ok(())
}

fn delete_postings(transaction: &Transaction<'_>, segment: u64) -> rusqlite::Result<()> {
    let first = segment * POSTING_IDS_PER_SEGMENT;
    let bounds = params![first as i64, (first + POSTING_IDS_PER_SEGMENT - 1) as i64];
    transaction.prepare_cached("DELETE FROM posting WHERE id BETWEEN ?1 AND ?2")?.execute(bounds)?;
    Ok(())
}

pub(super) fn delete_keys(connection: &mut Connection, keys: &[Key]) -> Result<()> {
    in_transaction(connection, |transaction| {
        let mut delete = transaction.prepare_cached("DELETE FROM event_key WHERE key = ?1")?;
        for key in keys {
            delete.execute([key])?;
        }
        Ok(())
    })
}

/// Takes a segment's row and index blocks away, so that it can be sealed.
pub(super) fn unseal(connection: &mut Connection, segment: u64) -> Result<()> {
    in_transaction(connection, |transaction| Ok(delete_segment(transaction, segment)?))
}

fn delete_segment(transaction: &Transaction<'_>, segment: u64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM segment WHERE number = ?1")?.execute([segment.cast_signed()])?;
    delete_postings(transaction, segment)
}

pub(super) fn put_postings(connection: &mut Connection, postings: &[PostingBlock]) -> Result<()> {
    in_transaction(connection, |transaction| Ok(insert_postings(transaction, postings)?))
}

fn insert_postings(transaction: &Transaction<'_>, postings: &[PostingBlock]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO posting (id, segment, field, block, first_term, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for posting in postings {
        let id = posting.segment * POSTING_IDS_PER_SEGMENT
            + u64::from(posting.field) * POSTING_IDS_PER_FIELD
            + u64::from(posting.block);
        insert.execute(params![
            id as i64,
            posting.segment as i64,
            posting.field,
            posting.block,
            posting.first_term as i64,
            posting.body
        ])?;
    }
    Ok(())
}

pub(super) fn put_segment(connection: &mut Connection, segment: &Segment) -> Result<()> {
    in_transaction(connection, |transaction| Ok(insert_segment(transaction, segment)?))
}

fn insert_segment(transaction: &Transaction<'_>, segment: &Segment) -> rusqlite::Result<()> {
    let state = match segment.state {
        SegmentState::Sealed => "sealed",
        SegmentState::Dropped => "dropped",
    };
    transaction.prepare_cached("INSERT INTO segment VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?.execute(
        params![
            segment.number as i64,
            segment.entries as i64,
            segment.first_recorded_at,
            segment.last_recorded_at,
            segment.min_occurred_at,
            segment.max_occurred_at,
            segment.root,
            state
        ],
    )?;
    Ok(())
}

pub(super) fn publish(connection: &mut Connection, tiles: &[Tile], checkpoint: &Checkpoint) -> Result<()> {
    in_transaction(connection, |transaction| {
        let mut put = transaction.prepare_cached(
            "INSERT INTO tile (level, number, hashes) VALUES (?1, ?2, ?3)
             ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes
             WHERE length(excluded.hashes) >= length(hashes)",
        )?;
        for tile in tiles {
            put.execute(params![tile.key.0, tile.key.1 as i64, tile.hashes])?;
        }
        transaction
            .prepare_cached("DELETE FROM checkpoint WHERE size <= ?1")?
            .execute([checkpoint.size as i64])?;
        transaction
            .prepare_cached("INSERT INTO checkpoint (size, note) VALUES (?1, ?2)")?
            .execute(params![checkpoint.size as i64, checkpoint.note])?;
        Ok(())
    })
}

pub(super) fn put_row(
    connection: &mut Connection,
    table: Table,
    row: &Row,
    expected: &Expected,
) -> Result<()> {
    in_transaction(connection, |transaction| {
        check_row(transaction, table, &row.key, expected)?;
        Ok(write_row(transaction, table, row)?)
    })
}

fn write_row(transaction: &Transaction<'_>, table: Table, row: &Row) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO {} (key, body) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET body = excluded.body",
        table.name()
    );
    transaction.prepare_cached(&sql)?.execute(params![row.key, row.body])?;
    Ok(())
}

pub(super) fn reclaim(connection: &mut Connection, bytes_max: u64) -> Result<u64> {
    in_transaction(connection, |transaction| {
        let number =
            |sql: &str| transaction.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
        let page_bytes = number("PRAGMA page_size")?.max(1);
        let free_before = number("PRAGMA freelist_count")?;
        let spare = spare_pages(number("PRAGMA page_count")?, free_before);
        if spare == 0 {
            return Ok(0);
        }
        let pages_max = (bytes_max / page_bytes).clamp(1, spare);
        let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({pages_max})"))?;
        // One step gives back one page; the rows are empty.
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        let free_after = number("PRAGMA freelist_count")?;
        Ok(free_before.saturating_sub(free_after) * page_bytes)
    })
}

/// How many free pages have to go so that, of the file that is left, no more than one in [`FREE_PAGES_ONE_IN`] is free.
/// Giving a page back writes another one, from the end of the file, in its place.
fn spare_pages(pages: u64, free: u64) -> u64 {
    (free * FREE_PAGES_ONE_IN).saturating_sub(pages).div_ceil(FREE_PAGES_ONE_IN - 1)
}

/// Why a transaction stopped: one of our own refusals, or SQLite's.
enum Failure {
    Refused(Error),
    Sqlite(rusqlite::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Failure>,
) -> Result<T> {
    // IMMEDIATE takes the write lock first, so that what was checked still holds at COMMIT.
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.map_err(not_applied)?;
    match work(&transaction) {
        Ok(value) => transaction.commit().map(|()| value).map_err(commit_failed),
        Err(Failure::Refused(error)) => Err(error),
        Err(Failure::Sqlite(error)) => Err(not_applied(error)),
    }
}

/// A statement failed before COMMIT: the transaction rolls back, nothing is applied.
fn not_applied(error: rusqlite::Error) -> Error {
    Error::with_source(kind(&error), "the write was refused", error)
}

/// After an I/O error SQLite's own view of the file is in doubt, so the connection is given up with an unknown
/// outcome even where nothing can have been applied. Only what the call itself brought along is its own fault; what
/// depends on the machine (locks, permissions, memory, file handles) may pass.
fn kind(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ErrorCode::SystemIoFailure) => ErrorKind::OutcomeUnknown,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Corrupt,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) | None => {
            ErrorKind::Invalid
        }
        Some(_) => ErrorKind::Unavailable,
    }
}

/// COMMIT failed. Only a full disk is known not to have applied: the commit frame is the last thing written.
fn commit_failed(error: rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        _ => ErrorKind::OutcomeUnknown,
    };
    Error::with_source(kind, "the commit failed", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_file_stays_free_and_what_is_more_goes_at_once() {
        assert_eq!(spare_pages(1_000, 0), 0);
        assert_eq!(spare_pages(1_000, 250), 0);
        for (pages, free) in [(1_000, 251), (1_000, 700), (1_000, 999), (3, 2)] {
            let spare = spare_pages(pages, free);
            assert!(spare > 0 && spare <= free, "{pages} {free}");
            assert_eq!(spare_pages(pages - spare, free - spare), 0, "{pages} {free}");
        }
    }
}

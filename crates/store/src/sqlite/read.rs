//! The reading queries.

use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row as SqlRow, params};

use crate::error::{Error, ErrorKind, Result};
use crate::rows::{
    Checkpoint, Entry, EntryScan, Head, Key, KeyRow, Order, Posting, PostingBlock, Row, Segment,
    SegmentState, Table, TileKey,
};

pub(super) fn failed(error: rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        // Not SQLite's: a column that does not hold what the schema says.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => ErrorKind::Corrupt,
        Some(_) => ErrorKind::Unavailable,
    };
    Error::with_source(kind, "the ledger could not be read", error)
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    from_row: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let rows = statement.query_map(parameters, from_row).map_err(failed)?;
    rows.collect::<rusqlite::Result<Vec<T>>>().map_err(failed)
}

pub(super) fn head(connection: &Connection) -> Result<Option<Head>> {
    connection
        .prepare_cached("SELECT size, range, recorded_at, hold_version FROM head WHERE id = 1")
        .map_err(failed)?
        .query_row([], |row| {
            Ok(Head {
                size: row.get::<_, i64>(0)?.cast_unsigned(),
                range: row.get(1)?,
                recorded_at: row.get(2)?,
                hold_version: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })
        .optional()
        .map_err(failed)
}

fn key_row(row: &SqlRow<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow { key: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned(), content: row.get(2)? })
}

pub(super) fn keys(connection: &Connection, keys: &[Key]) -> Result<Vec<Option<KeyRow>>> {
    let mut statement = connection
        .prepare_cached("SELECT key, seq, content FROM event_key WHERE key = ?1")
        .map_err(failed)?;
    keys.iter().map(|key| statement.query_row([key], key_row).optional().map_err(failed)).collect()
}

pub(super) fn keys_after(connection: &Connection, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>> {
    let after: &[u8] = after.as_ref().map_or(&[], |key| key);
    let sql = "SELECT key, seq, content FROM event_key WHERE key > ?1 ORDER BY key LIMIT ?2";
    all(connection, sql, params![after, limit as i64], key_row)
}

fn entry(row: &SqlRow<'_>) -> rusqlite::Result<Entry> {
    let line = row.get_ref(1)?.as_bytes()?.to_vec();
    Ok(Entry { seq: row.get::<_, i64>(0)?.cast_unsigned(), line })
}

pub(super) fn entries(connection: &Connection, scan: &EntryScan) -> Result<Vec<Entry>> {
    let sql = match scan.order {
        Order::Ascending => "SELECT seq, line FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq LIMIT ?3",
        Order::Descending => {
            "SELECT seq, line FROM entry WHERE seq >= ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
        }
    };
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    // Cast, a bound beyond 2^63 would turn negative.
    let bound = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let parameters = params![bound(scan.range.start), bound(scan.range.end), scan.rows_max.max(1) as i64];
    let mut rows = statement.query(parameters).map_err(failed)?;
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        let entry = entry(row).map_err(failed)?;
        bytes += entry.line.len();
        found.push(entry);
        if bytes >= scan.bytes_max {
            break;
        }
    }
    Ok(found)
}

pub(super) fn entries_at(connection: &Connection, seqs: &[u64]) -> Result<Vec<Entry>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, line FROM entry WHERE seq = ?1").map_err(failed)?;
    let found = seqs.iter().map(|seq| statement.query_row([*seq as i64], entry).optional().map_err(failed));
    found.filter_map(Result::transpose).collect()
}

pub(super) fn segments(connection: &Connection) -> Result<Vec<Segment>> {
    let sql = "SELECT number, entries, first_recorded_at, last_recorded_at, min_occurred_at, max_occurred_at,
                      root, state FROM segment ORDER BY number";
    all(connection, sql, [], |row| {
        let state = match row.get_ref(7)?.as_str()? {
            "sealed" => SegmentState::Sealed,
            "dropped" => SegmentState::Dropped,
            _ => return Err(rusqlite::Error::InvalidColumnType(7, "state".into(), Type::Text)),
        };
        Ok(Segment {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            entries: row.get::<_, i64>(1)?.cast_unsigned(),
            first_recorded_at: row.get(2)?,
            last_recorded_at: row.get(3)?,
            min_occurred_at: row.get(4)?,
            max_occurred_at: row.get(5)?,
            root: row.get(6)?,
            state,
        })
    })
}

pub(super) fn postings(
    connection: &Connection,
    field: u8,
    term: u64,
    segments: &[u64],
) -> Result<Vec<Posting>> {
    // The last block that begins before the term may end with it; every block that begins with it holds it.
    let mut before = connection
        .prepare_cached(
            "SELECT body FROM posting WHERE segment = ?1 AND field = ?2 AND first_term < ?3
             ORDER BY first_term DESC, block DESC LIMIT 1",
        )
        .map_err(failed)?;
    let mut with = connection
        .prepare_cached(
            "SELECT body FROM posting WHERE segment = ?1 AND field = ?2 AND first_term = ?3 ORDER BY block",
        )
        .map_err(failed)?;
    let mut found = Vec::new();
    for &segment in segments {
        let parameters = params![segment as i64, field, term as i64];
        if let Some(body) = before.query_row(parameters, |row| row.get(0)).optional().map_err(failed)? {
            found.push(Posting { segment, body });
        }
        let mut rows = with.query(parameters).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            found.push(Posting { segment, body: row.get(0).map_err(failed)? });
        }
    }
    Ok(found)
}

pub(super) fn posting_blocks(connection: &Connection, segment: u64) -> Result<Vec<PostingBlock>> {
    let sql = "SELECT segment, field, block, first_term, body FROM posting WHERE segment = ?1
               ORDER BY field, block";
    all(connection, sql, [segment as i64], |row| {
        Ok(PostingBlock {
            segment: row.get::<_, i64>(0)?.cast_unsigned(),
            field: row.get(1)?,
            block: row.get(2)?,
            first_term: row.get::<_, i64>(3)?.cast_unsigned(),
            body: row.get(4)?,
        })
    })
}

pub(super) fn tiles(connection: &Connection, keys: &[TileKey]) -> Result<Vec<Option<Vec<u8>>>> {
    let mut statement = connection
        .prepare_cached("SELECT hashes FROM tile WHERE level = ?1 AND number = ?2")
        .map_err(failed)?;
    keys.iter()
        .map(|(level, number)| {
            statement.query_row(params![level, *number as i64], |row| row.get(0)).optional().map_err(failed)
        })
        .collect()
}

pub(super) fn tile_keys(connection: &Connection) -> Result<Vec<TileKey>> {
    all(connection, "SELECT level, number FROM tile ORDER BY level, number", [], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    })
}

pub(super) fn checkpoint(connection: &Connection) -> Result<Option<Checkpoint>> {
    connection
        .prepare_cached("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        .map_err(failed)?
        .query_row([], |row| {
            Ok(Checkpoint { size: row.get::<_, i64>(0)?.cast_unsigned(), note: row.get(1)? })
        })
        .optional()
        .map_err(failed)
}

pub(super) fn rows(
    connection: &Connection,
    table: Table,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Row>> {
    // One lower bound: of two, SQLite would seek to one and step over every row up to the other.
    let (comparison, from) = match after {
        Some(after) if after >= prefix => (">", after),
        _ => (">=", prefix),
    };
    let sql =
        format!("SELECT key, body FROM {} WHERE key {comparison} ?1 ORDER BY key LIMIT ?2", table.name());
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query(params![from, limit as i64]).map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let row = Row { key: row.get(0).map_err(failed)?, body: row.get(1).map_err(failed)? };
        // Keys with the same prefix lie together.
        if !row.key.starts_with(prefix) {
            break;
        }
        found.push(row);
    }
    Ok(found)
}

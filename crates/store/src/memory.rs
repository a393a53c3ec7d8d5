//! A store in memory: for tests and for what needs no tomorrow. Same contract, no durability.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::Store;
use crate::check;
use crate::error::{Error, ErrorKind, Result};
use crate::rows::{
    Checkpoint, Commit, Entry, EntryScan, Expected, Head, Key, KeyRow, Order, Posting, PostingBlock, Row,
    RowChange, Segment, SegmentState, Table, Tile, TileKey,
};

/// A ledger's rows in memory.
#[derive(Default)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    head: Option<Head>,
    entries: BTreeMap<u64, Vec<u8>>,
    keys: BTreeMap<Key, KeyRow>,
    segments: BTreeMap<u64, Segment>,
    postings: BTreeMap<(u64, u8, u32), PostingBlock>,
    tiles: BTreeMap<TileKey, Vec<u8>>,
    checkpoint: Option<Checkpoint>,
    control: BTreeMap<Table, BTreeMap<String, String>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn check(&self, commit: &Commit) -> Result<()> {
        let size = self.head.as_ref().map_or(0, |head| head.size);
        if size != commit.expected_size {
            let message =
                format!("the head is at {size}, the commit was planned at {}", commit.expected_size);
            return Err(Error::new(ErrorKind::HeadMoved, message));
        }
        for row in &commit.expected_rows {
            check::expected(row.table, &row.key, &row.expected, self.body(row.table, &row.key))?;
        }
        if let Some(prune) = &commit.prune {
            let hold_version = self.head.as_ref().map_or(0, |head| head.hold_version);
            if hold_version != prune.hold_version {
                let message =
                    format!("holds are at version {hold_version}, pruning saw {}", prune.hold_version);
                return Err(Error::new(ErrorKind::HoldsMoved, message));
            }
        }
        if commit.lines.iter().any(|line| std::str::from_utf8(line).is_err()) {
            return Err(Error::new(ErrorKind::Invalid, "a line is not UTF-8"));
        }
        let restored = commit.restore.iter().flat_map(|restore| &restore.entries);
        if let Some(hot) = restored.map(|entry| entry.seq).find(|seq| self.entries.contains_key(seq)) {
            return Err(check::hot_already(hot));
        }
        let mut new = BTreeSet::new();
        for row in &commit.keys {
            if self.keys.contains_key(&row.key) || !new.insert(row.key) {
                return Err(Error::new(ErrorKind::Conflict, "a dedup key is already there"));
            }
        }
        Ok(())
    }

    fn body(&self, table: Table, key: &str) -> Option<&str> {
        self.control.get(&table)?.get(key).map(String::as_str)
    }

    fn drop_postings(&mut self, segment: u64) {
        self.postings.retain(|(number, _, _), _| *number != segment);
    }

    fn replace_index(&mut self, segment: Segment, postings: Vec<PostingBlock>) {
        self.drop_postings(segment.number);
        self.segments.insert(segment.number, segment);
        let keyed = postings.into_iter().map(|block| ((block.segment, block.field, block.block), block));
        self.postings.extend(keyed);
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn head(&self) -> Result<Option<Head>> {
        Ok(self.lock().head.clone())
    }

    async fn commit(&self, commit: Commit) -> Result<()> {
        check::commit(&commit)?;
        let mut rows = self.lock();
        rows.check(&commit)?;
        rows.entries.extend((commit.expected_size..).zip(commit.lines));
        rows.keys.extend(commit.keys.into_iter().map(|row| (row.key, row)));
        for change in commit.rows {
            match change {
                RowChange::Put(table, row) => {
                    rows.control.entry(table).or_default().insert(row.key, row.body);
                }
                RowChange::Delete(table, key) => {
                    rows.control.entry(table).or_default().remove(&key);
                }
            }
        }
        if let Some(restore) = commit.restore {
            rows.entries.extend(restore.entries.into_iter().map(|entry| (entry.seq, entry.line)));
            if let Some((segment, postings)) = restore.index {
                rows.replace_index(segment, postings);
            }
        }
        if let Some(prune) = commit.prune {
            rows.entries.retain(|seq, _| !prune.ranges.iter().any(|range| range.contains(seq)));
            for number in prune.segments {
                rows.drop_postings(number);
                if let Some(segment) = rows.segments.get_mut(&number) {
                    segment.state = SegmentState::Dropped;
                }
            }
        }
        rows.head = Some(commit.head);
        Ok(())
    }

    async fn recover(&self) -> Result<Option<Head>> {
        self.head().await
    }

    async fn keys(&self, keys: Vec<Key>) -> Result<Vec<Option<KeyRow>>> {
        let rows = self.lock();
        Ok(keys.iter().map(|key| rows.keys.get(key).copied()).collect())
    }

    async fn keys_after(&self, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>> {
        let rows = self.lock();
        let later = rows.keys.values().filter(|row| after.is_none_or(|after| row.key > after));
        Ok(later.take(limit).copied().collect())
    }

    async fn delete_keys(&self, keys: Vec<Key>) -> Result<()> {
        let mut rows = self.lock();
        for key in keys {
            rows.keys.remove(&key);
        }
        Ok(())
    }

    async fn entries(&self, scan: EntryScan) -> Result<Vec<Entry>> {
        if scan.range.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.lock();
        let range = rows.entries.range(scan.range);
        let ordered: Box<dyn Iterator<Item = (&u64, &Vec<u8>)> + Send> = match scan.order {
            Order::Ascending => Box::new(range),
            Order::Descending => Box::new(range.rev()),
        };
        let mut found = Vec::new();
        let mut bytes = 0;
        for (seq, line) in ordered.take(scan.rows_max.max(1)) {
            bytes += line.len();
            found.push(Entry { seq: *seq, line: line.clone() });
            if bytes >= scan.bytes_max {
                break;
            }
        }
        Ok(found)
    }

    async fn entries_at(&self, seqs: Vec<u64>) -> Result<Vec<Entry>> {
        let rows = self.lock();
        let found = seqs
            .into_iter()
            .filter_map(|seq| rows.entries.get(&seq).map(|line| Entry { seq, line: line.clone() }));
        Ok(found.collect())
    }

    async fn seal(&self, segment: Segment, postings: Vec<PostingBlock>) -> Result<()> {
        check::seal(&segment, &postings)?;
        self.lock().replace_index(segment, postings);
        Ok(())
    }

    async fn segments(&self) -> Result<Vec<Segment>> {
        Ok(self.lock().segments.values().cloned().collect())
    }

    async fn postings(&self, field: u8, term: u64, segments: Vec<u64>) -> Result<Vec<Posting>> {
        if !check::is_term(term) {
            return Ok(Vec::new());
        }
        let rows = self.lock();
        let mut found = Vec::new();
        for segment in segments {
            let blocks = rows.postings.range((segment, field, 0)..=(segment, field, u32::MAX));
            let blocks: Vec<&PostingBlock> = blocks.map(|(_, block)| block).collect();
            let from = blocks.partition_point(|block| block.first_term < term).saturating_sub(1);
            let candidates = blocks[from..].iter().take_while(|block| block.first_term <= term);
            found.extend(candidates.map(|block| Posting { segment, body: block.body.clone() }));
        }
        Ok(found)
    }

    async fn posting_blocks(&self, segment: u64) -> Result<Vec<PostingBlock>> {
        let rows = self.lock();
        let range = rows.postings.range((segment, 0, 0)..=(segment, u8::MAX, u32::MAX));
        Ok(range.map(|(_, block)| block.clone()).collect())
    }

    async fn publish(&self, tiles: Vec<Tile>, checkpoint: Checkpoint) -> Result<()> {
        let mut rows = self.lock();
        for tile in tiles {
            let stored = rows.tiles.entry(tile.key).or_default();
            if tile.hashes.len() >= stored.len() {
                *stored = tile.hashes;
            }
        }
        if rows.checkpoint.as_ref().is_none_or(|newest| newest.size <= checkpoint.size) {
            rows.checkpoint = Some(checkpoint);
        }
        Ok(())
    }

    async fn tiles(&self, keys: Vec<TileKey>) -> Result<Vec<Option<Vec<u8>>>> {
        let rows = self.lock();
        Ok(keys.iter().map(|key| rows.tiles.get(key).cloned()).collect())
    }

    async fn tile_keys(&self) -> Result<Vec<TileKey>> {
        Ok(self.lock().tiles.keys().copied().collect())
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        Ok(self.lock().checkpoint.clone())
    }

    async fn rows(&self, table: Table, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Row>> {
        let rows = self.lock();
        let Some(table) = rows.control.get(&table) else { return Ok(Vec::new()) };
        let matching = table
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(matching.take(limit).map(|(key, body)| Row { key: key.clone(), body: body.clone() }).collect())
    }

    async fn put_transient(&self, table: Table, row: Row, expected: Expected) -> Result<()> {
        check::transient(table)?;
        let mut rows = self.lock();
        check::expected(table, &row.key, &expected, rows.body(table, &row.key))?;
        rows.control.entry(table).or_default().insert(row.key, row.body);
        Ok(())
    }

    async fn reclaim(&self, _bytes_max: u64) -> Result<u64> {
        Ok(0)
    }
}

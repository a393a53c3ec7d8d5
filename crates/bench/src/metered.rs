//! A store that counts what passes through it: how long callers waited, and what each commit held.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use store::{
    Checkpoint, Commit, Entry, EntryScan, Head, Key, KeyRow, Posting, PostingBlock, Result, Row, Segment,
    Store, Table, Tile, TileKey,
};

use crate::measurement::Measurement;

/// Calls of one kind.
#[derive(Debug, Default)]
struct Meter {
    calls: AtomicU64,
    nanos: AtomicU64,
}

impl Meter {
    async fn time<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let started = Instant::now();
        let result = call.await;
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }
}

/// A store with meters on the calls that taking events makes.
pub(crate) struct MeteredStore {
    inner: Arc<dyn Store>,
    keys: Meter,
    commit: Meter,
    entries: Meter,
    publish: Meter,
    seal: Meter,
    commit_entries: Mutex<Vec<u64>>,
}

impl MeteredStore {
    pub(crate) fn over(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            keys: Meter::default(),
            commit: Meter::default(),
            entries: Meter::default(),
            publish: Meter::default(),
            seal: Meter::default(),
            commit_entries: Mutex::default(),
        }
    }

    /// How many entries each commit so far has added, in order.
    pub(crate) fn commit_entries(&self) -> Vec<u64> {
        self.commit_entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what was metered, as `store_<call>_seconds` and `store_<call>_calls`.
    pub(crate) fn tell(&self, mut measurement: Measurement) -> Measurement {
        let meters = [
            ("keys", &self.keys),
            ("commit", &self.commit),
            ("entries", &self.entries),
            ("publish", &self.publish),
            ("seal", &self.seal),
        ];
        for (call, meter) in meters {
            let seconds = meter.nanos.load(Ordering::Relaxed) as f64 / 1e9;
            let calls = meter.calls.load(Ordering::Relaxed) as f64;
            measurement = measurement
                .with(format!("store_{call}_seconds"), seconds)
                .with(format!("store_{call}_calls"), calls);
        }
        measurement
    }
}

#[async_trait]
impl Store for MeteredStore {
    async fn head(&self) -> Result<Option<Head>> {
        self.inner.head().await
    }

    async fn commit(&self, commit: Commit) -> Result<()> {
        let entries = commit.lines.len() as u64;
        self.commit.time(self.inner.commit(commit)).await?;
        self.commit_entries.lock().unwrap_or_else(PoisonError::into_inner).push(entries);
        Ok(())
    }

    async fn recover(&self) -> Result<Option<Head>> {
        self.inner.recover().await
    }

    async fn keys(&self, keys: Vec<Key>) -> Result<Vec<Option<KeyRow>>> {
        self.keys.time(self.inner.keys(keys)).await
    }

    async fn keys_after(&self, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>> {
        self.inner.keys_after(after, limit).await
    }

    async fn delete_keys(&self, keys: Vec<Key>) -> Result<()> {
        self.inner.delete_keys(keys).await
    }

    async fn entries(&self, scan: EntryScan) -> Result<Vec<Entry>> {
        self.entries.time(self.inner.entries(scan)).await
    }

    async fn entries_at(&self, seqs: Vec<u64>) -> Result<Vec<Entry>> {
        self.inner.entries_at(seqs).await
    }

    async fn seal(&self, segment: Segment, postings: Vec<PostingBlock>) -> Result<()> {
        self.seal.time(self.inner.seal(segment, postings)).await
    }

    async fn segments(&self) -> Result<Vec<Segment>> {
        self.inner.segments().await
    }

    async fn postings(&self, field: u8, term: u64, segments: Vec<u64>) -> Result<Vec<Posting>> {
        self.inner.postings(field, term, segments).await
    }

    async fn posting_blocks(&self, segment: u64) -> Result<Vec<PostingBlock>> {
        self.inner.posting_blocks(segment).await
    }

    async fn publish(&self, tiles: Vec<Tile>, checkpoint: Checkpoint) -> Result<()> {
        self.publish.time(self.inner.publish(tiles, checkpoint)).await
    }

    async fn tiles(&self, keys: Vec<TileKey>) -> Result<Vec<Option<Vec<u8>>>> {
        self.inner.tiles(keys).await
    }

    async fn tile_keys(&self) -> Result<Vec<TileKey>> {
        self.inner.tile_keys().await
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.inner.checkpoint().await
    }

    async fn rows(&self, table: Table, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Row>> {
        self.inner.rows(table, prefix, after, limit).await
    }

    async fn put_transient(&self, table: Table, row: Row, expected: Expected) -> Result<()> {
        self.inner.put_transient(table, row, expected).await
    }

    async fn reclaim(&self, bytes_max: u64) -> Result<u64> {
        self.inner.reclaim(bytes_max).await
    }
}

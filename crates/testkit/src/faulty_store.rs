use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use store::{
    Checkpoint, Commit, Entry, EntryScan, Error, ErrorKind, Head, Key, KeyRow, Posting, PostingBlock, Result,
    Row, Segment, Store, Table, Tile, TileKey,
};

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is applied, and the caller is told so.
    Refused,
    /// Nothing is applied, and the caller is told that the outcome is unknown.
    Lost,
    /// It is applied, and the caller is told that the outcome is unknown.
    AppliedUnknown,
}

impl Fault {
    /// Every way to fail.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Lost, Self::AppliedUnknown];

    fn error(self) -> Error {
        match self {
            Self::Refused => Error::new(ErrorKind::Full, "an injected fault: not applied"),
            Self::Lost | Self::AppliedUnknown => {
                Error::new(ErrorKind::OutcomeUnknown, "an injected fault: outcome unknown")
            }
        }
    }
}

/// A store that fails one commit, or all checkpoints, when told to. Like the real ones it takes no write between an
/// unknown outcome and its recovery.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    fault: Fault,
    /// Commits left before the one that fails; below zero none fails.
    commits_left: AtomicI64,
    commits: AtomicUsize,
    poisoned: std::sync::atomic::AtomicBool,
    publish_fails: std::sync::atomic::AtomicBool,
}

impl FaultyStore {
    /// Over `inner`; nothing fails yet.
    pub fn new(inner: Arc<dyn Store>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            commits_left: AtomicI64::new(-1),
            commits: AtomicUsize::new(0),
            poisoned: false.into(),
            publish_fails: false.into(),
        }
    }

    /// The commit after so many more fails, once.
    pub fn fail_commit_after(&self, commits: usize) {
        self.commits_left.store(commits as i64, Ordering::SeqCst);
    }

    /// Whether checkpoints fail, from now on, in this store's way.
    pub fn fail_publish(&self, fails: bool) {
        self.publish_fails.store(fails, Ordering::SeqCst);
    }

    /// Commits asked for so far, failed ones too.
    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    fn check_poison(&self) -> Result<()> {
        if self.poisoned.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "an injected fault: recover first"));
        }
        Ok(())
    }

    fn fail(&self) -> Error {
        self.poisoned.store(self.fault != Fault::Refused, Ordering::SeqCst);
        self.fault.error()
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn head(&self) -> Result<Option<Head>> {
        self.inner.head().await
    }

    async fn commit(&self, commit: Commit) -> Result<()> {
        self.check_poison()?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return self.inner.commit(commit).await;
        }
        if self.fault == Fault::AppliedUnknown {
            self.inner.commit(commit).await?;
        }
        Err(self.fail())
    }

    async fn recover(&self) -> Result<Option<Head>> {
        self.poisoned.store(false, Ordering::SeqCst);
        self.inner.recover().await
    }

    async fn keys(&self, keys: Vec<Key>) -> Result<Vec<Option<KeyRow>>> {
        self.inner.keys(keys).await
    }

    async fn keys_after(&self, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>> {
        self.inner.keys_after(after, limit).await
    }

    async fn delete_keys(&self, keys: Vec<Key>) -> Result<()> {
        self.check_poison()?;
        self.inner.delete_keys(keys).await
    }

    async fn entries(&self, scan: EntryScan) -> Result<Vec<Entry>> {
        self.inner.entries(scan).await
    }

    async fn entries_at(&self, seqs: Vec<u64>) -> Result<Vec<Entry>> {
        self.inner.entries_at(seqs).await
    }

    async fn seal(&self, segment: Segment, postings: Vec<PostingBlock>) -> Result<()> {
        self.check_poison()?;
        self.inner.seal(segment, postings).await
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
        self.check_poison()?;
        if !self.publish_fails.load(Ordering::SeqCst) {
            return self.inner.publish(tiles, checkpoint).await;
        }
        if self.fault == Fault::AppliedUnknown {
            self.inner.publish(tiles, checkpoint).await?;
        }
        Err(self.fail())
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

    async fn put_transient(&self, table: Table, row: Row) -> Result<()> {
        self.check_poison()?;
        self.inner.put_transient(table, row).await
    }

    async fn reclaim(&self, bytes_max: u64) -> Result<u64> {
        self.check_poison()?;
        self.inner.reclaim(bytes_max).await
    }
}

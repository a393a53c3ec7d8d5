use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use store::{
    Checkpoint, Commit, Entry, EntryScan, Error, ErrorKind, Expected, Head, Key, KeyRow, Posting,
    PostingBlock, Result, Row, Segment, Store, Table, Tile, TileKey,
};

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Nothing is applied, and the caller is told so: the disk is full.
    Refused,
    /// Nothing is applied, and the caller is told that the outcome is unknown.
    Lost,
    /// It is applied, and the caller is told that the outcome is unknown.
    AppliedUnknown,
    /// Nothing is applied: the store takes no writes now. The sequencer tries again by itself.
    Unavailable,
}

impl Fault {
    /// Every way to fail that reaches whoever appends.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Lost, Self::AppliedUnknown];
    /// Every way to fail.
    pub const EVERY: [Self; 4] = [Self::Refused, Self::Lost, Self::AppliedUnknown, Self::Unavailable];

    fn error(self) -> Error {
        match self {
            Self::Refused => Error::new(ErrorKind::Full, "an injected fault: not applied"),
            Self::Unavailable => Error::new(ErrorKind::Unavailable, "an injected fault: not now"),
            Self::Lost | Self::AppliedUnknown => {
                Error::new(ErrorKind::OutcomeUnknown, "an injected fault: outcome unknown")
            }
        }
    }
}

/// The calls of a store that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteCall {
    /// [`Store::commit`]
    Commit,
    /// [`Store::seal`]
    Seal,
    /// [`Store::publish`]
    Publish,
    /// [`Store::put_transient`]
    PutTransient,
    /// [`Store::delete_keys`]
    DeleteKeys,
    /// [`Store::reclaim`]
    Reclaim,
    /// [`Store::recover`]
    Recover,
}

impl WriteCall {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Commit,
        Self::Seal,
        Self::Publish,
        Self::PutTransient,
        Self::DeleteKeys,
        Self::Reclaim,
        Self::Recover,
    ];
}

/// A store whose writing calls fail when told to. Like the real ones it takes no write between an unknown outcome and
/// its recovery.
///
/// While a writing call is under way a paused clock of tokio's does not run ahead, although the work is done by a thread
/// that tokio does not know.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    fault: Fault,
    poisoned: AtomicBool,
    publish_fails: AtomicBool,
    schedule: Mutex<Schedule>,
}

#[derive(Default)]
struct Schedule {
    /// Calls that fail: of which kind, the how-many-eth, and how.
    due: Vec<(WriteCall, usize, Fault)>,
    calls: BTreeMap<WriteCall, usize>,
    struck: BTreeMap<(WriteCall, Fault), u64>,
}

impl FaultyStore {
    /// Over `inner`; nothing fails yet. The fault is the one of [`Self::fail_commit_after`] and [`Self::fail_publish`].
    pub fn new(inner: Arc<dyn Store>, fault: Fault) -> Self {
        Self { inner, fault, poisoned: false.into(), publish_fails: false.into(), schedule: Mutex::default() }
    }

    /// The call of this kind after so many more fails, once.
    pub fn fail(&self, call: WriteCall, after: usize, fault: Fault) {
        let mut schedule = self.schedule();
        let number = schedule.calls.get(&call).copied().unwrap_or(0) + after;
        schedule.due.push((call, number, fault));
    }

    /// The commit after so many more fails, once.
    pub fn fail_commit_after(&self, commits: usize) {
        self.fail(WriteCall::Commit, commits, self.fault);
    }

    /// Whether checkpoints fail, from now on, in this store's way.
    pub fn fail_publish(&self, fails: bool) {
        self.publish_fails.store(fails, Ordering::SeqCst);
    }

    /// Nothing fails any more; what failed stays to be recovered from.
    pub fn clear(&self) {
        self.fail_publish(false);
        self.schedule().due.clear();
    }

    /// Calls of this kind so far, failed ones too.
    pub fn calls(&self, call: WriteCall) -> usize {
        self.schedule().calls.get(&call).copied().unwrap_or(0)
    }

    /// Commits asked for so far, failed ones too.
    pub fn commits(&self) -> usize {
        self.calls(WriteCall::Commit)
    }

    /// How often which call failed how.
    pub fn failures(&self) -> BTreeMap<(WriteCall, Fault), u64> {
        self.schedule().struck.clone()
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; the fault that it meets, if any.
    fn due(&self, call: WriteCall) -> Option<Fault> {
        let mut schedule = self.schedule();
        let count = schedule.calls.entry(call).or_default();
        let number = *count;
        *count += 1;
        let always = call == WriteCall::Publish && self.publish_fails.load(Ordering::SeqCst);
        let fault = match schedule.due.iter().position(|due| (due.0, due.1) == (call, number)) {
            Some(position) => Some(schedule.due.swap_remove(position).2),
            None => always.then_some(self.fault),
        }?;
        *schedule.struck.entry((call, fault)).or_default() += 1;
        Some(fault)
    }

    async fn write<T>(&self, call: WriteCall, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        if call != WriteCall::Recover && self.poisoned.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "an injected fault: recover first"));
        }
        let fault = self.due(call);
        let Some(fault) = fault else {
            let done = holding_the_clock(work).await?;
            if call == WriteCall::Recover {
                self.poisoned.store(false, Ordering::SeqCst);
            }
            return Ok(done);
        };
        if fault == Fault::AppliedUnknown {
            holding_the_clock(work).await?;
        }
        if matches!(fault, Fault::Lost | Fault::AppliedUnknown) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        Err(fault.error())
    }
}

/// A paused clock moves on its own while tokio has nothing to do, but not while it has a blocking task.
async fn holding_the_clock<T>(work: impl Future<Output = T>) -> T {
    let (done, waits) = std::sync::mpsc::channel::<()>();
    let held = tokio::task::spawn_blocking(move || waits.recv().is_ok());
    let result = work.await;
    drop((done, held));
    result
}

#[async_trait]
impl Store for FaultyStore {
    async fn head(&self) -> Result<Option<Head>> {
        self.inner.head().await
    }

    async fn commit(&self, commit: Commit) -> Result<()> {
        self.write(WriteCall::Commit, self.inner.commit(commit)).await
    }

    async fn recover(&self) -> Result<Option<Head>> {
        self.write(WriteCall::Recover, self.inner.recover()).await
    }

    async fn keys(&self, keys: Vec<Key>) -> Result<Vec<Option<KeyRow>>> {
        self.inner.keys(keys).await
    }

    async fn keys_after(&self, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>> {
        self.inner.keys_after(after, limit).await
    }

    async fn delete_keys(&self, keys: Vec<Key>) -> Result<()> {
        self.write(WriteCall::DeleteKeys, self.inner.delete_keys(keys)).await
    }

    async fn entries(&self, scan: EntryScan) -> Result<Vec<Entry>> {
        self.inner.entries(scan).await
    }

    async fn entries_at(&self, seqs: Vec<u64>) -> Result<Vec<Entry>> {
        self.inner.entries_at(seqs).await
    }

    async fn seal(&self, segment: Segment, postings: Vec<PostingBlock>) -> Result<()> {
        self.write(WriteCall::Seal, self.inner.seal(segment, postings)).await
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
        self.write(WriteCall::Publish, self.inner.publish(tiles, checkpoint)).await
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
        self.write(WriteCall::PutTransient, self.inner.put_transient(table, row, expected)).await
    }

    async fn reclaim(&self, bytes_max: u64) -> Result<u64> {
        self.write(WriteCall::Reclaim, self.inner.reclaim(bytes_max)).await
    }
}

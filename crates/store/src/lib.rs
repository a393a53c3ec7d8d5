//! The ordered rows of a ledger, kept durably and changed atomically: the [`Store`] trait, SQLite and memory.
//!
//! A store is small, ordered and dumb. It knows nothing of actors, filters, hashes, holds or retention; all of that
//! stands once, above it, and so behaves the same on every backend. Absent on purpose: validation, hashing, search,
//! scheduling, retries.

mod check;
mod error;
mod memory;
mod rows;
mod sqlite;

pub use error::{Error, ErrorKind, Result};
pub use memory::MemoryStore;
pub use rows::{
    Checkpoint, Commit, Entry, EntryScan, Expected, ExpectedRow, Head, Key, KeyRow, Order, Posting,
    PostingBlock, Prune, Restore, Row, RowChange, Segment, SegmentState, SeqRange, Table, Tile, TileKey,
};
pub use sqlite::{SqliteOptions, SqliteStore};

use async_trait::async_trait;

/// Durable, ordered rows of one ledger.
///
/// **Durability**: a write that returned `Ok` survives a crash of the process and of the machine. **Atomicity**: every
/// writing call but [`Store::seal`] is one transaction. **Ordering**: writes are applied in the order in which they were
/// called; a read sees every write that returned before the read began, and answers from one moment: never half of a
/// write. **Retries**: the store never retries; the engine decides. **Errors** say what the caller may assume, see
/// [`ErrorKind`].
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The one head row, or `None` where no ledger has been created yet.
    async fn head(&self) -> Result<Option<Head>>;

    /// Applies a commit: entries, dedup keys, control rows, restoring or pruning and the new head, all or nothing.
    ///
    /// Fails with [`ErrorKind::HeadMoved`] unless the head is at `commit.expected_size` (0 and no head row for the
    /// first commit), with [`ErrorKind::RowMoved`] when one of `commit.expected_rows` is not as expected, with
    /// [`ErrorKind::HoldsMoved`] when `commit.prune` was decided under another hold version,
    /// with [`ErrorKind::Conflict`] when a dedup key is already there, with [`ErrorKind::Invalid`] when the commit
    /// contradicts itself (see [`Commit`]) or restores an entry that is hot; then nothing was applied.
    /// [`ErrorKind::OutcomeUnknown`] means that it may have been applied: call [`Store::recover`].
    async fn commit(&self, commit: Commit) -> Result<()>;

    /// After [`ErrorKind::OutcomeUnknown`]: makes what the files hold durable again and reopens for writing.
    /// The head it answers is durable, so what it covers may be acknowledged. Idempotent; safe on a healthy store.
    async fn recover(&self) -> Result<Option<Head>>;

    /// Looks dedup keys up; answers in the order asked.
    async fn keys(&self, keys: Vec<Key>) -> Result<Vec<Option<KeyRow>>>;

    /// Dedup keys in key order after `after`, at most `limit`: for verification and expiry.
    async fn keys_after(&self, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>>;

    /// Deletes the given dedup keys (their entries are pruned and their time is up).
    async fn delete_keys(&self, keys: Vec<Key>) -> Result<()>;

    /// Hot entries in a range of seqs, bounded by rows and bytes; at least one if any is there, whatever the bounds.
    async fn entries(&self, scan: EntryScan) -> Result<Vec<Entry>>;

    /// The hot entries among `seqs`, in the order asked; those not hot are left out.
    async fn entries_at(&self, seqs: Vec<u64>) -> Result<Vec<Entry>>;

    /// Records a sealed segment with its index blocks. Sealing the same segment again replaces both.
    ///
    /// Not one transaction but several, so that commits need not wait for all of it: the row goes first and comes last.
    /// A crash or a failure in between leaves blocks without a row, which nobody reads and the next sealing replaces.
    ///
    /// Fails with [`ErrorKind::Invalid`] for a block of another segment, a block that is there twice, and numbers
    /// beyond the bounds of [`PostingBlock`].
    async fn seal(&self, segment: Segment, postings: Vec<PostingBlock>) -> Result<()>;

    /// All segment rows, by number.
    async fn segments(&self) -> Result<Vec<Segment>>;

    /// The index blocks that can hold `term` of `field`, for the asked segments, in block order within a segment.
    async fn postings(&self, field: u8, term: u64, segments: Vec<u64>) -> Result<Vec<Posting>>;

    /// All index blocks of one segment, by field and block number: for verification.
    async fn posting_blocks(&self, segment: u64) -> Result<Vec<PostingBlock>>;

    /// Writes tiles and the checkpoint that covers them.
    ///
    /// A tile replaces what is there unless that is wider, and a checkpoint of a smaller size than the newest does
    /// not become the newest: so a publisher that is late takes nothing back.
    async fn publish(&self, tiles: Vec<Tile>, checkpoint: Checkpoint) -> Result<()>;

    /// Tiles by key, in the order asked.
    async fn tiles(&self, keys: Vec<TileKey>) -> Result<Vec<Option<Vec<u8>>>>;

    /// Every tile key that is stored: for verification, which must notice what should not be there.
    async fn tile_keys(&self) -> Result<Vec<TileKey>>;

    /// The newest signed checkpoint.
    async fn checkpoint(&self) -> Result<Option<Checkpoint>>;

    /// Rows of a control table with keys after `after` (exclusive) that start with `prefix`, in key order (by the
    /// bytes of their UTF-8).
    async fn rows(&self, table: Table, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Row>>;

    /// Puts a row that is no evidence and that no entry attests, if what is there now is as expected: only for tables
    /// where [`Table::is_transient`]. Fails with [`ErrorKind::RowMoved`] where it is not; then nothing was put. Of
    /// several callers that expect the same, one succeeds.
    async fn put_transient(&self, table: Table, row: Row, expected: Expected) -> Result<()>;

    /// Gives freed space back to the operating system, at most about `bytes_max`; answers the bytes given back. A store
    /// may keep some of it for what is appended next: SQLite's a quarter of its file.
    async fn reclaim(&self, bytes_max: u64) -> Result<u64>;
}

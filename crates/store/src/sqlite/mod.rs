//! The embedded backend: one SQLite file in WAL mode, synchronous = FULL.
//!
//! One thread owns the only writing connection; a few connections serve reads. A commit is acknowledged after
//! SQLite has synced its WAL frame.

mod connection;
mod read;
mod wal;
mod wal_copier;
mod write;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;

use crate::Store;
use crate::check;
use crate::error::{Error, ErrorKind, Result};
use crate::rows::{
    Checkpoint, Commit, Entry, EntryScan, Expected, Head, Key, KeyRow, Posting, PostingBlock, Row, Segment,
    Table, Tile, TileKey,
};
use connection::ReadConnections;
use writer::Writer;

/// Index blocks written in one transaction: about 512 KiB, a few milliseconds.
const SEAL_BLOCKS_AT_ONCE: usize = 64;

/// How a SQLite store is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Connections that serve reads.
    pub read_connections: usize,
    /// Page cache of the writing connection, in KiB.
    pub write_cache_kib: u32,
    /// Page cache of each reading connection, in KiB.
    pub read_cache_kib: u32,
    /// The WAL is copied into the database file when it has grown to about so many pages of 8 KiB.
    pub wal_pages_max: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        // 16 MiB of WAL: 64 MiB wrote 6 % less in all, for more to read again at the next start.
        Self { read_connections: 4, write_cache_kib: 65_536, read_cache_kib: 16_384, wal_pages_max: 2_048 }
    }
}

/// A ledger's rows in one SQLite file.
pub struct SqliteStore {
    readers: Arc<ReadConnections>,
    writer: Option<Writer>,
}

impl SqliteStore {
    /// Creates the file with its tables; it is there whole and durable, or not at all. Fails with
    /// [`ErrorKind::Invalid`] where the file, or the WAL of an earlier one, already exists.
    pub fn create(path: &Path, options: &SqliteOptions) -> Result<Self> {
        connection::create(path)?;
        Self::open(path, options)
    }

    /// Opens an existing store for reading and writing, and makes durable what an earlier writer left. The caller
    /// makes sure that no other process writes.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let writer = Writer::start(path, options)?;
        let readers = Arc::new(ReadConnections::open(path, options)?);
        Ok(Self { readers, writer: Some(writer) })
    }

    /// Opens an existing store for reading only, also beside a process that writes or after one was killed.
    ///
    /// The database file and the WAL are never written. SQLite puts its index of the WAL (`-shm`) and, if missing, an
    /// empty WAL beside them; in a directory that cannot be written this works only while both are there, that is
    /// beside a running writer or after its kill, and fails with [`ErrorKind::Unavailable`] otherwise.
    pub fn open_read_only(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let readers = Arc::new(ReadConnections::open(path, options)?);
        Ok(Self { readers, writer: None })
    }

    /// The store's file inside a data directory.
    pub fn file_in(data_directory: &Path) -> PathBuf {
        data_directory.join("ledger.sqlite")
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.run(work).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.writer {
            Some(writer) => writer.run(work).await,
            None => Err(Error::new(ErrorKind::Unavailable, "the store was opened for reading only")),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn head(&self) -> Result<Option<Head>> {
        self.read(read::head).await
    }

    async fn commit(&self, commit: Commit) -> Result<()> {
        check::commit(&commit)?;
        self.write(move |connection| write::commit(connection, &commit)).await
    }

    async fn recover(&self) -> Result<Option<Head>> {
        match &self.writer {
            Some(writer) => writer.recover().await?,
            None => return Err(Error::new(ErrorKind::Unavailable, "the store was opened for reading only")),
        }
        self.head().await
    }

    async fn keys(&self, keys: Vec<Key>) -> Result<Vec<Option<KeyRow>>> {
        self.read(move |connection| read::keys(connection, &keys)).await
    }

    async fn keys_after(&self, after: Option<Key>, limit: usize) -> Result<Vec<KeyRow>> {
        self.read(move |connection| read::keys_after(connection, after, limit)).await
    }

    async fn delete_keys(&self, keys: Vec<Key>) -> Result<()> {
        self.write(move |connection| write::delete_keys(connection, &keys)).await
    }

    async fn entries(&self, scan: EntryScan) -> Result<Vec<Entry>> {
        self.read(move |connection| read::entries(connection, &scan)).await
    }

    async fn entries_at(&self, seqs: Vec<u64>) -> Result<Vec<Entry>> {
        self.read(move |connection| read::entries_at(connection, &seqs)).await
    }

    async fn seal(&self, segment: Segment, postings: Vec<PostingBlock>) -> Result<()> {
        check::seal(&segment, &postings)?;
        // In steps that commits need not wait long for. The row comes last: blocks without it are nobody's.
        let number = segment.number;
        self.write(move |connection| write::unseal(connection, number)).await?;
        let mut left = postings;
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(SEAL_BLOCKS_AT_ONCE));
            let step = std::mem::replace(&mut left, rest);
            self.write(move |connection| write::put_postings(connection, &step)).await?;
        }
        self.write(move |connection| write::put_segment(connection, &segment)).await
    }

    async fn segments(&self) -> Result<Vec<Segment>> {
        self.read(read::segments).await
    }

    async fn postings(&self, field: u8, term: u64, segments: Vec<u64>) -> Result<Vec<Posting>> {
        if !check::is_term(term) {
            return Ok(Vec::new());
        }
        self.read(move |connection| read::postings(connection, field, term, &segments)).await
    }

    async fn posting_blocks(&self, segment: u64) -> Result<Vec<PostingBlock>> {
        self.read(move |connection| read::posting_blocks(connection, segment)).await
    }

    async fn publish(&self, tiles: Vec<Tile>, checkpoint: Checkpoint) -> Result<()> {
        self.write(move |connection| write::publish(connection, &tiles, &checkpoint)).await
    }

    async fn tiles(&self, keys: Vec<TileKey>) -> Result<Vec<Option<Vec<u8>>>> {
        self.read(move |connection| read::tiles(connection, &keys)).await
    }

    async fn tile_keys(&self) -> Result<Vec<TileKey>> {
        self.read(read::tile_keys).await
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.read(read::checkpoint).await
    }

    async fn rows(&self, table: Table, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Row>> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.read(move |connection| read::rows(connection, table, &prefix, after.as_deref(), limit)).await
    }

    async fn put_transient(&self, table: Table, row: Row, expected: Expected) -> Result<()> {
        check::transient(table)?;
        self.write(move |connection| write::put_row(connection, table, &row, &expected)).await
    }

    async fn reclaim(&self, bytes_max: u64) -> Result<u64> {
        let bytes = self.write(move |connection| write::reclaim(connection, bytes_max)).await?;
        if let Some(writer) = self.writer.as_ref().filter(|_| bytes > 0) {
            // The file shrinks when the WAL is copied into it.
            writer.copy_wal().await?;
        }
        Ok(bytes)
    }
}

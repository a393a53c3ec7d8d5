//! The WAL: how long it is, and copying it into the database file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

/// A WAL that has grown to so many times the length at which it is due is copied before anything else is written: it
/// grows faster than it is copied beside the writer.
const TOO_LONG_TIMES: i32 = 16;

/// What the writing connections share of the WAL.
///
/// A copy that covers only a part of the WAL, because a reader needs the rest or a commit came in between, is not synced
/// by SQLite: the copy that covers the rest syncs both. Should that sync fail, the operating system takes the pages of
/// both for clean, SQLite writes again only those of the second, and the next sync succeeds without the first. So after a
/// copy that failed with an I/O error nothing is written any more: a process that begins anew copies everything again.
#[derive(Debug)]
pub(super) struct Wal {
    /// As of the newest commit.
    pages: Arc<AtomicI32>,
    pages_due: i32,
    broken: AtomicBool,
}

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copied {
    /// Pages in the WAL.
    pub(super) pages: i32,
    /// Those of them that are in the database file, too.
    pub(super) copied: i32,
}

impl Wal {
    /// A WAL that is due to be copied when it is so many pages long.
    pub(super) fn new(pages_due: u32) -> Self {
        let pages_due = i32::try_from(pages_due).unwrap_or(i32::MAX / TOO_LONG_TIMES).max(1);
        Self { pages: Arc::default(), pages_due, broken: false.into() }
    }

    /// Keeps its length up to date with the commits of this connection.
    pub(super) fn follow(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let length = self.pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            length.store(pages, Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Whether it is time to copy it.
    pub(super) fn is_due(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.pages_due
    }

    /// Whether a commit should wait until it has been copied.
    pub(super) fn is_too_long(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.pages_due.saturating_mul(TOO_LONG_TIMES)
    }

    /// Whether only a new process can say what is durable.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Copies what no reader still needs. `None` where it is being copied already, or cannot be now.
    pub(super) fn copy(&self, connection: &Connection) -> Option<Copied> {
        let copied = connection.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE);
        copied.inspect_err(|error| self.failed(error)).ok().map(|(pages, copied)| Copied { pages, copied })
    }

    /// Takes note of a copy that went wrong. A full disk is no reason to stop: then nothing was synced, or everything.
    pub(super) fn failed(&self, error: &rusqlite::Error) {
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            self.broken.store(true, Ordering::SeqCst);
        }
    }

    /// The database file could not be synced.
    pub(super) fn sync_failed(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }
}

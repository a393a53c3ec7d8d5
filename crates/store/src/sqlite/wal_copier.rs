//! Copying the WAL into the database file beside the writer, so that commits need not wait for it.
//!
//! SQLite would do it at the end of the commit that makes the WAL too long. Here a connection of its own copies while
//! commits go on, again and again until little is left, and has the writer copy the rest: only when everything has been
//! copied does the next commit begin the WAL anew. A copy changes nothing of what is durable: a commit is synced in the
//! WAL before it is acknowledged, and leaves the WAL only after the database file was synced with it in it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::connection::open_for_writing;
use super::wal::Wal;
use crate::error::{Error, ErrorKind, Result};

/// So much, 1 MiB, is left to the writer: it takes a few milliseconds.
const PAGES_LEFT: i32 = 128;
/// Against a writer that is always faster.
const PASSES_MAX: u32 = 8;
/// The copier reads the WAL past its page cache.
const CACHE_KIB: u32 = 256;

/// The thread that copies. Dropping it waits for the copy under way.
pub(super) struct WalCopier {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Copier<F> {
    connection: Connection,
    database: File,
    wal: Arc<Wal>,
    finish: F,
}

impl WalCopier {
    /// Starts it; `finish` has the writer copy what is left, between two commits.
    pub(super) fn start(path: &Path, wal: Arc<Wal>, finish: impl Fn() + Send + 'static) -> Result<Self> {
        let failed = |error| Error::with_source(ErrorKind::Unavailable, "cannot start the copier", error);
        let connection = open_for_writing(path, CACHE_KIB)?;
        let database = File::open(path).map_err(failed)?;
        let (wake, woken) = sync_channel(1);
        let copier = Copier { connection, database, wal, finish };
        let thread = std::thread::Builder::new()
            .name("store-wal".into())
            .spawn(move || copier.copy_when_woken(&woken))
            .map_err(failed)?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Says that the WAL is due; it may have been said before.
    pub(super) fn wake(&self) {
        // A full channel says it already.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }
}

impl Drop for WalCopier {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A copier that panicked has copied less, which whoever opens the store next makes up for.
            let _ = thread.join();
        }
    }
}

impl<F: Fn()> Copier<F> {
    fn copy_when_woken(&self, woken: &Receiver<()>) {
        while woken.recv().is_ok() {
            // The last copy may have made the reason to wake it moot.
            if self.wal.is_due() && !self.wal.is_broken() && self.copy_most() {
                (self.finish)();
            }
        }
    }

    /// Whether all but a little was copied; not where a reader still needs what is in the WAL, or where copying fails:
    /// then the next commit is as good a time to try again.
    fn copy_most(&self) -> bool {
        let mut copied_before = 0;
        for _ in 0..PASSES_MAX {
            let Some(copy) = self.wal.copy(&self.connection) else { return false };
            // SQLite does not sync a copy that a commit has overtaken, and would do so for all of it at the end, on the
            // writer's time.
            if self.database.sync_data().is_err() {
                self.wal.sync_failed();
                return false;
            }
            if copy.copied < copy.pages {
                return false;
            }
            // What this pass copied is what was committed during the one before; the next would find about as much.
            if copy.pages - copied_before <= PAGES_LEFT {
                break;
            }
            copied_before = copy.copied;
        }
        true
    }
}

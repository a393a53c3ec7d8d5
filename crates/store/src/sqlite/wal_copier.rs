//! Copying the WAL into the database file beside the writer, so that commits need not wait for it.
//!
//! `SQLite` would do it at the end of the commit that makes the WAL too long. Here a connection of its own copies while
//! commits go on, again and again until little is left, and has the writer copy the rest: only when everything has been
//! copied does the next commit begin the WAL anew. A copy changes nothing of what is durable: a commit is synced in the
//! WAL before it is acknowledged, and leaves the WAL only after the database file was synced with it in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use super::connection::open_for_writing;
use crate::error::{Error, ErrorKind, Result};

/// The WAL is copied once it has grown to about 16 MiB.
const WAL_PAGES_DUE: i32 = 2_048;
/// A commit that makes the WAL as long as this, 256 MiB, copies it itself: it grows faster than it is copied, or copying
/// beside it fails.
const WAL_PAGES_MAX: i32 = 32_768;
/// So much, 1 MiB, is left to the writer: it takes a few milliseconds.
const PAGES_LEFT: i32 = 128;
/// Against a writer that is always faster.
const PASSES_MAX: u32 = 8;
/// The copier reads the WAL past its page cache.
const CACHE_KIB: u32 = 256;

/// How long the WAL is, in pages, as of the newest commit. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct WalSize(Arc<AtomicI32>);

impl WalSize {
    /// Keeps itself up to date with the commits of this connection.
    pub(super) fn follow(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let size = self.0.clone();
        connection.wal_hook(Some(move |wal: &mut Wal, pages| {
            size.store(pages, Ordering::Relaxed);
            if pages >= WAL_PAGES_MAX { wal.checkpoint() } else { Ok(()) }
        }))
    }

    /// Whether it is time to copy it.
    pub(super) fn is_due(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= WAL_PAGES_DUE
    }
}

/// The thread that copies. Dropping it waits for the copy under way.
pub(super) struct WalCopier {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl WalCopier {
    /// Starts it; `finish` has the writer copy what is left, between two commits.
    pub(super) fn start(path: &Path, size: WalSize, finish: impl Fn() + Send + 'static) -> Result<Self> {
        let connection = open_for_writing(path, CACHE_KIB)?;
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-wal".into())
            .spawn(move || copy_when_woken(&connection, &size, &woken, finish))
            .map_err(|error| Error::with_source(ErrorKind::Unavailable, "cannot start the copier", error))?;
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

fn copy_when_woken(connection: &Connection, size: &WalSize, woken: &Receiver<()>, finish: impl Fn()) {
    while woken.recv().is_ok() {
        // The last copy may have made the reason to wake it moot.
        if size.is_due() && copy_most(connection) {
            finish();
        }
    }
}

/// Whether all but a little was copied; not where a reader still needs what is in the WAL, or where copying fails: then
/// the next commit is as good a time to try again.
fn copy_most(connection: &Connection) -> bool {
    let mut copied_before = 0;
    for _ in 0..PASSES_MAX {
        let Ok((pages, copied)) = connection.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE) else {
            return false;
        };
        if copied < pages {
            return false;
        }
        // What this pass copied is what was committed during the one before; the next would find about as much.
        if pages - copied_before <= PAGES_LEFT {
            break;
        }
        copied_before = copied;
    }
    true
}

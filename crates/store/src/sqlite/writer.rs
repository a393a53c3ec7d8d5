//! The thread that owns the writing connection.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::SqliteOptions;
use super::connection::{beside, copy_when_closed, open_for_writing};
use super::wal::Wal;
use super::wal_copier::WalCopier;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of the WAL that are written again at once.
const COPY_BYTES: usize = 256 << 10;

type Job = Box<dyn FnOnce(&mut State) + Send>;

/// The writing connection, or why there is none.
struct State {
    path: PathBuf,
    cache_kib: u32,
    wal: Arc<Wal>,
    /// `None` after an outcome that is not known: a failed sync leaves pages in the operating system's cache that
    /// a read would take for durable, so nothing is written or answered until `recover` has synced them.
    connection: Option<Connection>,
}

impl State {
    /// Closes in order: the next start has nothing to make durable.
    fn close(self) {
        if let Some(connection) = self.connection.filter(|_| !self.wal.is_broken()) {
            // Where this fails the WAL stays, which the next start copies.
            let _ = copy_when_closed(&connection, true);
        }
    }

    fn copy_wal(&self) {
        if let Some(connection) = &self.connection {
            self.wal.copy(connection);
        }
    }
}

/// A handle to the writing thread. Dropping it lets the thread finish what is queued, close and end.
pub(super) struct Writer {
    /// Ends before the thread that it asks to finish its work.
    copier: Option<WalCopier>,
    wal: Arc<Wal>,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: &Path, options: &SqliteOptions) -> Result<Self> {
        // A process that was killed, or ended itself after a failed sync, leaves a WAL that this machine can read but
        // that its disk may not hold. Nothing is answered from it before it is durable.
        write_wal_again(path).map_err(|error| {
            let kind = match error.kind() {
                io::ErrorKind::StorageFull => ErrorKind::Full,
                _ => ErrorKind::Unavailable,
            };
            Error::with_source(kind, "what an earlier writer left could not be made durable", error)
        })?;
        let wal = Arc::new(Wal::new(options.wal_pages_max));
        let cache_kib = options.write_cache_kib;
        let connection = open(path, cache_kib, &wal)?;
        make_durable(&connection, &wal)?;
        let mut state =
            State { path: path.to_owned(), cache_kib, wal: wal.clone(), connection: Some(connection) };
        let (jobs, queue): (Sender<Job>, Receiver<Job>) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                for job in queue {
                    job(&mut state);
                }
                state.close();
            })
            .map_err(|error| Error::with_source(ErrorKind::Unavailable, "cannot start the writer", error))?;
        let finishing = jobs.clone();
        let finish = move || {
            let (done, waiting) = channel();
            let job: Job = Box::new(move |state| {
                state.copy_wal();
                // The copier waits for as long as it lives.
                let _ = done.send(());
            });
            // Either fails only while the store is closed.
            let _ = finishing.send(job).map(|()| waiting.recv());
        };
        // Whole before anything else can fail, so that the thread has ended and closed its files when this returns.
        let mut writer = Self { copier: None, wal: wal.clone(), jobs: Some(jobs), thread: Some(thread) };
        writer.copier = Some(WalCopier::start(path, wal, finish)?);
        Ok(writer)
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(move |state| {
            if state.wal.is_too_long() {
                state.copy_wal();
            }
            if state.wal.is_broken() {
                state.connection = None;
            }
            let Some(connection) = state.connection.as_mut() else { return Err(poisoned()) };
            let result = work(connection);
            let unknown = matches!(&result, Err(error) if error.kind() == ErrorKind::OutcomeUnknown);
            // A transaction that is still open could not be rolled back.
            if unknown || !connection.is_autocommit() {
                state.connection = None;
            }
            result
        })
        .await
        .inspect(|_| self.copy_if_due())
    }

    fn copy_if_due(&self) {
        if self.wal.is_due()
            && let Some(copier) = &self.copier
        {
            copier.wake();
        }
    }

    /// Makes durable what the WAL holds, then takes writes again.
    pub(super) async fn recover(&self) -> Result<()> {
        self.submit(|state| {
            if state.wal.is_broken() {
                let message =
                    "a copy of the WAL could not be made durable: only a new process can tell what is";
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
            if state.connection.is_some() {
                return Ok(());
            }
            let connection = open(&state.path, state.cache_kib, &state.wal)?;
            make_durable(&connection, &state.wal)?;
            state.connection = Some(connection);
            Ok(())
        })
        .await
    }

    /// Copies of the WAL what can be copied now. What cannot be stays in it, and is copied later.
    pub(super) async fn copy_wal(&self) -> Result<()> {
        self.submit(|state| {
            state.copy_wal();
            Ok(())
        })
        .await
    }

    async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = || Error::new(ErrorKind::Unavailable, "the store is closed");
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |state| {
            // A caller that has gone away does not stop the work: it may already be durable.
            let _ = answer.send(work(state));
        });
        self.jobs.as_ref().ok_or_else(closed)?.send(job).map_err(|_| closed())?;
        answered
            .await
            .map_err(|_| Error::new(ErrorKind::OutcomeUnknown, "the writer ended before it answered"))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.copier = None;
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been answered to its caller as an unknown outcome.
            let _ = thread.join();
        }
    }
}

fn open(path: &Path, cache_kib: u32, wal: &Wal) -> Result<Connection> {
    let mut connection = open_for_writing(path, cache_kib)?;
    wal.follow(&mut connection).map_err(|error| {
        Error::with_source(ErrorKind::Unavailable, "the size of the WAL cannot be followed", error)
    })?;
    Ok(connection)
}

/// Writes the WAL's own bytes over it and syncs them. After a failed sync its pages count as clean, and another sync
/// leaves them where they are; copying them into the database file then would overwrite it with nothing to repair it
/// from, should the power go half way. Readers are not disturbed, as no byte changes.
fn write_wal_again(path: &Path) -> io::Result<()> {
    let wal = match File::options().read(true).write(true).open(beside(path, "-wal")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        wal => wal?,
    };
    let mut bytes = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        match wal.read_at(&mut bytes, offset)? {
            0 => return wal.sync_all(),
            read => {
                wal.write_all_at(&bytes[..read], offset)?;
                offset += read as u64;
            }
        }
    }
}

/// Copies the whole WAL into the database file, syncs that, and empties the WAL. Emptying it matters too: a commit
/// appended after frames that the disk lost would be lost with them.
fn make_durable(connection: &Connection, wal: &Wal) -> Result<()> {
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    let busy = checkpoint.map_err(|error| {
        wal.failed(&error);
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ErrorKind::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Corrupt,
            _ => ErrorKind::Unavailable,
        };
        Error::with_source(kind, "what an earlier writer left could not be made durable", error)
    })?;
    if busy != 0 {
        return Err(Error::new(ErrorKind::Unavailable, "a reader keeps the WAL busy: try again"));
    }
    Ok(())
}

fn poisoned() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "an earlier write has an unknown outcome; the store has to recover first",
    )
}

//! Opening connections: pragmas, the schema, and the pool that serves reads.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use super::SqliteOptions;
use super::read::failed;
use super::write::set_triggers;
use crate::error::{Error, ErrorKind, Result};

/// "Strm": tells `file` and us that this is a Strongroom ledger.
const APPLICATION_ID: i32 = 0x5374_726d;
/// Each brings the one before up to itself; the first begins with nothing. They are never edited once released.
const SCHEMAS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];
const SCHEMA_VERSION: i32 = SCHEMAS.len() as i32;
/// Commits wait this long for another connection's lock: a checkpoint or a reader's recovery of the WAL.
const BUSY_TIMEOUT_MS: u32 = 10_000;
const PAGE_BYTES: u32 = 8_192;

/// Creates the file under another name and moves it into place, so that a crash leaves a whole ledger or none.
pub(super) fn create(path: &Path) -> Result<()> {
    let file_failed = |error| {
        let message = format!("cannot create the ledger {}", path.display());
        Error::with_source(ErrorKind::Unavailable, message, error)
    };
    // SQLite would read a WAL left by another ledger into the new file. It may hold evidence, so it is not deleted.
    for taken in [path.to_owned(), beside(path, "-wal")] {
        if taken.exists() {
            return Err(Error::new(ErrorKind::Invalid, format!("{} already exists", taken.display())));
        }
    }
    let unfinished = beside(path, ".creating");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file_failed(error)),
        _ => {}
    }
    // An empty file is an empty database; made here, it is the owner's alone, and so are SQLite's files beside it.
    File::options().write(true).create_new(true).mode(0o600).open(&unfinished).map_err(file_failed)?;
    write_schema(&unfinished)?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(file_failed)?;
    fs::rename(&unfinished, path).map_err(file_failed)?;
    sync_directory_of(path).map_err(file_failed)
}

/// The file whose name is the ledger's and `suffix`: SQLite's WAL, for one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write_schema(path: &Path) -> Result<()> {
    let failed = |error| opening_failed(path, error);
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Both only work before the first table exists.
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(failed)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(failed)?;
    set_write_pragmas(&connection, path)?;
    let transaction = connection.transaction().map_err(failed)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    migrate(&transaction, 0).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    // A close that goes wrong would leave part of the tables in a WAL that the rename does not move.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))
}

/// Brings the tables of an earlier schema up to this program's, inside the caller's transaction.
fn migrate(connection: &Connection, from: i32) -> rusqlite::Result<()> {
    for schema in SCHEMAS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        connection.execute_batch(schema)?;
    }
    connection.pragma_update(None, "user_version", SCHEMA_VERSION)
}

pub(super) fn open_for_writing(path: &Path, cache_kib: u32) -> Result<Connection> {
    let (mut connection, version) = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, cache_kib)?;
    set_write_pragmas(&connection, path)?;
    if version < SCHEMA_VERSION {
        let failed = |error| opening_failed(path, error);
        let transaction = connection.transaction().map_err(failed)?;
        migrate(&transaction, version).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    set_triggers(&connection, false).map_err(|error| opening_failed(path, error))?;
    copy_when_closed(&connection, false).map_err(|error| opening_failed(path, error))?;
    Ok(connection)
}

/// Whether the last connection copies the WAL and deletes it when it is closed. It must not after a copy that failed:
/// SQLite would leave out what it takes for copied, and delete the only whole copy of it.
pub(super) fn copy_when_closed(connection: &Connection, on: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on).map(|_| ())
}

fn set_write_pragmas(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |error| opening_failed(path, error);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
    if !mode.eq_ignore_ascii_case("wal") {
        let message =
            format!("{}: the file system does not allow SQLite's WAL (mode is {mode})", path.display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    // FULL syncs the WAL at every commit; without it a commit is not durable when it returns.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // When the WAL is copied is decided beside the writer.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
    // Only macOS has these: there, a plain sync leaves data in the drive's cache.
    connection.pragma_update(None, "fullfsync", true).map_err(failed)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true).map_err(failed)
}

fn open_for_reading(path: &Path, cache_kib: u32) -> Result<Connection> {
    let (connection, version) = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, cache_kib)?;
    if version < SCHEMA_VERSION {
        let message = format!(
            "{} has schema {version}, this program reads schema {SCHEMA_VERSION}: start the server once, or any \
             command that writes, which brings it up to date",
            path.display()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(connection)
}

/// A connection, and the schema of the file, which may be an earlier one.
fn open(path: &Path, access: OpenFlags, cache_kib: u32) -> Result<(Connection, i32)> {
    if matches!(path.try_exists(), Ok(false)) {
        return Err(Error::new(ErrorKind::Invalid, format!("there is no ledger at {}", path.display())));
    }
    let failed = |error| opening_failed(path, error);
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_millis(u64::from(BUSY_TIMEOUT_MS))).map_err(failed)?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib)).map_err(failed)?;
    // A ledger works where no temporary file can be written.
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    if number("application_id")? != APPLICATION_ID {
        return Err(not_a_ledger(path));
    }
    let version = number("user_version")?;
    if !(1..=SCHEMA_VERSION).contains(&version) {
        let message = format!(
            "{} has schema {version}, this program knows schema {SCHEMA_VERSION}: use the release that wrote it",
            path.display()
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok((connection, version))
}

fn not_a_ledger(path: &Path) -> Error {
    Error::new(ErrorKind::Invalid, format!("{} is not a Strongroom ledger", path.display()))
}

fn opening_failed(path: &Path, error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => return not_a_ledger(path),
        Some(ErrorCode::DatabaseCorrupt) => (ErrorKind::Corrupt, "the ledger is damaged:"),
        Some(ErrorCode::DiskFull) => (ErrorKind::Full, "the disk is full: cannot open the ledger"),
        _ => (ErrorKind::Unavailable, "cannot open the ledger"),
    };
    Error::with_source(kind, format!("{message} {}", path.display()), error)
}

/// SQLite syncs the directory for its WAL, not for a database file it has just created.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all())
}

/// A fixed set of connections for reading, each used by one call at a time.
pub(super) struct ReadConnections {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl ReadConnections {
    pub(super) fn open(path: &Path, options: &SqliteOptions) -> Result<Self> {
        let count = options.read_connections.max(1);
        let connections =
            (0..count).map(|_| open_for_reading(path, options.read_cache_kib)).collect::<Result<Vec<_>>>()?;
        Ok(Self { idle: Mutex::new(connections), permits: Arc::new(Semaphore::new(count)) })
    }

    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = || Error::new(ErrorKind::Unavailable, "the store is closed");
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| closed())?;
        let pool = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let connection = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(connection) = connection else { return Err(closed()) };
            let result = in_snapshot(&connection, work);
            pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(permit);
            result
        });
        task.await
            .map_err(|error| Error::with_source(ErrorKind::Unavailable, "a read was interrupted", error))?
    }
}

/// A call reads in several statements; the transaction makes them see the same moment, and takes the lock once.
fn in_snapshot<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let snapshot = connection.unchecked_transaction().map_err(failed)?;
    work(&snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writing_connection_syncs_every_commit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.sqlite");
        create(&path).unwrap();
        let connection = open_for_writing(&path, 1_024).unwrap();
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("synchronous"), 2, "FULL");
        assert_eq!(number("fullfsync"), 1);
        assert_eq!(number("checkpoint_fullfsync"), 1);
        assert_eq!(number("temp_store"), 2, "memory");
        assert_eq!(number("wal_autocheckpoint"), 0);
        assert_eq!(number("cache_size"), -1_024);
    }
}

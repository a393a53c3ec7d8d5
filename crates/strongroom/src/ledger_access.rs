//! Opening the ledger of a data directory: for writing under the lock, or for reading beside whoever writes.

use std::sync::Arc;

use archive::Destination;
use engine::{CheckpointFile, Engine, Ledger, Parts, SystemClock};
use store::{SqliteOptions, SqliteStore, Store};

use crate::configuration::Configuration;
use crate::data_directory::DirectoryLock;
use crate::failure::Failure;

/// An engine with the lock that makes it the only one.
pub(crate) struct OpenEngine {
    pub(crate) engine: Engine,
    pub(crate) _lock: DirectoryLock,
}

impl OpenEngine {
    /// Takes the lock and opens the ledger for writing.
    pub(crate) async fn open(configuration: &Configuration) -> Result<Self, Failure> {
        configuration.directory.require_ledger()?;
        let lock = configuration.directory.lock()?;
        Self::open_locked(configuration, lock).await
    }

    /// Opens the ledger for writing under a lock that was taken already.
    pub(crate) async fn open_locked(
        configuration: &Configuration,
        lock: DirectoryLock,
    ) -> Result<Self, Failure> {
        let signer = configuration.directory.signing_key()?;
        let store = SqliteStore::open(&configuration.directory.ledger_file(), &SqliteOptions::default())
            .map_err(store_failed)?;
        let engine = Engine::open(parts(configuration, Arc::new(store), Arc::new(signer))?).await?;
        check_origin(configuration, &engine.ledger().identity().origin)?;
        Ok(Self { engine, _lock: lock })
    }

    /// Writes what is queued, signs, and lets go of the ledger.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.engine.shutdown().await?;
        Ok(())
    }
}

/// Opens the ledger for reading: without the lock, beside a writer or after one was killed.
pub(crate) async fn open_for_reading(configuration: &Configuration) -> Result<Ledger, Failure> {
    configuration.directory.require_ledger()?;
    let store = open_store_for_reading(configuration)?;
    let destinations = destinations_for_reading(configuration)?;
    let last_checkpoint = Arc::new(CheckpointFile::new(configuration.directory.checkpoint_file()));
    let ledger = Ledger::open_read_only(
        Arc::new(store),
        destinations,
        last_checkpoint,
        Arc::new(SystemClock),
        configuration.policy(),
    )
    .await?;
    check_origin(configuration, &ledger.identity().origin)?;
    Ok(ledger)
}

/// The ledger's rows, which this cannot change.
pub(crate) fn open_store_for_reading(configuration: &Configuration) -> Result<SqliteStore, Failure> {
    let file = configuration.directory.ledger_file();
    SqliteStore::open_read_only(&file, &SqliteOptions::default()).map_err(store_failed)
}

/// The archives, which have to be there.
pub(crate) fn destinations_for_reading(configuration: &Configuration) -> Result<Vec<Destination>, Failure> {
    destinations(configuration, Destination::open)
}

/// The archives, opened so that objects may be removed from them: for expiry alone.
pub(crate) fn destinations_for_expiry(configuration: &Configuration) -> Result<Vec<Destination>, Failure> {
    let opened = destinations(configuration, Destination::open)?;
    Ok(opened.into_iter().map(Destination::for_expiry).collect())
}

/// What an engine is made of.
pub(crate) fn parts(
    configuration: &Configuration,
    store: Arc<dyn Store>,
    signer: Arc<merkle::NoteSigner>,
) -> Result<Parts, Failure> {
    Ok(Parts {
        store,
        signer,
        last_checkpoint: Arc::new(CheckpointFile::new(configuration.directory.checkpoint_file())),
        destinations: destinations(configuration, Destination::open_or_create)?,
        staging: configuration.directory.staging(),
        clock: Arc::new(SystemClock),
        policy: configuration.policy(),
    })
}

/// The store's error as ours.
pub(crate) fn store_failed(error: store::Error) -> Failure {
    Failure::caused("the ledger's store failed", error)
}

fn destinations(
    configuration: &Configuration,
    open: impl Fn(&str, &str) -> archive::Result<Destination>,
) -> Result<Vec<Destination>, Failure> {
    let archives = configuration.settings.archive.iter();
    archives
        .map(|archive| {
            open(&archive.name, &archive.url).map_err(|error| {
                Failure::caused(
                    format!("cannot use the archive {:?} at {}", archive.name, archive.url),
                    error,
                )
            })
        })
        .collect()
}

/// A ledger's origin never changes; settings that name another one are of another ledger.
fn check_origin(configuration: &Configuration, origin: &str) -> Result<(), Failure> {
    match &configuration.settings.ledger.origin {
        Some(named) if named != origin => Err(Failure::new(format!(
            "the settings name the origin {named}, and the ledger in {} is {origin}",
            configuration.directory.root().display()
        ))
        .hint("an origin never changes: correct ledger.origin, or use another data directory")),
        _ => Ok(()),
    }
}

//! Opening the ledger of a data directory: for writing under the lock, or for reading beside whoever writes.

use std::sync::Arc;
use std::time::Duration;

use archive::Destination;
use engine::{CheckpointFile, Engine, Ledger, Parts, SystemClock};
use store::{SqliteOptions, SqliteStore, Store};

use crate::configuration::Configuration;
use crate::data_directory::DirectoryLock;
use crate::destinations;
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
        // The lock says that whoever held one before is gone.
        engine.end_earlier_leases().await?;
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
    destinations::for_reading(&configuration.settings)
}

/// The archives, opened so that objects may be removed from them: for expiry alone.
pub(crate) fn destinations_for_expiry(configuration: &Configuration) -> Result<Vec<Destination>, Failure> {
    destinations::for_expiry(&configuration.settings)
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
        destinations: destinations::for_writing(&configuration.settings)?,
        staging: configuration.directory.staging(),
        clock: Arc::new(SystemClock),
        policy: configuration.policy(),
    })
}

/// Tries out the destinations of a ledger that is about to be made. One whose promises were not seen to hold is refused,
/// unless the settings let it in.
pub(crate) async fn prove_for_a_new_ledger(configuration: &Configuration) -> Result<(), Failure> {
    for destination in destinations::for_writing(&configuration.settings)? {
        let report = destination.prove().await.map_err(refused)?;
        let accepts = configuration
            .settings
            .archive
            .iter()
            .any(|archive| archive.name == destination.name() && archive.accept_unproven);
        if let Some(doubt) = report.and_then(|report| report.doubt()).filter(|_| !accepts) {
            let message =
                format!("archive destination {} could not be tried out: {doubt}", destination.name());
            return Err(Failure::new(message).hint(
                "make it work before the ledger is made, or set archive.#.accept_unproven = true to use it as it is",
            ));
        }
    }
    Ok(())
}

/// Tries out the destinations of a ledger that is about to be served. One that cannot be reached now is tried again by
/// the first archive run; taking events does not wait for it.
pub(crate) async fn prove(ledger: &Ledger) -> Result<(), Failure> {
    for destination in ledger.destinations() {
        match tokio::time::timeout(PROBE_TIME_MAX, destination.prove()).await {
            Ok(Ok(report)) => {
                if let Some(doubt) = report.and_then(|report| report.doubt()) {
                    tracing::warn!(destination = destination.name(), doubt, "archive destination in doubt");
                }
            }
            Ok(Err(error)) => return Err(refused(error)),
            Err(_) => {
                tracing::warn!(destination = destination.name(), "archive destination not tried out in time");
            }
        }
    }
    Ok(())
}

/// How long `serve` waits for one destination.
const PROBE_TIME_MAX: Duration = Duration::from_secs(10);

fn refused(error: archive::Error) -> Failure {
    Failure::caused("an archive destination does not do what evidence relies on", error).hint(
        "strongroom doctor says more; archive.#.accept_unproven = true uses the destination as it is, and names it",
    )
}

/// The store's error as ours.
pub(crate) fn store_failed(error: store::Error) -> Failure {
    Failure::caused("the ledger's store failed", error)
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

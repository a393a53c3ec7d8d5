//! The ledger that is measured: its files, and how it is opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::Destination;
use engine::{Actor, CheckpointFile, Clock, Engine, Ledger, Parts, Policy, SystemClock};
use merkle::NoteSigner;
use store::{SqliteOptions, SqliteStore, Store};

use crate::Failure;

/// More than any run archives: the limit is there for operators, not for a benchmark.
const ENTRIES_MAX: u64 = u64::MAX;

/// A ledger in a directory of its own.
pub(crate) struct Subject {
    directory: PathBuf,
    signer: Arc<NoteSigner>,
    clock: Arc<dyn Clock>,
}

impl Subject {
    /// Where the ledger of a run is.
    pub(crate) fn directory_in(run: &Path) -> PathBuf {
        run.join("ledger")
    }

    /// Makes a ledger that holds nothing but its own first entry, and goes by this clock as long as it is open.
    pub(crate) async fn create(run: &Path, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let directory = Self::directory_in(run);
        fs::create_dir(&directory)?;
        let signer = NoteSigner::generate("bench.invalid/ledger", &mut rand::rng())?;
        // A throw-away key of a throw-away ledger, for the processes that measure it next.
        fs::write(directory.join("signing.key"), signer.to_secret().as_bytes())?;
        let subject = Self { directory, signer: Arc::new(signer), clock };
        let store = SqliteStore::create(&subject.database(), &SqliteOptions::default())?;
        let engine = Engine::create(subject.parts(Arc::new(store))?, &Actor::system()).await?;
        engine.shutdown().await?;
        Ok(subject)
    }

    /// The ledger that an earlier step made.
    pub(crate) fn of(run: &Path) -> Result<Self, Failure> {
        let directory = Self::directory_in(run);
        let secret = fs::read_to_string(directory.join("signing.key"))?;
        Ok(Self {
            signer: Arc::new(NoteSigner::from_secret(&secret)?),
            directory,
            clock: Arc::new(SystemClock),
        })
    }

    fn database(&self) -> PathBuf {
        SqliteStore::file_in(&self.directory)
    }

    /// The store, for writing, as a server opens it.
    pub(crate) fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(SqliteStore::open(&self.database(), &SqliteOptions::default())?))
    }

    /// Opens the engine over a store.
    pub(crate) async fn engine(&self, store: Arc<dyn Store>) -> Result<Engine, Failure> {
        Ok(Engine::open(self.parts(store)?).await?)
    }

    /// Opens the ledger as reading commands do.
    pub(crate) async fn reader(&self) -> Result<Ledger, Failure> {
        let store = Arc::new(SqliteStore::open_read_only(&self.database(), &SqliteOptions::default())?);
        let parts = self.parts(store)?;
        let Parts { store, destinations, last_checkpoint, clock, policy, .. } = parts;
        Ok(Ledger::open_read_only(store, destinations, last_checkpoint, clock, policy).await?)
    }

    /// Where its batches go: a directory on the same disk.
    pub(crate) fn destination(&self) -> Result<Destination, Failure> {
        let url = format!("file://{}", self.directory.join("archive").display());
        Ok(Destination::open_or_create("bench", &url)?)
    }

    pub(crate) fn signer(&self) -> &NoteSigner {
        &self.signer
    }

    /// Bytes of the database and of what SQLite keeps beside it.
    pub(crate) fn database_bytes(&self) -> Result<u64, Failure> {
        let mut bytes = 0;
        for file in fs::read_dir(&self.directory)? {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with("ledger.sqlite") {
                bytes += file.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    fn parts(&self, store: Arc<dyn Store>) -> Result<Parts, Failure> {
        Ok(Parts {
            store,
            signer: self.signer.clone(),
            last_checkpoint: Arc::new(CheckpointFile::new(self.directory.join("checkpoint"))),
            destinations: vec![self.destination()?],
            staging: self.directory.join("staging"),
            clock: self.clock.clone(),
            policy: Policy { entries_max: ENTRIES_MAX, ..Policy::default() },
        })
    }
}

//! A ledger's home on a disk that fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::Destination;
use engine::{CheckpointFile, Parts, Policy};
use faultvfs::Disk;
use merkle::NoteSigner;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::{SqliteOptions, SqliteStore, Store};
use tempfile::TempDir;
use testkit::ManualClock;

/// Where files are in memory, if there is such a place: the disk is modelled, so a real one only costs time.
const IN_MEMORY: &str = "/dev/shm";

pub(crate) struct Place {
    directory: TempDir,
    pub(crate) disk: Disk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) policy: Policy,
    pub(crate) options: SqliteOptions,
    signer: Arc<NoteSigner>,
}

impl Place {
    pub(crate) fn new(seed: u64) -> Self {
        let directory = temporary_directory();
        let disk = Disk::mount(directory.path(), seed).expect("a directory can be mounted");
        let signer = NoteSigner::generate("example.com/torture", &mut StdRng::seed_from_u64(seed));
        Self {
            disk,
            directory,
            clock: Arc::new(ManualClock::at("2026-03-01T00:00:00Z")),
            policy: Policy::default(),
            options: SqliteOptions { read_connections: 2, ..SqliteOptions::default() },
            signer: Arc::new(signer.expect("the origin is fine")),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        SqliteStore::file_in(self.directory.path())
    }

    pub(crate) fn archive_directory(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    pub(crate) fn checkpoint_file(&self) -> PathBuf {
        self.directory.path().join("checkpoint")
    }

    /// The store, as a process opens it: made where there is none.
    pub(crate) fn store(&self) -> store::Result<SqliteStore> {
        let path = self.database();
        if path.exists() {
            SqliteStore::open(&path, &self.options)
        } else {
            SqliteStore::create(&path, &self.options)
        }
    }

    pub(crate) fn parts(&self, store: Arc<dyn Store>) -> Parts {
        let url = format!("file://{}", self.archive_directory().display());
        Parts {
            store,
            signer: self.signer.clone(),
            last_checkpoint: Arc::new(CheckpointFile::new(self.checkpoint_file())),
            destinations: vec![Destination::open_or_create("primary", &url).expect("the archive directory")],
            staging: self.directory.path().join("staging"),
            clock: self.clock.clone(),
            policy: self.policy.clone(),
        }
    }

    pub(crate) fn keys(&self) -> merkle::KeyRing {
        merkle::KeyRing::single(self.signer.verifier().clone())
    }
}

/// A directory that is removed with its owner.
pub(crate) fn temporary_directory() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("strongroom-torture-");
    let made = if Path::new(IN_MEMORY).is_dir() { builder.tempdir_in(IN_MEMORY) } else { builder.tempdir() };
    made.expect("a temporary directory")
}

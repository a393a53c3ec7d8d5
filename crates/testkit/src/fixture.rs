use std::path::{Path, PathBuf};
use std::sync::Arc;

use archive::Destination;
use engine::{Actor, CheckpointFile, Clock as _, Engine, Parts, Policy};
use event::{Event, Limits};
use merkle::NoteSigner;
use store::{MemoryStore, SqliteOptions, SqliteStore, Store};

use crate::ManualClock;

/// Where a fixture keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// In memory: fast, gone with the fixture.
    Memory,
    /// In a SQLite file.
    Sqlite,
}

/// A ledger in a temporary directory, with one archive destination and a clock of its own.
pub struct Fixture {
    /// Holds everything that is on disk.
    pub directory: tempfile::TempDir,
    /// The ledger's time.
    pub clock: Arc<ManualClock>,
    /// What the operator decided; used when the engine is opened.
    pub policy: Policy,
    /// The ledger's signing key.
    pub signer: Arc<NoteSigner>,
    memory: Option<Arc<MemoryStore>>,
}

impl Fixture {
    /// An empty fixture: no ledger yet. The clock stands at 2026-03-01T00:00:00Z.
    pub fn new(rows: Rows) -> Self {
        let mut rng = rand::rng();
        let signer = NoteSigner::generate("example.com/test", &mut rng).expect("a test's origin is fine");
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            clock: Arc::new(ManualClock::at("2026-03-01T00:00:00Z")),
            policy: Policy::default(),
            signer: Arc::new(signer),
            memory: (rows == Rows::Memory).then(|| Arc::new(MemoryStore::new())),
        }
    }

    /// The SQLite file, where the rows are in one.
    pub fn database(&self) -> PathBuf {
        SqliteStore::file_in(self.directory.path())
    }

    /// The archive destination's directory.
    pub fn archive_directory(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    /// The archive destination.
    pub fn destination(&self) -> Destination {
        let url = format!("file://{}", self.archive_directory().display());
        Destination::open_or_create("primary", &url).expect("the archive directory")
    }

    /// The rows: the memory, or the file, created when it is not there.
    pub fn store(&self) -> Arc<dyn Store> {
        if let Some(memory) = &self.memory {
            return memory.clone();
        }
        let (path, options) = (self.database(), SqliteOptions::default());
        let store = if path.exists() {
            SqliteStore::open(&path, &options)
        } else {
            SqliteStore::create(&path, &options)
        };
        Arc::new(store.expect("the test's database"))
    }

    /// What an engine over these rows is made of.
    pub fn parts(&self, store: Arc<dyn Store>) -> Parts {
        Parts {
            store,
            signer: self.signer.clone(),
            last_checkpoint: Arc::new(CheckpointFile::new(self.checkpoint_file())),
            destinations: vec![self.destination()],
            staging: self.directory.path().join("staging"),
            clock: self.clock.clone(),
            policy: self.policy.clone(),
        }
    }

    /// The file that remembers the last signed checkpoint.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.directory.path().join("checkpoint")
    }

    /// Makes a ledger and opens its engine.
    pub async fn create(&self) -> Engine {
        Engine::create(self.parts(self.store()), &Actor::system()).await.expect("a new ledger")
    }

    /// Opens the engine of a ledger that is there.
    pub async fn open(&self) -> engine::Result<Engine> {
        Engine::open(self.parts(self.store())).await
    }

    /// Parses a submitted event at the fixture's time.
    pub fn event(&self, json: &str) -> Event {
        Event::parse(json.as_bytes(), &Limits::default(), self.clock.now())
            .unwrap_or_else(|violations| panic!("a test's event is not valid: {violations:?}"))
    }

    /// The directory as a path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// A small audit event that occurred on 2026-02-01.
pub fn event_json(event_id: &str, tenant: &str, actor: &str, action: &str) -> String {
    format!(
        r#"{{"stream":"audit","event_id":"{event_id}","occurred_at":"2026-02-01T00:00:00Z","tenant":"{tenant}","actor":{{"type":"user","id":"{actor}"}},"action":"{action}","outcome":"success","source":"test"}}"#
    )
}

/// So many generated events, from a seed, occurring one millisecond apart up to the fixture's time.
pub fn events(fixture: &Fixture, seed: u64, count: usize) -> Vec<Event> {
    let mut traffic = traffic::Traffic::new(seed);
    let now = fixture.clock.now();
    let start = now.micros() - 1_000 * count as i64;
    (0..count)
        .map(|number| {
            let json = traffic.event(start + 1_000 * number as i64);
            Event::parse(&json, &Limits::default(), now).expect("generated events are valid")
        })
        .collect()
}

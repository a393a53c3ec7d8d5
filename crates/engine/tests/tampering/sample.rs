use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use archive::Destination;
use engine::{Actor, ArchiveRun, CheckpointFile, Engine, Error, ErrorKind, LastCheckpoint, NoProgress};
use engine::{NewToken, Parts, Role, VerifyOptions, Window};
use event::{Event, HotDays};
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;
use testkit::{Fixture, Rows, event_json, events};

// Where things lie in the sample: 0 to 58,000 and 58,000 to 60,000 are two batches, archived and pruned, and of the
// first the dedup keys are gone too; from 60,000 on all is hot, of which the last 300 entries are not signed. Segment 0
// is sealed. What the ledger says of the batches begins at 62,001: the first one's planned, completed and six
// transactions of pruning, the second one's three at 62,009, and two tokens at 62,012.

/// Entries in the sample.
pub(crate) const SIZE: u64 = 68_300;
/// Entries under its newest checkpoint.
pub(crate) const SIGNED: u64 = 68_000;
/// The size of the older checkpoint that was kept.
pub(crate) const OLDER: u64 = 62_001;

/// A ledger in every state that entries can be in.
pub(crate) struct Sample {
    pub(crate) fixture: Fixture,
    /// A genuine note for the first 62,001 entries.
    older_note: String,
}

/// A copy of the sample to tamper with.
pub(crate) struct Scene {
    directory: TempDir,
    pub(crate) older_note: String,
}

/// A checkpoint file that can be made to fail, which keeps entries unsigned.
struct Gate {
    file: CheckpointFile,
    closed: Arc<AtomicBool>,
}

impl LastCheckpoint for Gate {
    fn load(&self) -> engine::Result<Option<String>> {
        self.file.load()
    }

    fn save(&self, note: &str) -> engine::Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the gate is closed"));
        }
        self.file.save(note)
    }
}

impl Sample {
    pub(crate) async fn build() -> Self {
        let fixture = Fixture::new(Rows::Sqlite);
        let closed = Arc::new(AtomicBool::new(false));
        let gate = Gate { file: CheckpointFile::new(fixture.checkpoint_file()), closed: closed.clone() };
        let store = fixture.store();
        let parts = Parts { last_checkpoint: Arc::new(gate), ..fixture.parts(store.clone()) };
        let engine = Engine::create(parts, &Actor::system()).await.unwrap();

        append(&fixture, &engine, OLDER).await;
        let older_note = engine.checkpoint().await.unwrap().note;
        fixture.clock.advance_days(10);
        archive(&engine, 58_000).await;
        fixture.clock.advance_days(100);
        archive(&engine, 2_000).await;
        for name in ["one", "two"] {
            let new =
                NewToken { name: name.into(), role: Role::Auditor, tenant: Some("7".into()), days: None };
            engine.create_token(new, &Actor::user("ann")).await.unwrap();
        }
        append(&fixture, &engine, 67_000).await;
        engine.append(events(&fixture, 11, 1_000)).await.unwrap();
        assert_eq!(engine.checkpoint().await.unwrap().size, SIGNED);
        while store.segments().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(engine.verify(&VerifyOptions { full: true }, &NoProgress).await.unwrap().ok);

        closed.store(true, Ordering::SeqCst);
        append(&fixture, &engine, SIZE).await;
        engine.shutdown().await.unwrap_err();
        // The tasks that were stopped let go of the store in their own time; closing it leaves one whole file.
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
        drop(store);
        Self { fixture, older_note }
    }

    pub(crate) fn scene(&self) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        // Archive files are only ever replaced, never written into, so that links will do.
        copy_directory(self.fixture.path(), directory.path());
        Scene { directory, older_note: self.older_note.clone() }
    }
}

/// Appends small events until the ledger has so many entries.
async fn append(fixture: &Fixture, engine: &Engine, size: u64) {
    while engine.ledger().tree_size() < size {
        let first = engine.ledger().tree_size();
        let batch: Vec<Event> = (first..size.min(first + 4_000)).map(|seq| small(fixture, seq)).collect();
        engine.append(batch).await.unwrap();
    }
    assert_eq!(engine.ledger().tree_size(), size);
}

fn small(fixture: &Fixture, seq: u64) -> Event {
    let (tenant, actor) = (format!("t{}", seq % 3), format!("actor-{}", seq % 97));
    fixture.event(&event_json(&format!("event-{seq}"), &tenant, &actor, "thing.done"))
}

async fn archive(engine: &Engine, entries: u64) {
    let window = Window::HotDays(HotDays::new(7).unwrap());
    let run = ArchiveRun { window, limit: Some(entries), dry_run: false, forced: false };
    let report = engine.archive_run(&run, &Actor::system(), &NoProgress).await.unwrap();
    assert_eq!(report.pruned, entries);
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_directory(&entry.path(), &target);
        } else if from.join("ledger.sqlite").exists() {
            fs::copy(entry.path(), target).unwrap();
        } else {
            fs::hard_link(entry.path(), target).unwrap();
        }
    }
}

impl Scene {
    pub(crate) fn database_file(&self) -> PathBuf {
        self.directory.path().join("ledger.sqlite")
    }

    pub(crate) fn checkpoint_file(&self) -> PathBuf {
        self.directory.path().join("checkpoint")
    }

    pub(crate) fn archive_directory(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    pub(crate) fn destination(&self) -> Destination {
        let url = format!("file://{}", self.archive_directory().display());
        Destination::open("primary", &url).unwrap()
    }

    /// The copy's database, without what refuses changes.
    pub(crate) fn database(&self) -> Connection {
        let connection = Connection::open(self.database_file()).unwrap();
        for trigger in ["entry_never_changes", "entry_is_never_replaced", "entry_goes_only_by_pruning"] {
            connection.execute_batch(&format!("DROP TRIGGER IF EXISTS {trigger}")).unwrap();
        }
        connection
    }

    /// Runs statements, each of which must change something.
    pub(crate) fn sql(&self, statements: &[&str]) {
        let connection = self.database();
        for statement in statements {
            let changed =
                connection.execute(statement, []).unwrap_or_else(|error| panic!("{statement}: {error}"));
            assert!(changed > 0, "{statement} changes nothing");
        }
    }

    /// Exchanges a column between two rows.
    pub(crate) fn swap(&self, table: &str, column: &str, rows: [&str; 2]) {
        let connection = self.database();
        let values = rows.map(|row| {
            let select = format!("SELECT {column} FROM {table} WHERE {row}");
            connection.query_row(&select, [], |found| found.get::<_, Value>(0)).unwrap()
        });
        assert_ne!(values[0], values[1]);
        let [one, other] = rows;
        let update = format!(
            "UPDATE {table} SET {column} = CASE WHEN {one} THEN ?2 ELSE ?1 END WHERE ({one}) OR ({other})"
        );
        assert_eq!(connection.execute(&update, values).unwrap(), 2);
    }
}

//! A directory with a ledger in it, looked at from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use store::{
    Commit, Entry, EntryScan, Head, Order, Prune, Row, RowChange, SqliteOptions, SqliteStore, Store, Table,
};
use tempfile::TempDir;

/// Tells a test that it runs in a child process, in this directory.
const CHILD_DIRECTORY: &str = "STORE_TEST_CHILD_DIRECTORY";

pub(crate) fn options() -> SqliteOptions {
    SqliteOptions { read_connections: 2, ..SqliteOptions::default() }
}

pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        SqliteStore::file_in(self.path())
    }

    /// "-wal" or "-shm", beside the ledger.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        beside(&self.ledger(), suffix)
    }

    pub(crate) fn create(&self) -> SqliteStore {
        SqliteStore::create(&self.ledger(), &options()).expect("a new ledger")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.ledger(), &options()).expect("the ledger opens")
    }

    pub(crate) fn open_read_only(&self) -> SqliteStore {
        SqliteStore::open_read_only(&self.ledger(), &options()).expect("the ledger opens for reading")
    }

    /// Another program's connection, with SQLite's defaults.
    pub(crate) fn stranger(&self) -> Connection {
        Connection::open(self.ledger()).expect("any program can open the file")
    }

    /// The files as a process that is killed now would leave them.
    pub(crate) fn copy(&self, suffixes: &[&str]) -> Self {
        let copy = Self::new();
        for suffix in suffixes {
            fs::copy(self.beside(suffix), copy.beside(suffix)).expect("the file is there");
        }
        copy
    }
}

pub(crate) fn beside(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Lines of about 600 bytes, as events have.
pub(crate) fn line(seq: u64) -> Vec<u8> {
    format!(r#"{{"seq":{seq},"stream":"audit","metadata":{{"text":"{}"}}}}"#, "x".repeat(550)).into_bytes()
}

/// A commit of `count` entries and one row after `size`.
pub(crate) fn commit_after(size: u64, count: u64) -> Commit {
    let end = size + count;
    Commit {
        expected_size: size,
        expected_rows: Vec::new(),
        lines: (size..end).map(line).collect(),
        keys: Vec::new(),
        head: Head { size: end, range: vec![7; 40], recorded_at: 0, hold_version: 0 },
        rows: vec![RowChange::Put(Table::Batch, Row { key: format!("{size:020}"), body: "{}".into() })],
        prune: None,
        restore: None,
    }
}

pub(crate) async fn fill(store: &dyn Store, commits: u64, count: u64) {
    for number in 0..commits {
        store.commit(commit_after(number * count, count)).await.expect("a commit");
    }
}

pub(crate) async fn prune(store: &dyn Store, size: u64, start: u64, end: u64) {
    let prune = Prune { ranges: std::iter::once(start..end).collect(), hold_version: 0, segments: vec![] };
    store.commit(Commit { prune: Some(prune), ..commit_after(size, 0) }).await.expect("a pruning");
}

pub(crate) async fn entries(store: &dyn Store) -> Vec<Entry> {
    let scan = EntryScan {
        range: 0..u64::MAX,
        order: Order::Ascending,
        rows_max: usize::MAX,
        bytes_max: usize::MAX,
    };
    store.entries(scan).await.expect("entries")
}

/// Asserts that the ledger holds exactly what whole commits of `count` entries wrote, `size` entries in all.
pub(crate) async fn holds_exactly(store: &dyn Store, size: u64, count: u64) {
    assert_eq!(store.head().await.unwrap().map(|head| head.size), Some(size));
    let expected: Vec<Entry> = (0..size).map(|seq| Entry { seq, line: line(seq) }).collect();
    assert_eq!(entries(store).await, expected);
    assert_eq!(store.rows(Table::Batch, "", None, usize::MAX).await.unwrap().len() as u64, size / count);
}

/// Where this process is a child that [`again_in_child`] started, its directory.
pub(crate) fn child_directory() -> Option<PathBuf> {
    std::env::var_os(CHILD_DIRECTORY).map(PathBuf::from)
}

/// A command that runs only the test `name` again, in a child process that has `program` for its executable.
pub(crate) fn again_in_child(program: &Path, name: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "--nocapture", name]).env(CHILD_DIRECTORY, directory);
    command
}

pub(crate) fn this_program() -> PathBuf {
    std::env::current_exe().expect("the test's own executable")
}

/// Asserts that the child ran its one test, and that it passed.
pub(crate) fn passed(mut child: Command) {
    let output = child.output().expect("the child starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

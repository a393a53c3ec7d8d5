//! Creating and opening.

use std::fs;

use rusqlite::Connection;
use store::{ErrorKind, SqliteOptions, SqliteStore, Store, Table};

use crate::files::{Directory, fill, holds_exactly, options};

/// Asserts that the file is not opened, either way, and is left as it is.
fn not_opened(directory: &Directory, kind: ErrorKind, message: &str) {
    let before = fs::read(directory.ledger()).ok();
    for open in [SqliteStore::open, SqliteStore::open_read_only] {
        let error = open(&directory.ledger(), &options()).err().expect("it should not open");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().contains("ledger.sqlite"), "{error}");
    }
    assert_eq!(fs::read(directory.ledger()).ok(), before);
}

fn not_created(directory: &Directory, message: &str) {
    let error = SqliteStore::create(&directory.ledger(), &options()).err().expect("it should not be created");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains(message), "{error}");
}

#[tokio::test]
async fn creating_twice_fails_and_keeps_the_first() {
    let directory = Directory::new();
    fill(&directory.create(), 2, 3).await;
    not_created(&directory, "ledger.sqlite already exists");
    holds_exactly(&directory.open(), 6, 3).await;
}

#[test]
fn the_wal_of_another_ledger_is_not_read_into_a_new_one() {
    let directory = Directory::new();
    fs::write(directory.beside("-wal"), "evidence").unwrap();
    not_created(&directory, "ledger.sqlite-wal already exists");
    assert_eq!(fs::read(directory.beside("-wal")).unwrap(), b"evidence");
}

#[tokio::test]
async fn an_interrupted_creation_is_begun_anew() {
    let directory = Directory::new();
    for suffix in [".creating", ".creating-wal", ".creating-shm"] {
        fs::write(directory.beside(suffix), "half a file").unwrap();
    }
    fill(&directory.create(), 1, 3).await;
    holds_exactly(&directory.open(), 3, 3).await;
    assert!(!directory.beside(".creating").exists());
}

#[test]
fn a_created_ledger_leaves_nothing_else_behind() {
    let directory = Directory::new();
    drop(directory.create());
    let names = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["ledger.sqlite"]);
}

#[test]
fn creating_where_there_is_no_directory_fails() {
    let directory = Directory::new();
    let missing = directory.path().join("missing").join("ledger.sqlite");
    let error = SqliteStore::create(&missing, &options()).err().expect("it should not be created");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_missing_file_does_not_open_and_is_not_created() {
    let directory = Directory::new();
    not_opened(&directory, ErrorKind::Invalid, "there is no ledger at");
    assert!(!directory.ledger().exists());
}

#[test]
fn a_file_that_is_not_sqlite_does_not_open() {
    let directory = Directory::new();
    fs::write(directory.ledger(), "not a database, but long enough to have a header: ".repeat(40)).unwrap();
    not_opened(&directory, ErrorKind::Invalid, "is not a Strongroom ledger");
}

#[test]
fn an_empty_file_does_not_open() {
    let directory = Directory::new();
    fs::write(directory.ledger(), "").unwrap();
    not_opened(&directory, ErrorKind::Invalid, "is not a Strongroom ledger");
}

#[test]
fn another_programs_database_does_not_open() {
    let directory = Directory::new();
    Connection::open(directory.ledger()).unwrap().execute_batch("CREATE TABLE head (id INTEGER)").unwrap();
    not_opened(&directory, ErrorKind::Invalid, "is not a Strongroom ledger");
}

#[test]
fn a_newer_schema_does_not_open_and_says_which() {
    let directory = Directory::new();
    drop(directory.create());
    let stranger = directory.stranger();
    stranger.pragma_update(None, "user_version", 3).unwrap();
    drop(stranger);
    not_opened(&directory, ErrorKind::Invalid, "has schema 3, this program knows schema 2");
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_by_whoever_writes_and_named_to_whoever_reads() {
    let directory = Directory::new();
    fill(&directory.create(), 1, 3).await;
    let stranger = directory.stranger();
    let later = ["freeze", "lease", "restored", "expired", "term_filter"];
    for table in later {
        stranger.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    stranger.pragma_update(None, "user_version", 1).unwrap();
    drop(stranger);
    let error = SqliteStore::open_read_only(&directory.ledger(), &SqliteOptions::default()).err().unwrap();
    assert!(error.to_string().contains("has schema 1, this program reads schema 2"), "{error}");
    let store = directory.open();
    holds_exactly(&store, 3, 3).await;
    for table in Table::ALL {
        store.rows(table, "", None, 9).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_opened_for_reading_refuses_every_write() {
    let directory = Directory::new();
    fill(&directory.create(), 1, 3).await;
    let store = directory.open_read_only();
    let refusals = [
        store.commit(crate::files::commit_after(3, 1)).await.err(),
        store.recover().await.err(),
        store.delete_keys(vec![[0; 16]]).await.err(),
        store.reclaim(1).await.err(),
    ];
    for error in refusals {
        assert_eq!(error.expect("a refusal").kind(), ErrorKind::Unavailable);
    }
    holds_exactly(&store, 3, 3).await;
}

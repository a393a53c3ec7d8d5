//! Reading only: beside a writer, after a kill, and where nothing can be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use store::{ErrorKind, SqliteStore, Store};

use crate::files::{
    Directory, again_in_child, child_directory, commit_after, fill, holds_exactly, options, passed,
    this_program,
};

#[tokio::test]
async fn a_reader_beside_a_writer_sees_each_commit() {
    let directory = Directory::new();
    let writer = directory.create();
    let reader = directory.open_read_only();
    assert_eq!(reader.head().await.unwrap(), None);
    for size in (0..50).step_by(10) {
        writer.commit(commit_after(size, 10)).await.unwrap();
        holds_exactly(&reader, size + 10, 10).await;
    }
    drop(writer);
    holds_exactly(&reader, 50, 10).await;
    holds_exactly(&directory.open_read_only(), 50, 10).await;
}

#[tokio::test]
async fn a_writer_opens_and_recovers_beside_a_reader() {
    let directory = Directory::new();
    fill(&directory.create(), 2, 10).await;
    let reader = directory.open_read_only();
    holds_exactly(&reader, 20, 10).await;
    let writer = directory.open();
    writer.commit(commit_after(20, 10)).await.unwrap();
    writer.recover().await.unwrap();
    holds_exactly(&reader, 30, 10).await;
}

#[tokio::test]
async fn reading_what_a_killed_writer_left_changes_neither_the_file_nor_the_wal() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 4, 25).await;
    for suffixes in [&["", "-wal"][..], &["", "-wal", "-shm"]] {
        let copy = directory.copy(suffixes);
        let contents = || ["", "-wal"].map(|suffix| fs::read(copy.beside(suffix)).unwrap());
        let before = contents();
        for _ in 0..2 {
            holds_exactly(&copy.open_read_only(), 100, 25).await;
            assert!(contents() == before, "reading changed the ledger's files");
        }
        holds_exactly(&copy.open(), 100, 25).await;
    }
    drop(store);
}

#[tokio::test]
async fn reading_a_closed_ledger_does_not_change_the_file() {
    let directory = Directory::new();
    fill(&directory.create(), 4, 25).await;
    assert!(!directory.beside("-wal").exists());
    let before = fs::read(directory.ledger()).unwrap();
    holds_exactly(&directory.open_read_only(), 100, 25).await;
    assert!(fs::read(directory.ledger()).unwrap() == before, "reading changed the ledger's file");
    holds_exactly(&directory.open(), 100, 25).await;
}

/// SQLite reads a WAL ledger from a directory it cannot write only while both `-wal` and `-shm` are there.
#[tokio::test]
async fn without_write_permission_a_ledger_is_read_beside_its_writer_or_after_its_kill() {
    const NAME: &str =
        "reading::without_write_permission_a_ledger_is_read_beside_its_writer_or_after_its_kill";
    if let Some(child) = child_directory() {
        return read_without_permission(&child).await;
    }
    let stage = Directory::new();
    let live = Directory::new();
    let store = live.create();
    fill(&store, 4, 25).await;
    let killed = live.copy(&["", "-wal", "-shm"]);
    let without_index = live.copy(&["", "-wal"]);
    let closed = Directory::new();
    fill(&closed.create(), 4, 25).await;
    for (name, directory) in
        [("live", &live), ("killed", &killed), ("without_index", &without_index), ("closed", &closed)]
    {
        std::os::unix::fs::symlink(directory.path(), stage.path().join(name)).unwrap();
        for file in fs::read_dir(directory.path()).unwrap() {
            fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
    }
    fs::set_permissions(stage.path(), Permissions::from_mode(0o755)).unwrap();

    // Root may write anywhere, so as root the child becomes nobody, with a program that nobody may run.
    let program = stage.path().join("program");
    fs::copy(this_program(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut child = again_in_child(&program, NAME, stage.path());
    child.current_dir("/");
    if fs::write(closed.path().join("probe"), "").is_ok() {
        fs::remove_file(closed.path().join("probe")).unwrap();
        child.uid(65_534).gid(65_534);
    }
    passed(child);

    for directory in [&live, &killed, &without_index, &closed] {
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    }
    drop(store);
}

async fn read_without_permission(stage: &Path) {
    for name in ["live", "killed"] {
        fs::write(stage.join(name).join("probe"), "").expect_err("the directory cannot be written");
        let ledger = SqliteStore::file_in(&stage.join(name));
        let store = SqliteStore::open_read_only(&ledger, &options())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        holds_exactly(&store, 100, 25).await;
    }
    for name in ["without_index", "closed"] {
        let ledger = SqliteStore::file_in(&stage.join(name));
        let error = SqliteStore::open_read_only(&ledger, &options()).err().expect(name);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}: {error}");
    }
}

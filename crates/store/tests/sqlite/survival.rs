//! What is there after the process ended, in order or not.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use store::{ErrorKind, Store};

use crate::files::{
    Directory, again_in_child, child_directory, commit_after, fill, holds_exactly, options, this_program,
};

#[tokio::test]
async fn every_commit_is_there_after_reopening() {
    let directory = Directory::new();
    fill(&directory.create(), 4, 25).await;
    for _ in 0..2 {
        holds_exactly(&directory.open(), 100, 25).await;
    }
}

#[tokio::test]
async fn files_copied_under_a_live_writer_hold_every_commit() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 4, 25).await;
    for suffixes in [&["", "-wal"][..], &["", "-wal", "-shm"]] {
        let copy = directory.copy(suffixes);
        let reopened = copy.open();
        holds_exactly(&reopened, 100, 25).await;
        reopened.commit(commit_after(100, 25)).await.unwrap();
        drop(reopened);
        holds_exactly(&copy.open(), 125, 25).await;
    }
    drop(store);
}

/// What a killed process wrote may still be in the operating system's cache only. Answering from it without making it
/// durable would acknowledge what a power cut can take back.
#[tokio::test]
async fn opening_makes_a_killed_writers_wal_durable_first() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 4, 25).await;
    let copy = directory.copy(&["", "-wal"]);
    assert!(fs::metadata(copy.beside("-wal")).unwrap().len() > 0);
    let reopened = copy.open();
    assert_eq!(fs::metadata(copy.beside("-wal")).unwrap().len(), 0);
    // The database file alone has it all.
    holds_exactly(&copy.copy(&[""]).open(), 100, 25).await;
    drop((store, reopened));
}

#[tokio::test]
async fn a_torn_end_of_the_wal_loses_only_the_commit_it_belongs_to() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 4, 25).await;
    let whole = fs::metadata(directory.beside("-wal")).unwrap().len();
    let torn = directory.copy(&["", "-wal"]);
    let wal = fs::File::options().write(true).open(torn.beside("-wal")).unwrap();
    wal.set_len(whole - 100).unwrap();
    holds_exactly(&torn.open(), 75, 25).await;
    drop(store);
}

#[tokio::test]
async fn a_killed_process_leaves_every_acknowledged_commit() {
    const NAME: &str = "survival::a_killed_process_leaves_every_acknowledged_commit";
    if let Some(child) = child_directory() {
        commit_until_killed(&child).await;
    }
    let directory = Directory::new();
    let mut child = again_in_child(&this_program(), NAME, directory.path());
    let mut child = child.stdout(Stdio::piped()).spawn().expect("the child starts");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut acknowledged = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
    let seen = acknowledged.nth(40).expect("the child commits");
    child.kill().unwrap();
    child.wait().unwrap();
    // The child went on until it died.
    let last = acknowledged.last().unwrap_or(seen);

    let read_only = directory.open_read_only();
    let size = read_only.head().await.unwrap().unwrap().size;
    assert!(size >= last, "{last} was acknowledged, {size} is there");
    holds_exactly(&read_only, size, 10).await;
    drop(read_only);
    let store = directory.open();
    holds_exactly(&store, size, 10).await;
    store.commit(commit_after(size, 10)).await.unwrap();
}

/// Never returns: the parent ends this process.
async fn commit_until_killed(directory: &std::path::Path) {
    let store = store::SqliteStore::create(&store::SqliteStore::file_in(directory), &options())
        .expect("a new ledger");
    let mut acknowledgements = std::io::stdout();
    for number in 0.. {
        store.commit(commit_after(number * 10, 10)).await.unwrap();
        writeln!(acknowledgements, "\nacknowledged {}", (number + 1) * 10).unwrap();
    }
}

#[tokio::test]
async fn an_entry_past_the_head_stops_the_ledger_as_corrupt() {
    let directory = Directory::new();
    let store = directory.create();
    fill(&store, 1, 5).await;
    directory.stranger().execute("INSERT INTO entry VALUES (6, '{}')", []).unwrap();
    let error = store.commit(commit_after(5, 5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("entry 6"), "{error}");
    assert_eq!(store.head().await.unwrap().unwrap().size, 5);
}

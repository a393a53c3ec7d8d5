//! What a database on the disk is after its power went, after it was full, and after it failed.

use std::path::Path;

use faultvfs::{Disk, Ending, Failure, Operation, Rule};
use rusqlite::{Connection, ErrorCode};

fn open(directory: &Path, synchronous: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(directory.join("rows.sqlite"))?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", 8)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS row (number INTEGER PRIMARY KEY, body BLOB)")?;
    Ok(connection)
}

/// Inserts rows, each in a transaction of its own, until one fails; answers how many were acknowledged.
fn insert(connection: &Connection, from: i64, count: i64) -> (i64, Option<rusqlite::Error>) {
    for number in from..from + count {
        let inserted = connection.execute("INSERT INTO row VALUES (?1, randomblob(3000))", [number]);
        if let Err(error) = inserted {
            return (number, Some(error));
        }
    }
    (from + count, None)
}

/// Rows that are there, from 0 without a gap, in a database that is whole.
fn rows(connection: &Connection) -> i64 {
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
    let (count, sum): (i64, i64) = connection
        .query_row("SELECT count(*), coalesce(sum(number), 0) FROM row", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(sum, (0..count).sum::<i64>(), "no gap");
    count
}

fn fail(disk: &Disk, operation: Operation, failure: Failure, steps: std::ops::Range<u64>) {
    disk.inject(Rule { operation: Some(operation), steps, failure });
}

#[test]
fn every_commit_survives_a_power_cut_or_a_kill_at_any_step() {
    for ending in [Ending::PowerCut, Ending::Killed] {
        let mut step = 0;
        loop {
            let directory = tempfile::tempdir().unwrap();
            let disk = Disk::mount(directory.path(), step).unwrap();
            let connection = open(directory.path(), "FULL").unwrap();
            let at = disk.steps() + step;
            disk.inject(Rule { operation: None, steps: at..at + 1, failure: Failure::End });
            let (acknowledged, error) = insert(&connection, 0, 30);
            drop(connection);
            if error.is_none() {
                break;
            }
            disk.end();
            disk.restart(ending).unwrap();
            let left = rows(&open(directory.path(), "FULL").unwrap());
            assert!((acknowledged..=acknowledged + 1).contains(&left), "step {step}: {acknowledged}, {left}");
            step += 1;
        }
        assert!(step > 100, "{step}");
    }
}

/// The rig finds what it is made to find: without syncs, commits are lost.
#[test]
fn commits_that_were_not_synced_are_lost_by_some_power_cut_and_by_no_kill() {
    let mut lost = 0;
    for (seed, ending) in (0..40).flat_map(|seed| [(seed, Ending::PowerCut), (seed, Ending::Killed)]) {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::mount(directory.path(), seed).unwrap();
        let connection = open(directory.path(), "FULL").unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 1_000).unwrap();
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        insert(&connection, 0, 10);
        disk.end();
        drop(connection);
        disk.restart(ending).unwrap();
        let left = rows(&open(directory.path(), "FULL").unwrap());
        lost += u64::from(left < 10);
        assert!(left == 10 || ending == Ending::PowerCut);
    }
    assert!(lost > 5, "{lost}");
}

#[test]
fn a_full_disk_refuses_a_commit_and_takes_the_next_one_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::mount(directory.path(), 1).unwrap();
    let connection = open(directory.path(), "FULL").unwrap();
    disk.limit_bytes(Some(disk.used_bytes() + 10_000));
    let (acknowledged, error) = insert(&connection, 0, 30);
    assert_eq!(error.unwrap().sqlite_error_code(), Some(ErrorCode::DiskFull));
    assert!((1..30).contains(&acknowledged));
    assert_eq!(rows(&connection), acknowledged);
    assert_eq!(disk.failures().keys().collect::<Vec<_>>(), [&(Operation::Write, Failure::Full)]);
    disk.clear();
    assert!(insert(&connection, acknowledged, 30).1.is_none());
    drop(connection);
    disk.restart(Ending::PowerCut).unwrap();
    assert_eq!(rows(&open(directory.path(), "FULL").unwrap()), acknowledged + 30);
}

#[test]
fn a_commit_whose_sync_failed_is_not_acknowledged_and_those_before_it_survive() {
    for (seed, failure) in (0..20)
        .flat_map(|seed| [Failure::Io, Failure::IoAndForgotten, Failure::IoAfterwards].map(|how| (seed, how)))
    {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::mount(directory.path(), seed).unwrap();
        let connection = open(directory.path(), "FULL").unwrap();
        assert!(insert(&connection, 0, 5).1.is_none());
        fail(&disk, Operation::Sync, failure, 0..u64::MAX);
        let (acknowledged, error) = insert(&connection, 5, 5);
        assert_eq!(error.unwrap().sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
        assert_eq!(acknowledged, 5);
        disk.end();
        drop(connection);
        disk.restart(Ending::PowerCut).unwrap();
        let left = rows(&open(directory.path(), "FULL").unwrap());
        assert!((5..=6).contains(&left), "{left}");
    }
}

#[test]
fn reads_and_opens_fail_when_told_and_only_then() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::mount(directory.path(), 1).unwrap();
    let connection = open(directory.path(), "FULL").unwrap();
    insert(&connection, 0, 30);
    fail(&disk, Operation::Open, Failure::Io, 0..u64::MAX);
    fail(&disk, Operation::Read, Failure::Io, 0..u64::MAX);
    let other = Connection::open(directory.path().join("rows.sqlite"));
    assert_eq!(other.unwrap_err().sqlite_error_code(), Some(ErrorCode::CannotOpen));
    connection.execute_batch("PRAGMA shrink_memory").unwrap();
    let count = || connection.query_row("SELECT sum(length(body)) FROM row", [], |row| row.get::<_, i64>(0));
    assert_eq!(count().unwrap_err().sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    disk.clear();
    assert_eq!(count().unwrap(), 90_000);
    assert!(disk.reads() > 0 && disk.opens() > 2);
}

#[test]
fn a_file_outside_a_mounted_directory_is_sqlites_own() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Disk::mount(inside.path(), 1).unwrap();
    disk.end();
    let connection = open(outside.path(), "FULL").unwrap();
    assert_eq!(insert(&connection, 0, 5).0, 5);
    assert_eq!(disk.steps(), 0);
    assert!(open(inside.path(), "FULL").is_err());
}

#[test]
fn a_restart_waits_for_the_files_to_be_closed() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::mount(directory.path(), 1).unwrap();
    let connection = open(directory.path(), "FULL").unwrap();
    disk.end();
    disk.restart(Ending::Killed).unwrap_err();
    drop(connection);
    disk.restart(Ending::Killed).unwrap();
    assert_eq!(rows(&open(directory.path(), "FULL").unwrap()), 0);
}

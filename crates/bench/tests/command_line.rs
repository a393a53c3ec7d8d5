//! The benchmarks run to their end on a small workload and print every row. No time is looked at.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs a benchmark on 2,000 entries in a directory of its own; its rows.
fn rows(benchmark: &str, directory: &Path) -> Vec<Value> {
    rows_with(benchmark, &[], directory)
}

fn rows_with(benchmark: &str, more: &[&OsStr], directory: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([benchmark, "--entries", "2000", "--json"])
        .args(more)
        .arg("--directory")
        .arg(directory)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("rows are UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
}

/// What is held against an aim: the name, the floor if it is one of ratio, and the aim.
fn aims(rows: &[Value]) -> Vec<(&str, Option<&str>, &str)> {
    let aims = rows.iter().filter_map(|row| {
        let aim = row["aim"].as_str()?;
        assert!(row["met"].is_boolean(), "{row}");
        Some((row["what"].as_str()?, row["floor"].as_str(), aim))
    });
    aims.collect()
}

/// The program that is served, built: tests of this crate alone do not build that of another one.
fn strongroom() -> PathBuf {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let built = Command::new(cargo)
        .args(["build", "--package", "strongroom", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_the_program = message["target"]["name"] == "strongroom";
        message["executable"].as_str().filter(|_| is_the_program).map(PathBuf::from)
    });
    executable.expect("the package makes a program")
}

/// What was measured under a name.
fn measured(rows: &[Value], what: &str) -> f64 {
    let row = rows.iter().find(|row| row["what"] == what);
    row.and_then(|row| row["measured"].as_f64()).unwrap_or_else(|| panic!("no row {what}: {rows:?}"))
}

#[test]
fn ingest_holds_batches_of_a_thousand_against_its_aims_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rows = rows("ingest", directory.path());
    let what = "8 submitters, batches of 1000";
    assert_eq!(
        aims(&rows),
        [
            (what, Some("one core: parse, line, leaf"), "ratio ≥ 0.5"),
            (what, Some("bare SQLite"), "ratio ≥ 0.6"),
        ]
    );
    assert!(rows.iter().all(|row| row["measured"].as_f64().is_some_and(|measured| measured >= 0.0)));
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

#[test]
fn archive_holds_moving_searching_and_verifying_against_its_aims() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rows = rows_with("archive", &["--tenants", "5", "--days", "2"].map(OsStr::new), directory.path());
    let (one, two) = ("archive, prove, prune, one core", "archive, prove, prune, two cores");
    let (floor, python) = (Some("one core: gzip, SHA-256"), Some("archiver in Python"));
    assert_eq!(
        aims(&rows),
        [
            ("search for a request id, p99", None, "< 5 ms"),
            ("verify", None, "≥ 500,000 a CPU second"),
            ("verify --full", None, "≥ 500,000 a CPU second"),
            (one, floor, "ratio ≥ 0.8"),
            (one, python, "ratio ≥ 10"),
            (two, floor, "ratio ≥ 1.4"),
            (two, python, "ratio ≥ 10"),
            ("verify the archive offline", None, "≥ 500,000 a CPU second"),
        ]
    );
    let objects = measured(&rows, "  objects");
    assert!((20.0..=33.0).contains(&objects), "5 tenants and the ledger, 2 days, 3 streams: {objects}");
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

#[test]
fn cold_holds_searches_of_the_archive_against_its_aims() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rows = rows_with("cold", &["--tenants", "5", "--days", "2"].map(OsStr::new), directory.path());
    assert_eq!(
        aims(&rows),
        [
            ("needle by request id, the first", None, "< 2000 ms"),
            ("needle by request id, p99", None, "< 2000 ms"),
            ("  of the stored bytes, each read", None, "< 1 %"),
            ("scan of a tenant's day for a text", None, "≥ 150 a CPU second"),
        ]
    );
    assert!(measured(&rows, "  of the stored bytes, each read") < 100.0);
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

#[test]
fn prune_holds_appends_beside_pruning_against_appends_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let rows = rows_with("prune", &["--tenants", "5", "--days", "2"].map(OsStr::new), directory.path());
    assert!(measured(&rows, "  p99 at half, alone") > 0.0);
    assert!(measured(&rows, "pruning meanwhile") > 0.0);
    // A run this small may be over before an append is due beside it.
    let aims = aims(&rows);
    let expected = ("  p99 at half, beside pruning", Some("alone"), "ratio ≤ 2");
    assert!(aims.is_empty() || aims == [expected], "{aims:?}");
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

#[test]
fn service_holds_the_server_against_bare_sqlite_and_postgresql_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = strongroom();
    let rows = rows_with("service", &["--program".as_ref(), program.as_ref()], directory.path());
    let (singles, batches) = ("64 connections, one event a request", "4 connections, batches of 1000");
    assert_eq!(
        aims(&rows),
        [
            (singles, Some("PostgreSQL, 64 connections"), "ratio ≥ 3"),
            ("  p99 at half", None, "≤ 25 ms"),
            (batches, Some("bare SQLite"), "ratio ≥ 0.5"),
            (batches, Some("PostgreSQL, 4 connections"), "ratio ≥ 8"),
            ("  p99 at half", None, "≤ 25 ms"),
        ]
    );
    assert!(measured(&rows, batches) > 0.0 && measured(&rows, "  p50 at half") > 0.0);
    let note = rows.iter().find_map(|row| row["note"].as_str()).expect("what PostgreSQL was is said");
    assert!(note.contains("CREATE INDEX ON audit_event (tenant, occurred_at)"), "{note}");
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

#[test]
fn memory_holds_the_growth_of_the_server_against_its_aim() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = strongroom();
    let rows = rows_with("memory", &["--program".as_ref(), program.as_ref()], directory.path());
    assert_eq!(aims(&rows), [("growth", None, "≤ 100 MB")]);
    let (tenth, end) = ("resident after 200 events", "resident after 2000 events");
    assert!(measured(&rows, tenth) > 1.0, "a server takes some memory");
    assert!((measured(&rows, end) - measured(&rows, tenth) - measured(&rows, "growth")).abs() < 1e-6);
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

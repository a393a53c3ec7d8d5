//! The benchmarks run to their end on a small workload and print every row. No time is looked at.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs a benchmark on 2,000 entries in a directory of its own; its rows.
fn rows(benchmark: &str, directory: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args([benchmark, "--entries", "2000", "--json", "--directory"])
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
    let rows = rows("archive", directory.path());
    assert_eq!(
        aims(&rows),
        [
            ("search for a request id, p99", None, "< 5 ms"),
            ("verify", None, "≥ 500,000 a CPU second"),
            ("verify --full", None, "≥ 500,000 a CPU second"),
            ("archive, prove, prune", Some("one core: gzip, SHA-256"), "ratio ≥ 0.6"),
            ("verify the archive offline", None, "≥ 500,000 a CPU second"),
        ]
    );
    assert_eq!(directory.path().read_dir().expect("the directory is still there").count(), 0);
}

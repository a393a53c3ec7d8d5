//! The baseline of archiving: what people write in Python, over the same lines in a plain table of SQLite.

use std::path::Path;
use std::process::{Command, Stdio};

use event::EntryFields;
use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::workload::{Feed, Workload};

const SCRIPT: &str = include_str!("../../../../benches/baselines/archiver.py");
const PIECE_LINES: u64 = 10_000;

/// What the script says it did.
#[derive(Deserialize)]
struct Moved {
    moved: u64,
    stored_bytes: u64,
}

/// Filling the table is outside the clock. CPU time is not told: the script is another process.
pub(crate) fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let directory = call.directory.join("python");
    std::fs::create_dir(&directory)?;
    let (database, script) = (directory.join("events.sqlite"), directory.join("archiver.py"));
    std::fs::write(&script, SCRIPT)?;
    let bytes = fill(call, &database)?;
    let stopwatch = Stopwatch::start();
    let output = Command::new("python3")
        .args([&script, &database, &directory.join("archive")])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            format!("cannot start python3 ({error}): install it (Debian: apt-get install python3)")
        })?;
    let taken = stopwatch.elapsed();
    if !output.status.success() {
        return Err(format!("the archiver in Python failed: {}", output.status).into());
    }
    let moved: Moved = serde_json::from_slice(&output.stdout)?;
    if moved.moved != call.entries {
        return Err(format!("of {} rows {} were moved", call.entries, moved.moved).into());
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(Measurement::of(call.entries, taken)
        .with("uncompressed_bytes", bytes as f64)
        .with("stored_bytes", moved.stored_bytes as f64))
}

/// The table as people have it: the event as JSON, and beside it the columns that they ask by. Answers the bytes of
/// the lines.
fn fill(call: &StepCall, database: &Path) -> Result<usize, Failure> {
    let mut connection = Connection::open(database)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE event (id INTEGER PRIMARY KEY, stream TEXT, tenant TEXT, recorded_at TEXT, line TEXT);",
    )?;
    let mut feed = Feed::open(&Workload::new(&call.directory).lines_file(), call.entries)?;
    let mut bytes = 0;
    while let Some(piece) = feed.next(PIECE_LINES)? {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for line in piece.lines() {
                let fields = EntryFields::parse(line)?;
                let (stream, tenant) = (fields.stream.as_str(), fields.tenant.as_ref());
                let recorded_at = fields.recorded_at.to_string();
                let line = std::str::from_utf8(line)?;
                insert.execute(params![fields.seq as i64, stream, tenant, recorded_at, line])?;
                bytes += line.len();
            }
        }
        transaction.commit()?;
    }
    connection.close().map_err(|(_, error)| error)?;
    Ok(bytes)
}

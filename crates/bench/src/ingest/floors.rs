//! The floors of ingest: the least work with the same bytes. What reads the workload is outside the clock.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::{Clock as _, SystemClock};
use event::Event;
use merkle::leaf_hash;
use rusqlite::{Connection, params};

use super::appending::commit_sizes_file;
use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::workload::{Feed, Workload, parse};

/// What the floor of one core is made of; `keys`, which the engine needs too, is timed beside it.
pub(super) const STAGES: [&str; 4] = ["parse", "line", "leaf", "keys"];

/// Lines worked on between two looks at the clock.
const PIECE_LINES: u64 = 1_000;

/// The lines appended to a file, with one sync of its data for each commit that the engine made.
pub(crate) fn plain_file(call: &StepCall) -> Result<Measurement, Failure> {
    let path = call.directory.join("plain");
    let mut file = File::create(&path)?;
    let taken = for_each_commit(call, |_, bytes, _| {
        file.write_all(bytes)?;
        Ok(file.sync_data()?)
    })?;
    let bytes = file.metadata()?.len();
    fs::remove_file(path)?;
    Ok(Measurement::of(call.entries, taken).with("disk_bytes", bytes as f64))
}

/// The lines inserted into a table that has nothing but them, in commits of the engine's sizes.
pub(crate) fn bare_sqlite(call: &StepCall) -> Result<Measurement, Failure> {
    let directory = tempfile::tempdir_in(&call.directory)?;
    let mut connection = open_bare(&directory.path().join("bare.sqlite"))?;
    let stopwatch = Stopwatch::start();
    let taken = for_each_commit(call, |first_seq, _, lines| {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO entry (seq, line) VALUES (?1, ?2)")?;
            for (seq, line) in (first_seq..).zip(lines) {
                insert.execute(params![seq as i64, std::str::from_utf8(line)?])?;
            }
        }
        Ok(transaction.commit()?)
    })?;
    let written_bytes = stopwatch.stop(call.entries).written_bytes;
    Ok(Measurement { written_bytes, ..Measurement::of(call.entries, taken) })
}

/// As the store sets SQLite up where it matters for speed: page size, cache, WAL and when it is copied.
fn open_bare(path: &Path) -> Result<Connection, Failure> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA page_size = 8192;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 2048;
         PRAGMA cache_size = -65536;
         CREATE TABLE entry (seq INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;",
    )?;
    Ok(connection)
}

/// Gives `work` the lines of every commit that the engine made: the first seq, the bytes with newlines, the lines.
/// Answers the time that the work took.
fn for_each_commit(
    call: &StepCall,
    mut work: impl FnMut(u64, &[u8], &[&[u8]]) -> Result<(), Failure>,
) -> Result<Duration, Failure> {
    let sizes = fs::read_to_string(commit_sizes_file(&call.directory))?;
    let mut feed = Feed::open(&Workload::new(&call.directory).lines_file(), call.entries)?;
    let mut taken = Duration::ZERO;
    let mut seq = 0;
    for size in sizes.lines() {
        let piece = feed.next(size.parse()?)?.ok_or("the engine committed more than was submitted")?;
        let lines: Vec<&[u8]> = piece.lines().collect();
        let started = Instant::now();
        work(seq, &piece.bytes, &lines)?;
        taken += started.elapsed();
        seq += piece.len();
    }
    if seq != call.entries {
        return Err(format!("the engine committed {seq} of {} events", call.entries).into());
    }
    Ok(taken)
}

/// Parsing, the canonical line and its leaf hash, in memory on one core.
pub(crate) fn one_core(call: &StepCall) -> Result<Measurement, Failure> {
    let mut feed = Feed::open(&Workload::new(&call.directory).events_file(), call.entries)?;
    let now = SystemClock.now();
    let mut taken = [Duration::ZERO; STAGES.len()];
    let mut seq = 0;
    let mut line = Vec::new();
    while let Some(piece) = feed.next(PIECE_LINES)? {
        let mut clock = Instant::now();
        let mut lap = |stage: usize| {
            taken[stage] += clock.elapsed();
            clock = Instant::now();
        };
        let events: Vec<Event> = piece.lines().map(|json| parse(json, now)).collect::<Result<_, _>>()?;
        lap(0);
        line.clear();
        let mut ends = Vec::with_capacity(events.len());
        for event in &events {
            event.write_line(seq, now, Some(now), &mut line);
            ends.push(line.len());
            seq += 1;
        }
        lap(1);
        let mut start = 0;
        for end in ends {
            std::hint::black_box(leaf_hash(&line[start..end]));
            start = end;
        }
        lap(2);
        for event in &events {
            std::hint::black_box(event.keys());
        }
        lap(3);
    }
    let measurement = Measurement::of(call.entries, taken[..3].iter().sum());
    Ok(STAGES.iter().zip(taken).fold(measurement, |measurement, (stage, taken)| {
        measurement.with(format!("{stage}_seconds"), taken.as_secs_f64())
    }))
}

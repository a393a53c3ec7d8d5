//! `bench service`: the real server over HTTP, against the floors of `ingest` and a plain table of PostgreSQL.

mod application;
mod cluster;
pub(crate) mod postgres;
pub(crate) mod serving;

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::ServiceOptions;
use crate::ingest::commit_sizes_file;
use crate::measurement::Measurement;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};
use crate::workload::Workload;
use crate::{Failure, say};

/// A way of submitting over HTTP.
struct Submission {
    what: &'static str,
    batch: u64,
    connections: u64,
    /// Of the entries asked for, one in so many: single events take longer each.
    one_in: u64,
}

const SINGLES: Submission =
    Submission { what: "64 connections, one event a request", batch: 1, connections: 64, one_in: 10 };
const BATCHES: Submission =
    Submission { what: "4 connections, batches of 1000", batch: 1_000, connections: 4, one_in: 1 };

/// Rows that PostgreSQL takes one at a time, as parts of the entries asked for; few connections share few syncs.
const POSTGRES_64_ONE_IN: u64 = 20;
const POSTGRES_4_ONE_IN: u64 = 100;
/// Lines in a commit of bare SQLite.
const FLOOR_COMMIT: u64 = 1_000;

const AIM_BATCHES_OF_BARE_SQLITE: f64 = 0.5;
const AIM_BATCHES_OF_POSTGRES: f64 = 8.0;
const AIM_SINGLES_OF_POSTGRES: f64 = 3.0;
const AIM_HALF_P99_MS: f64 = 25.0;

/// What both ways of submitting are held against.
struct Floors {
    one_core: Measurement,
    bare_sqlite: Measurement,
    postgres_64: Measurement,
    postgres_4: Measurement,
}

pub(crate) fn run(options: &ServiceOptions) -> Result<(), Failure> {
    let program = options.place.program()?;
    fs::create_dir_all(&options.place.directory)?;
    let run = tempfile::tempdir_in(options.place.directory.canonicalize()?)?;
    say(&format!("writing a workload of {} events …", options.entries));
    Workload::new(run.path()).write(options.entries)?;
    let floors = Floors::measure(run.path(), options.entries)?;
    let mut report = Report::new("service", options.place.json);

    let singles = measure(run.path(), &program, &SINGLES, options.entries)?;
    let of_postgres = Some(Aim::RatioAtLeast(AIM_SINGLES_OF_POSTGRES));
    let against = [
        ("PostgreSQL, 64 connections", &floors.postgres_64, of_postgres),
        ("one core: parse, line, leaf", &floors.one_core, None),
    ];
    add(&SINGLES, &singles, &against, &mut report)?;

    let batches = measure(run.path(), &program, &BATCHES, options.entries)?;
    let against = [
        ("bare SQLite", &floors.bare_sqlite, Some(Aim::RatioAtLeast(AIM_BATCHES_OF_BARE_SQLITE))),
        ("one core: parse, line, leaf", &floors.one_core, None),
        ("PostgreSQL, 4 connections", &floors.postgres_4, Some(Aim::RatioAtLeast(AIM_BATCHES_OF_POSTGRES))),
        ("PostgreSQL, 64 connections", &floors.postgres_64, None),
    ];
    add(&BATCHES, &batches, &against, &mut report)?;

    for (connections, postgres) in [(64, &floors.postgres_64), (4, &floors.postgres_4)] {
        let what = format!("PostgreSQL, {connections} connections, a row a transaction");
        report.add(Row::new(&what, postgres.rate(), Unit::EventsPerSecond));
        for (what, name) in [("  p50", "p50_ms"), ("  p99", "p99_ms")] {
            report.add(Row::new(what, postgres.detail(name)?, Unit::Milliseconds));
        }
    }
    report.note(note(&floors.postgres_64)?);
    report.print()
}

impl Floors {
    fn measure(run: &Path, entries: u64) -> Result<Self, Failure> {
        let mut sizes = vec![FLOOR_COMMIT.to_string(); (entries / FLOOR_COMMIT) as usize];
        if !entries.is_multiple_of(FLOOR_COMMIT) {
            sizes.push((entries % FLOOR_COMMIT).to_string());
        }
        fs::write(commit_sizes_file(run), sizes.join("\n"))?;
        let postgres = |submitters, one_in: u64| {
            StepCall { submitters, ..StepCall::new(Step::Postgres, run, (entries / one_in).max(1)) }.measure()
        };
        Ok(Self {
            one_core: StepCall::new(Step::OneCore, run, entries).measure()?,
            bare_sqlite: StepCall::new(Step::BareSqlite, run, entries).measure()?,
            postgres_64: postgres(64, POSTGRES_64_ONE_IN)?,
            postgres_4: postgres(4, POSTGRES_4_ONE_IN)?,
        })
    }
}

fn measure(
    run: &Path,
    program: &Path,
    submission: &Submission,
    entries: u64,
) -> Result<Measurement, Failure> {
    let call = StepCall {
        batch: submission.batch,
        submitters: submission.connections,
        program: Some(PathBuf::from(program)),
        ..StepCall::new(Step::Serve, run, entries / submission.one_in)
    };
    call.measure()
}

fn add(
    submission: &Submission,
    served: &Measurement,
    floors: &[(&'static str, &Measurement, Option<Aim>)],
    report: &mut Report,
) -> Result<(), Failure> {
    for (name, floor, aim) in floors {
        let row = Row::rate(submission.what, Unit::EventsPerSecond, served);
        report.add(row.floor(name, floor.rate()).aim(*aim));
    }
    for (what, name) in [("  p50", "peak_p50_ms"), ("  p99", "peak_p99_ms")] {
        report.add(Row::new(what, served.detail(name)?, Unit::Milliseconds));
    }
    let half = served.detail("half_per_second")?;
    report.add(Row::new("  open loop at half of that", half, Unit::EventsPerSecond));
    report.add(Row::new("  p50 at half", served.detail("half_p50_ms")?, Unit::Milliseconds));
    let p99 = Row::new("  p99 at half", served.detail("half_p99_ms")?, Unit::Milliseconds);
    report.add(p99.aim(Some(Aim::AtMost(AIM_HALF_P99_MS))));
    report.add(Row::new("  p99.9 at half", served.detail("half_p999_ms")?, Unit::Milliseconds));
    if let Some(seconds) = served.cpu_seconds {
        let micros = seconds * 1e6 / served.entries as f64;
        report.add(Row::new("  CPU: server", micros, Unit::MicrosPerEvent));
    }
    // Where a system does not tell, there is no row.
    if let Ok(micros) = served.micros_per_entry("generator_seconds") {
        report.add(Row::new("  CPU: load generator", micros, Unit::MicrosPerEvent));
    }
    Ok(())
}

/// What PostgreSQL was, so that nobody has to guess what the ratios are to.
fn note(postgres: &Measurement) -> Result<String, Failure> {
    let version = postgres.detail("server_version_number")? as u64;
    let (major, minor) = (version / 10_000, version % 10_000);
    Ok(format!(
        "PostgreSQL {major}.{minor} with its defaults (fsync and synchronous_commit on), through a Unix socket, prepared \
         INSERT, each row a transaction of its own:\n{}",
        application::SCHEMA
    ))
}

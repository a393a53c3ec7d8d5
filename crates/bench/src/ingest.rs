//! `bench ingest`: events made durable through the engine, against three floors.

pub(crate) mod appending;
pub(crate) mod floors;

use std::fs;
use std::path::Path;

use crate::arguments::Options;
use crate::measurement::Measurement;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};
use crate::subject::Subject;
use crate::workload::Workload;
use crate::{Failure, say};

pub(crate) use appending::commit_sizes_file;

/// A way of submitting. Small batches need many submitters to give the group commit something to group.
struct Submission {
    batch: u64,
    submitters: u64,
    /// Of the entries asked for, one in so many: small batches take longer for each entry.
    one_in: u64,
}

const SUBMISSIONS: [Submission; 3] = [
    Submission { batch: 1, submitters: 64, one_in: 50 },
    Submission { batch: 100, submitters: 16, one_in: 5 },
    Submission { batch: 1_000, submitters: 8, one_in: 1 },
];

/// The aims are for batches of this size.
const AIMED_BATCH: u64 = 1_000;
const AIM_OF_BARE_SQLITE: f64 = 0.6;
const AIM_OF_ONE_CORE: f64 = 0.5;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    fs::create_dir_all(&options.directory)?;
    let run = tempfile::tempdir_in(options.directory.canonicalize()?)?;
    say(&format!("writing a workload of {} events …", options.entries));
    Workload::new(run.path()).write(options.entries)?;
    let mut report = Report::new("ingest", options.json);
    let one_core = StepCall::new(Step::OneCore, run.path(), options.entries).measure()?;
    for submission in SUBMISSIONS {
        let entries = options.entries / submission.one_in;
        add_submission(run.path(), &submission, entries, &one_core, &mut report)?;
        fs::remove_dir_all(Subject::directory_in(run.path()))?;
    }
    add_stages(&one_core, &mut report)?;
    report.print()
}

fn add_submission(
    run: &Path,
    submission: &Submission,
    entries: u64,
    one_core: &Measurement,
    report: &mut Report,
) -> Result<(), Failure> {
    let call = |step| StepCall {
        batch: submission.batch,
        submitters: submission.submitters,
        ..StepCall::new(step, run, entries)
    };
    let engine = call(Step::Append).measure()?;
    let plain_file = call(Step::PlainFile).measure()?;
    let bare_sqlite = call(Step::BareSqlite).measure()?;
    let aim = |ratio| (submission.batch == AIMED_BATCH).then_some(Aim::RatioAtLeast(ratio));
    let what = format!("{} submitters, batches of {}", submission.submitters, submission.batch);
    let floors = [
        ("one core: parse, line, leaf", one_core, aim(AIM_OF_ONE_CORE)),
        ("bare SQLite", &bare_sqlite, aim(AIM_OF_BARE_SQLITE)),
        ("plain file", &plain_file, None),
    ];
    for (name, floor, aim) in floors {
        report.add(Row::rate(&what, Unit::EventsPerSecond, &engine).floor(name, floor.rate()).aim(aim));
    }
    // A short run has no tenths to compare.
    if let (Ok(first), Ok(last)) =
        (engine.detail("first_tenth_per_second"), engine.detail("last_tenth_per_second"))
    {
        report.add(Row::new("  last tenth", last, Unit::EventsPerSecond).floor("first tenth", first));
    }
    let settled = entries as f64 / engine.detail("signed_seconds")?;
    report.add(Row::new("  until all is signed", settled, Unit::EventsPerSecond));
    let disk = Row::new("  on disk", engine.detail("disk_bytes")? / entries as f64, Unit::BytesPerEvent);
    report.add(disk.floor("the lines", plain_file.detail("disk_bytes")? / entries as f64));
    if let Some((written, floor)) = engine.written_bytes.zip(bare_sqlite.written_bytes) {
        let written = Row::new("  written to disk", written as f64 / entries as f64, Unit::BytesPerEvent);
        report.add(written.floor("bare SQLite", floor as f64 / entries as f64));
    }
    let commits = engine.detail("store_commit_calls")?;
    report.add(Row::new("  in a commit", entries as f64 / commits, Unit::Events));
    for (what, name) in [
        ("  store: dedup keys", "store_keys_seconds"),
        ("  store: commit", "store_commit_seconds"),
        ("  store: read back to sign", "store_entries_seconds"),
        ("  store: publish", "store_publish_seconds"),
        ("  store: seal", "store_seal_seconds"),
    ] {
        report.add(Row::new(what, engine.micros_per_entry(name)?, Unit::MicrosPerEvent));
    }
    Ok(())
}

/// What one core needs for each event, step by step.
fn add_stages(one_core: &Measurement, report: &mut Report) -> Result<(), Failure> {
    report.add(Row::rate("one core: parse, line, leaf", Unit::EventsPerSecond, one_core));
    for stage in floors::STAGES {
        let value = one_core.micros_per_entry(&format!("{stage}_seconds"))?;
        report.add(Row::new(&format!("  {stage}"), value, Unit::MicrosPerEvent));
    }
    Ok(())
}

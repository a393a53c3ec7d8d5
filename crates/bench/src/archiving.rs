//! `bench archive`: a ledger of many tenants and days searched, verified, archived in runs and pruned, and its archive
//! verified offline.

pub(crate) mod floor;
pub(crate) mod moving;
pub(crate) mod python;
pub(crate) mod runs;
pub(crate) mod searching;
pub(crate) mod verifying;

use std::fs;

use crate::arguments::ArchiveOptions;
use crate::measurement::Measurement;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};
use crate::workload::Workload;
use crate::{Failure, say};
use runs::Runs;

/// The baseline in Python takes so long for each entry that a part of them tells as much.
const PYTHON_ENTRIES_MAX: u64 = 200_000;

const AIM_NEEDLE_MS: f64 = 5.0;
const AIM_VERIFIED_PER_CPU_SECOND: f64 = 500_000.0;

pub(crate) fn run(options: &ArchiveOptions) -> Result<(), Failure> {
    fs::create_dir_all(&options.directory)?;
    let run = tempfile::tempdir_in(options.directory.canonicalize()?)?;
    let (entries, spread) = (options.entries, options.spread);
    say(&format!("writing a workload of {entries} events …"));
    let workload = Workload::new(run.path());
    workload.write_over_days(entries, spread.tenants, spread.days)?;
    let measure = |step| StepCall::new(step, run.path(), entries).measure();
    let mut report = Report::new("archive", options.json);

    let filling = StepCall { days: spread.days, ..StepCall::new(Step::Append, run.path(), entries) };
    report.add(Row::rate("filling the ledger", Unit::EntriesPerSecond, &filling.measure()?));
    // From here on the ledger has what was in it; the disk may need the room.
    fs::remove_file(workload.events_file())?;
    add_searches(&measure(Step::Search)?, &mut report)?;
    for (what, step) in [("verify", Step::Verify), ("verify --full", Step::VerifyFull)] {
        add_verification(what, &measure(step)?, &mut report);
    }
    let gzip = measure(Step::Gzip)?;
    let python_entries = entries.min(PYTHON_ENTRIES_MAX);
    let python = StepCall::new(Step::PythonArchiver, run.path(), python_entries).measure()?;
    fs::remove_file(workload.lines_file())?;
    Runs::measure(run.path(), entries)?.tell(&gzip, &python, &mut report)?;
    add_verification("verify the archive offline", &measure(Step::VerifyArchive)?, &mut report);
    report.note(format!(
        "{} tenants over {} UTC days. The archiver in Python moved {python_entries} entries, on one core.",
        spread.tenants, spread.days
    ));
    report.print()
}

fn add_searches(searches: &Measurement, report: &mut Report) -> Result<(), Failure> {
    let opening = searches.detail("opening_seconds")? * 1e3;
    report.add(Row::new("opening for reading", opening, Unit::Milliseconds).resources(searches));
    for kind in searching::KINDS {
        for percentile in ["p50", "p99"] {
            let taken = searches.detail(&format!("{}_{percentile}_seconds", kind.name))? * 1e3;
            let aim = (kind.name == "needle" && percentile == "p99").then_some(Aim::Below(AIM_NEEDLE_MS));
            let what = format!("search {}, {percentile}", kind.description);
            report.add(Row::new(&what, taken, Unit::Milliseconds).aim(aim));
        }
    }
    Ok(())
}

fn add_verification(what: &str, measurement: &Measurement, report: &mut Report) {
    let aim = Aim::PerCpuSecondAtLeast(AIM_VERIFIED_PER_CPU_SECOND);
    report.add(Row::rate(what, Unit::EntriesPerSecond, measurement).aim(Some(aim)));
}

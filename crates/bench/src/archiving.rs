//! `bench archive`: a ledger searched, verified, archived and pruned, and its archive verified offline.

pub(crate) mod floor;
pub(crate) mod moving;
pub(crate) mod searching;
pub(crate) mod verifying;

use std::fs;

use crate::arguments::Options;
use crate::measurement::Measurement;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};
use crate::workload::Workload;
use crate::{Failure, say};

const AIM_OF_GZIP: f64 = 0.6;
const AIM_NEEDLE_MS: f64 = 5.0;
const AIM_VERIFIED_PER_CPU_SECOND: f64 = 500_000.0;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    fs::create_dir_all(&options.directory)?;
    let run = tempfile::tempdir_in(options.directory.canonicalize()?)?;
    say(&format!("writing a workload of {} events …", options.entries));
    Workload::new(run.path()).write(options.entries)?;
    let measure = |step| StepCall::new(step, run.path(), options.entries).measure();
    let mut report = Report::new("archive", options.json);

    report.add(Row::rate("filling the ledger", Unit::EntriesPerSecond, &measure(Step::Append)?));
    add_searches(&measure(Step::Search)?, &mut report)?;
    for (what, step) in [("verify", Step::Verify), ("verify --full", Step::VerifyFull)] {
        add_verification(what, &measure(step)?, &mut report);
    }
    let gzip = measure(Step::Gzip)?;
    add_archive_run(&measure(Step::Archive)?, &gzip, &mut report)?;
    add_verification("verify the archive offline", &measure(Step::VerifyArchive)?, &mut report);
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

fn add_archive_run(run: &Measurement, gzip: &Measurement, report: &mut Report) -> Result<(), Failure> {
    let megabytes_per_second = |of: &Measurement| -> Result<f64, Failure> {
        Ok(of.detail("uncompressed_bytes")? / 1e6 / of.seconds)
    };
    let rate = Row::rate("archive, prove, prune", Unit::EntriesPerSecond, run);
    report.add(rate.floor("one core: gzip, SHA-256", gzip.rate()).aim(Some(Aim::RatioAtLeast(AIM_OF_GZIP))));
    let bytes = Row::new("  of lines", megabytes_per_second(run)?, Unit::MegabytesPerSecond);
    report.add(bytes.floor("one core: gzip, SHA-256", megabytes_per_second(gzip)?));
    for stage in moving::STAGES {
        let name = format!("{stage}_seconds");
        // A run that a stage had nothing to do in does not name it.
        if run.details.contains_key(&name) {
            report.add(Row::new(&format!("  {stage}"), run.micros_per_entry(&name)?, Unit::MicrosPerEvent));
        }
    }
    let smaller = run.detail("uncompressed_bytes")? / run.detail("stored_bytes")?;
    report.add(Row::new("  times smaller", smaller, Unit::Times));
    Ok(())
}

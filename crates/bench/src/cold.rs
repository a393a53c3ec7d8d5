//! `bench cold`: searches of a ledger that is archived and pruned as a whole.

pub(crate) mod searching;

use std::fs;

use crate::arguments::ArchiveOptions;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};
use crate::workload::Workload;
use crate::{Failure, say};

/// What a server archives in one run unless told otherwise.
const RUN_ENTRIES_MAX: u64 = 1_000_000;

const AIM_NEEDLE_MS: f64 = 2_000.0;
const AIM_READ_PERCENT: f64 = 1.0;
const AIM_SCANNED_MB_PER_CPU_SECOND: f64 = 150.0;

pub(crate) fn run(options: &ArchiveOptions) -> Result<(), Failure> {
    fs::create_dir_all(&options.directory)?;
    let run = tempfile::tempdir_in(options.directory.canonicalize()?)?;
    let (entries, spread) = (options.entries, options.spread);
    say(&format!("writing a workload of {entries} events …"));
    let workload = Workload::new(run.path());
    workload.write_over_days(entries, spread.tenants, spread.days)?;
    StepCall { days: spread.days, ..StepCall::new(Step::Append, run.path(), entries) }.measure()?;
    fs::remove_file(workload.events_file())?;
    let (mut archived, mut objects) = (0, 0.0);
    while archived < entries {
        let moved = StepCall::new(Step::Archive, run.path(), RUN_ENTRIES_MAX).measure()?;
        archived += moved.entries;
        objects += moved.detail("objects")?;
    }
    let searches = StepCall::new(Step::Cold, run.path(), entries).measure()?;

    let mut report = Report::new("cold", options.json);
    let opening = searches.detail("opening_seconds")? * 1e3;
    report.add(Row::new("opening for reading", opening, Unit::Milliseconds).resources(&searches));
    let millis = |name: &str| searches.detail(&format!("needle_{name}_seconds")).map(|seconds| seconds * 1e3);
    let first = Row::new("needle by request id, the first", millis("first")?, Unit::Milliseconds);
    report.add(first.aim(Some(Aim::Below(AIM_NEEDLE_MS))));
    report.add(Row::new("needle by request id, p50", millis("p50")?, Unit::Milliseconds));
    let slowest = Row::new("needle by request id, p99", millis("p99")?, Unit::Milliseconds);
    report.add(slowest.aim(Some(Aim::Below(AIM_NEEDLE_MS))));
    let read = 100.0 * searches.detail("needle_bytes_read")? / searches.detail("stored_bytes")?;
    report.add(
        Row::new("  of the stored bytes, each read", read, Unit::Percent)
            .aim(Some(Aim::Below(AIM_READ_PERCENT))),
    );
    let (megabytes, seconds) = (searches.detail("scanned_bytes")? / 1e6, searches.detail("scan_seconds")?);
    let scan = Row::new("scan of a tenant's day for a text", megabytes / seconds, Unit::MegabytesPerSecond);
    let scan = match searches.details.get("scan_cpu_seconds") {
        Some(used) if *used > 0.0 => scan.per_cpu_second(megabytes / used),
        _ => scan,
    };
    report.add(scan.aim(Some(Aim::PerCpuSecondAtLeast(AIM_SCANNED_MB_PER_CPU_SECOND))));
    report.add(Row::new("  lines of that day", megabytes, Unit::Megabytes));
    report.note(format!(
        "{entries} entries of {} tenants over {} UTC days in {objects} objects in a directory.",
        spread.tenants, spread.days
    ));
    report.print()
}

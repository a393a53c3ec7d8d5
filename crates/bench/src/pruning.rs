//! `bench prune`: how long appends wait while an archive run goes on beside them.

pub(crate) mod beside;

use std::fs;

use crate::arguments::ArchiveOptions;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};
use crate::workload::Workload;
use crate::{Failure, say};
use beside::PHASES;

const SUBMITTERS: u64 = 16;
const BATCH: u64 = 100;
const AIM_OF_ALONE: f64 = 2.0;

pub(crate) fn run(options: &ArchiveOptions) -> Result<(), Failure> {
    fs::create_dir_all(&options.directory)?;
    let run = tempfile::tempdir_in(options.directory.canonicalize()?)?;
    let (entries, spread) = (options.entries, options.spread);
    say(&format!("writing a workload of {entries} events …"));
    Workload::new(run.path()).write_over_days(entries, spread.tenants, spread.days)?;
    StepCall { days: spread.days, ..StepCall::new(Step::Append, run.path(), entries) }.measure()?;
    let call =
        StepCall { batch: BATCH, submitters: SUBMITTERS, ..StepCall::new(Step::Prune, run.path(), entries) };
    let measured = call.measure()?;

    let mut report = Report::new("prune", options.json);
    let what = format!("{SUBMITTERS} submitters, batches of {BATCH}");
    report.add(
        Row::new(&what, measured.detail("peak_per_second")?, Unit::EventsPerSecond).resources(&measured),
    );
    let alone = measured.detail("alone_p99_ms")?;
    for (phase, description) in PHASES {
        for percentile in ["p50", "p99"] {
            // A run that is over within moments may see no append in one of its phases.
            let Some(taken) = measured.details.get(&format!("{phase}_{percentile}_ms")) else { continue };
            let row = Row::new(&format!("  {percentile} at half, {description}"), *taken, Unit::Milliseconds);
            let beside = percentile == "p99" && phase != "alone";
            let row = if beside { row.floor("alone", alone) } else { row };
            let aim = (beside && phase == "pruning").then_some(Aim::RatioAtMost(AIM_OF_ALONE));
            report.add(row.aim(aim));
        }
    }
    let pruned = measured.detail("pruned")?;
    report.add(Row::new(
        "pruning meanwhile",
        pruned / measured.detail("pruning_seconds")?,
        Unit::EntriesPerSecond,
    ));
    report.note("Appends are due at fixed times, at half of the rate above, and wait from then on.");
    report.print()
}

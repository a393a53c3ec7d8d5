//! The archive runs of a ledger: one after the other as a server does them, in turns on one core and on two.

use std::collections::BTreeMap;
use std::path::Path;

use super::moving::STAGES;
use crate::Failure;
use crate::measurement::Measurement;
use crate::report::{Aim, Report, Row, Unit};
use crate::step::{Step, StepCall};

/// What a server archives in one run unless told otherwise.
const RUN_ENTRIES_MAX: u64 = 1_000_000;
const FLOOR: &str = "one core: gzip, SHA-256";
const PYTHON: &str = "archiver in Python";

const AIM_OF_PYTHON: f64 = 10.0;
const AIM_GROWTH_MB: f64 = 32.0;

/// Cores, and what they reach of what one core needs for the floor.
const TURNS: [Turn; 2] =
    [Turn { cores: 1, name: "one core", aim: 0.8 }, Turn { cores: 2, name: "two cores", aim: 1.4 }];

struct Turn {
    cores: usize,
    name: &'static str,
    aim: f64,
}

/// Every run of a ledger, in order; each is a process of its own.
pub(super) struct Runs {
    measured: Vec<Measurement>,
}

impl Runs {
    /// Archives the whole ledger.
    pub(super) fn measure(run: &Path, entries: u64) -> Result<Self, Failure> {
        let count = entries.div_ceil(RUN_ENTRIES_MAX).max(TURNS.len() as u64);
        let call = StepCall::new(Step::Archive, run, entries.div_ceil(count));
        let turns = TURNS.iter().cycle().take(count as usize);
        let measured = turns.map(|turn| StepCall { cores: turn.cores, ..call.clone() }.measure());
        Ok(Self { measured: measured.collect::<Result<_, _>>()? })
    }

    pub(super) fn tell(
        &self,
        floor: &Measurement,
        python: &Measurement,
        report: &mut Report,
    ) -> Result<(), Failure> {
        for (number, turn) in TURNS.iter().enumerate() {
            let runs: Vec<&Measurement> = self.measured.iter().skip(number).step_by(TURNS.len()).collect();
            let sum = sum_of(&runs);
            let what = format!("archive, prove, prune, {}", turn.name);
            let rate = Row::rate(&what, Unit::EntriesPerSecond, &sum);
            report.add(rate.clone().floor(FLOOR, floor.rate()).aim(Some(Aim::RatioAtLeast(turn.aim))));
            report.add(rate.floor(PYTHON, python.rate()).aim(Some(Aim::RatioAtLeast(AIM_OF_PYTHON))));
            let bytes = Row::new("  of lines", megabytes_per_second(&sum)?, Unit::MegabytesPerSecond);
            report.add(bytes.floor(FLOOR, megabytes_per_second(floor)?));
            for stage in STAGES {
                let name = format!("{stage}_seconds");
                // Runs that a stage had nothing to do in do not name it.
                if sum.details.contains_key(&name) {
                    report.add(Row::new(
                        &format!("  {stage}"),
                        sum.micros_per_entry(&name)?,
                        Unit::MicrosPerEvent,
                    ));
                }
            }
            if let [first, .., last] = runs.as_slice()
                && let Some((first, last)) = first.memory_peak_bytes.zip(last.memory_peak_bytes)
            {
                let growth = Row::new(
                    "  memory peak, last run over first",
                    (last as f64 - first as f64) / 1e6,
                    Unit::Megabytes,
                );
                report.add(growth.aim(Some(Aim::AtMost(AIM_GROWTH_MB))));
            }
        }
        let all = sum_of(&self.measured.iter().collect::<Vec<_>>());
        let smaller = all.detail("uncompressed_bytes")? / all.detail("stored_bytes")?;
        report.add(Row::new("  times smaller", smaller, Unit::Times));
        report.add(Row::new("  objects", all.detail("objects")?, Unit::Objects));
        Ok(())
    }
}

fn megabytes_per_second(of: &Measurement) -> Result<f64, Failure> {
    Ok(of.detail("uncompressed_bytes")? / 1e6 / of.seconds)
}

/// All runs as if they were one: sums, and the highest peak.
fn sum_of(runs: &[&Measurement]) -> Measurement {
    let mut details = BTreeMap::new();
    for (name, value) in runs.iter().flat_map(|run| &run.details) {
        *details.entry(name.clone()).or_default() += value;
    }
    Measurement {
        entries: runs.iter().map(|run| run.entries).sum(),
        seconds: runs.iter().map(|run| run.seconds).sum(),
        cpu_seconds: runs.iter().map(|run| run.cpu_seconds).sum(),
        memory_peak_bytes: runs.iter().map(|run| run.memory_peak_bytes).max().flatten(),
        written_bytes: runs.iter().map(|run| run.written_bytes).sum(),
        details,
    }
}

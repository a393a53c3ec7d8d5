//! `bench memory`: what a server keeps in memory must not grow with its ledger.

use std::fs;
use std::time::Duration;

use load::Pace;

use crate::arguments::MemoryOptions;
use crate::measurement::Measurement;
use crate::report::{Aim, Report, Row, Unit};
use crate::served::{Offer, Served};
use crate::step::{Step, StepCall};
use crate::{Failure, say};

const CONNECTIONS: u64 = 4;
const BATCH: u64 = 1_000;
const SEED: u64 = 2_026;
/// Signing and sealing go on for a moment after the last answer; memory is looked at when they are done.
const SETTLE: Duration = Duration::from_secs(3);

const AIM_GROWTH_MB: f64 = 100.0;

pub(crate) fn run(options: &MemoryOptions) -> Result<(), Failure> {
    fs::create_dir_all(&options.place.directory)?;
    let run = tempfile::tempdir_in(options.place.directory.canonicalize()?)?;
    let call = StepCall {
        program: Some(options.place.program()?),
        batch: BATCH,
        submitters: CONNECTIONS,
        ..StepCall::new(Step::Memory, run.path(), options.entries)
    };
    let measured = call.measure()?;
    let mut report = Report::new("memory", options.place.json);
    let (tenth, end) = (measured.detail("tenth_bytes")? / 1e6, measured.detail("end_bytes")? / 1e6);
    let after = |events: u64| format!("resident after {events} events");
    report.add(Row::new(&after(options.entries / 10), tenth, Unit::Megabytes));
    report.add(Row::new(&after(options.entries), end, Unit::Megabytes).resources(&measured));
    report.add(Row::new("growth", end - tenth, Unit::Megabytes).aim(Some(Aim::AtMost(AIM_GROWTH_MB))));
    report.note(format!(
        "The server's VmRSS, {} s after the last answer; {CONNECTIONS} connections, batches of {BATCH}.",
        SETTLE.as_secs()
    ));
    report.print()
}

/// Events are generated as they are sent: neither this process nor the disk holds them.
pub(crate) fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let program = call.program.as_ref().ok_or("no program is named")?;
    let server = Served::start(program, &call.directory)?;
    let tenth = call.entries / 10;
    let mut measurement = Measurement { entries: call.entries, ..Measurement::default() };
    for (name, events, seed) in [("tenth", tenth, SEED), ("end", call.entries - tenth, SEED + 1)] {
        let offer =
            Offer { connections: call.submitters, batch: call.batch, pace: Pace::Closed, events, seed };
        let outcome = server.take(offer)?;
        measurement.seconds += outcome.seconds;
        std::thread::sleep(SETTLE);
        let bytes = server.process().memory_bytes().ok_or("this system does not tell a process's memory")?;
        say(&format!("{} MB resident at {:.0} events/s", bytes / 1_000_000, outcome.acknowledged_per_second));
        measurement = measurement.with(format!("{name}_bytes"), bytes as f64);
    }
    measurement.memory_peak_bytes = server.process().memory_peak_bytes();
    server.stop()?;
    Ok(measurement)
}

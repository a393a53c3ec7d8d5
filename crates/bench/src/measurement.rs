//! What one measurement found, as it travels from the measuring process to the one that prints.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::resources::Process;

/// One measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// Events or entries that were worked on.
    pub(crate) entries: u64,
    /// Wall-clock seconds that it took.
    pub(crate) seconds: f64,
    /// User and system time in those seconds.
    pub(crate) cpu_seconds: Option<f64>,
    /// The most memory the process ever had resident.
    pub(crate) memory_peak_bytes: Option<u64>,
    /// Bytes sent to disks in those seconds.
    pub(crate) written_bytes: Option<u64>,
    /// What else was found, by name; the name ends in the unit.
    pub(crate) details: BTreeMap<String, f64>,
}

impl Measurement {
    /// Of work whose cost in CPU time is not told apart from that of what surrounds it.
    pub(crate) fn of(entries: u64, taken: Duration) -> Self {
        Self { entries, seconds: taken.as_secs_f64(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.details.insert(name.into(), value);
        self
    }

    /// Entries a second, by the wall clock.
    pub(crate) fn rate(&self) -> f64 {
        self.entries as f64 / self.seconds
    }

    /// Entries a second of CPU time; nothing where less was used than the clock can tell.
    pub(crate) fn rate_per_cpu_second(&self) -> Option<f64> {
        let seconds = self.cpu_seconds.filter(|seconds| *seconds > 0.0)?;
        Some(self.entries as f64 / seconds)
    }

    /// A detail that every measurement of its kind has.
    pub(crate) fn detail(&self, name: &str) -> Result<f64, crate::Failure> {
        self.details.get(name).copied().ok_or_else(|| format!("the measurement has no {name}").into())
    }

    /// A time that is kept in seconds, for each entry.
    pub(crate) fn micros_per_entry(&self, name: &str) -> Result<f64, crate::Failure> {
        Ok(self.detail(name)? * 1e6 / self.entries as f64)
    }
}

/// Wall clock, CPU time and bytes written from one moment on.
pub(crate) struct Stopwatch {
    process: Process,
    started: Instant,
    cpu_seconds: Option<f64>,
    written_bytes: Option<u64>,
}

impl Stopwatch {
    /// Of this process.
    pub(crate) fn start() -> Self {
        Self::of(Process::this())
    }

    /// Of another one, as far as it may be looked at.
    pub(crate) fn of(process: Process) -> Self {
        Self {
            cpu_seconds: process.cpu_seconds(),
            written_bytes: process.written_bytes(),
            started: Instant::now(),
            process,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn stop(&self, entries: u64) -> Measurement {
        let taken = self.elapsed();
        let used = self.cpu_seconds.zip(self.process.cpu_seconds()).map(|(before, after)| after - before);
        let written =
            self.written_bytes.zip(self.process.written_bytes()).map(|(before, after)| after - before);
        Measurement { cpu_seconds: used, written_bytes: written, ..Measurement::of(entries, taken) }
    }
}

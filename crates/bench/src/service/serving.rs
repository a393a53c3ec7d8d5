//! Events over HTTP into a new ledger: as fast as the connections go, then at half of that rate.

use load::{Latency, Pace};

use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::served::{Offer, Served};
use crate::step::StepCall;

const SEED: u64 = 2_026;

/// CPU time and memory are the server's; those of the generator are a detail.
pub(crate) fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let program = call.program.as_ref().ok_or("no program is named")?;
    let server = Served::start(program, &call.directory)?;
    let offer = Offer {
        connections: call.submitters,
        batch: call.batch,
        pace: Pace::Closed,
        events: call.entries,
        seed: SEED,
    };
    let generator = Stopwatch::start();
    let stopwatch = Stopwatch::of(server.process());
    let peak = server.take(offer)?;
    let used = stopwatch.stop(call.entries);
    let generator = generator.stop(call.entries);
    // The generator makes its first events before the clock starts; that is in its own time and in nobody else's.
    let mut measurement = Measurement { seconds: peak.seconds, ..used };
    if let Some(seconds) = generator.cpu_seconds {
        measurement = measurement.with("generator_seconds", seconds);
    }
    let half = Offer {
        pace: Pace::Open { events_per_second: peak.acknowledged_per_second / 2.0 },
        // As long as the first part took.
        events: (call.entries / 2).max(1),
        seed: SEED + 1,
        ..offer
    };
    let half = server.take(half)?;
    measurement.memory_peak_bytes = server.process().memory_peak_bytes();
    server.stop()?;
    let measurement = with_latency(measurement, "peak", peak.latency);
    let measurement = with_latency(measurement, "half", half.latency);
    Ok(measurement.with("half_per_second", half.acknowledged_per_second))
}

fn with_latency(measurement: Measurement, name: &str, latency: Latency) -> Measurement {
    measurement
        .with(format!("{name}_p50_ms"), latency.p50_ms)
        .with(format!("{name}_p99_ms"), latency.p99_ms)
        .with(format!("{name}_p999_ms"), latency.p999_ms)
}

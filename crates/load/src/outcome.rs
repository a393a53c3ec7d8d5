//! What a run found, and how it is printed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::tally::Tally;

/// Percentiles, in milliseconds; all are 0 where nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The 99.9th percentile.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Latency {
    /// Of a histogram in microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let millis = |micros: u64| micros as f64 / 1e3;
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self {
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: millis(histogram.max()),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50_ms, p90_ms, p99_ms, p999_ms, max_ms } = self;
        write!(
            formatter,
            "p50 {p50_ms:.2}  p90 {p90_ms:.2}  p99 {p99_ms:.2}  p99.9 {p999_ms:.2}  max {max_ms:.2} ms"
        )
    }
}

/// What a run found. Counts are of events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// What the events were generated from.
    pub seed: u64,
    /// From the start to the last answer.
    pub seconds: f64,
    /// Events that were sent.
    pub sent: u64,
    /// Those that a receipt came back for.
    pub acknowledged: u64,
    /// Of the acknowledged, those that were there before.
    pub duplicates: u64,
    /// Those that the server said it did not store.
    pub refused: u64,
    /// Those of which nobody knows whether they are stored.
    pub unknown: u64,
    /// Those that were due and not sent before the time was up.
    pub overdue: u64,
    /// Acknowledged events a second.
    pub acknowledged_per_second: f64,
    /// What an open loop asked for.
    pub target_per_second: Option<f64>,
    /// Acknowledged by target.
    pub achieved: Option<f64>,
    /// Of acknowledged requests, from when they were due; overdue ones count with how long they had waited.
    pub latency: Latency,
    /// How long after they were due requests were sent.
    pub sent_late: Latency,
    /// Sent events by the status and code of the answer, or by why there was none.
    pub by_status: BTreeMap<String, u64>,
}

impl Outcome {
    pub(crate) fn of(tally: Tally, seed: u64, taken: Duration, target_per_second: Option<f64>) -> Self {
        let seconds = taken.as_secs_f64();
        // A run that sent nothing took no time.
        let acknowledged_per_second = if seconds > 0.0 { tally.acknowledged as f64 / seconds } else { 0.0 };
        Self {
            seed,
            seconds,
            sent: tally.sent,
            acknowledged: tally.acknowledged,
            duplicates: tally.duplicates,
            refused: tally.refused,
            unknown: tally.unknown,
            overdue: tally.overdue,
            acknowledged_per_second,
            target_per_second,
            achieved: target_per_second.map(|target| acknowledged_per_second / target),
            latency: Latency::of(&tally.latency),
            sent_late: Latency::of(&tally.lateness),
            by_status: tally.by_label,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, seconds, sent, acknowledged, duplicates, refused, unknown, overdue, .. } = self;
        writeln!(formatter, "sent          {sent} events in {seconds:.2} s, seed {seed}")?;
        writeln!(
            formatter,
            "acknowledged  {acknowledged} ({:.0} events/s), {duplicates} of them duplicates",
            self.acknowledged_per_second
        )?;
        writeln!(formatter, "refused       {refused}")?;
        writeln!(formatter, "unknown       {unknown}")?;
        if let Some((target, achieved)) = self.target_per_second.zip(self.achieved) {
            writeln!(
                formatter,
                "target        {target:.0} events/s, {:.1} % achieved; {overdue} events were due and not sent",
                100.0 * achieved
            )?;
        }
        writeln!(formatter, "latency       {}", self.latency)?;
        if self.target_per_second.is_some() {
            writeln!(formatter, "sent late     {}", self.sent_late)?;
        }
        for (label, events) in &self.by_status {
            writeln!(formatter, "  {label}: {events} events")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Request;

    fn outcome(target_per_second: Option<f64>) -> Outcome {
        let mut tally = Tally::new();
        for micros in 1..=1_000 {
            let answered = Duration::from_micros(micros);
            let request = Request { events: 1, due: Duration::ZERO, sent: Duration::ZERO, answered };
            tally.count(&request, Ok((201, br#"[{"duplicate":false}]"#)));
        }
        Outcome::of(tally, 7, Duration::from_secs(2), target_per_second)
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let latency = outcome(None).latency;
        let found = [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms];
        assert_eq!(found.map(|millis| (millis * 1e3).round() as u64), [500, 900, 990, 999, 1_000]);
    }

    #[test]
    fn the_rate_is_held_against_the_target() {
        assert_eq!(outcome(None).achieved, None);
        let text = outcome(Some(1_000.0)).to_string();
        assert!(text.contains("acknowledged  1000 (500 events/s)"), "{text}");
        assert!(text.contains("target        1000 events/s, 50.0 % achieved; 0 events"), "{text}");
        assert!(text.contains("  201: 1000 events\n"), "{text}");
    }

    #[test]
    fn nothing_measured_is_no_time_and_no_rate() {
        let empty = Outcome::of(Tally::new(), 7, Duration::ZERO, None);
        assert_eq!(empty.latency, Latency::default());
        assert!(empty.to_string().contains("acknowledged  0 (0 events/s)"), "{empty}");
    }
}

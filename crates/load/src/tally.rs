//! What is counted while a run goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::answer::{Answer, Fate};
use crate::connection::Lost;

/// Latencies are kept in microseconds, to three digits, up to an hour; longer ones count as an hour.
const MICROS_MAX: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Events by what became of them, and times.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) duplicates: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
    /// Events whose request was due and never sent.
    pub(crate) overdue: u64,
    /// Events by status and code.
    pub(crate) by_label: BTreeMap<String, u64>,
    /// From when a request was due to the end of its answer.
    pub(crate) latency: Histogram<u64>,
    /// From when a request was due to when it was sent.
    pub(crate) lateness: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, MICROS_MAX, DIGITS)
                .unwrap_or_else(|error| unreachable!("the bounds are constants: {error}"))
        };
        Self {
            sent: 0,
            acknowledged: 0,
            duplicates: 0,
            refused: 0,
            unknown: 0,
            overdue: 0,
            by_label: BTreeMap::new(),
            latency: histogram(),
            lateness: histogram(),
        }
    }

    /// Counts one request. Latencies are those of acknowledged requests: refusing is fast and nobody waits for it.
    pub(crate) fn count(&mut self, request: &Request, answered: Result<(u16, &[u8]), Lost>) {
        let events = request.events;
        self.sent += events;
        record(&mut self.lateness, request.sent.saturating_sub(request.due));
        let answer = match answered {
            Ok((status, body)) => Answer::read(status, body, events),
            Err(lost) => Answer { fate: Fate::Unknown, label: lost.label().to_owned() },
        };
        match answer.fate {
            Fate::Acknowledged { duplicates } => {
                self.acknowledged += events;
                self.duplicates += duplicates;
                record(&mut self.latency, request.answered.saturating_sub(request.due));
            }
            Fate::Refused => self.refused += events,
            Fate::Unknown => self.unknown += events,
        }
        *self.by_label.entry(answer.label).or_default() += events;
    }

    /// Counts a request that was due and never sent: it had waited so long when the time was up.
    pub(crate) fn count_overdue(&mut self, waited: Duration, events: u64) {
        self.overdue += events;
        record(&mut self.latency, waited);
    }
}

/// A request that is over; all times from the start of the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) events: u64,
    pub(crate) due: Duration,
    pub(crate) sent: Duration,
    pub(crate) answered: Duration,
}

fn record(histogram: &mut Histogram<u64>, taken: Duration) {
    let micros = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX);
    histogram.saturating_record(micros.clamp(1, MICROS_MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Latency;
    use crate::schedule::{End, Pace, Schedule};

    const RECEIPT: &[u8] = br#"{"receipts":[{"duplicate":false}]}"#;
    const SERVICE: Duration = Duration::from_millis(1);

    /// One connection to a server that answers in a millisecond, except that it stalls for a second at the start.
    fn latency_of(pace: Pace) -> Latency {
        let mut schedule = Schedule::new(pace, End::After(Duration::from_secs(10)), 1);
        let mut tally = Tally::new();
        let mut now = Duration::ZERO;
        let mut stall = Duration::from_secs(1);
        while let Some(turn) = schedule.next(now) {
            let sent = now.max(turn.due);
            now = sent + SERVICE + std::mem::take(&mut stall);
            let request = Request { events: turn.events, due: turn.due, sent, answered: now };
            tally.count(&request, Ok((201, RECEIPT)));
        }
        Latency::of(&tally.latency)
    }

    #[test]
    fn an_open_loop_counts_a_stall_for_every_request_that_it_delays() {
        // 100 a second for 10 s: a hundred of a thousand requests were due during the stall, and those behind them
        // waited too. In a closed loop it is one request of thousands.
        let open = latency_of(Pace::Open { events_per_second: 100.0 });
        assert!((850.0..950.0).contains(&open.p99_ms), "{open:?}");
        assert!((100.0..200.0).contains(&open.p90_ms), "{open:?}");
        let closed = latency_of(Pace::Closed);
        assert!((0.9..1.1).contains(&closed.p999_ms), "{closed:?}");
        assert!(closed.max_ms > 1_000.0, "{closed:?}");
    }

    #[test]
    fn every_event_is_counted_once_and_only_acknowledged_ones_have_a_latency() {
        let mut tally = Tally::new();
        let request = Request { events: 1, due: SERVICE, sent: SERVICE * 3, answered: SERVICE * 6 };
        tally.count(&request, Ok((201, RECEIPT)));
        tally.count(&request, Ok((503, br#"{"error":{"code":"overloaded"}}"#)));
        tally.count(&request, Err(Lost::Disconnected));
        tally.count_overdue(SERVICE, 5);
        assert_eq!((tally.sent, tally.acknowledged, tally.refused, tally.unknown), (3, 1, 1, 1));
        assert_eq!(tally.overdue, 5);
        let labels: Vec<_> = tally.by_label.iter().map(|(label, events)| (label.as_str(), *events)).collect();
        assert_eq!(labels, [("201", 1), ("503 overloaded", 1), ("connection lost", 1)]);
        assert_eq!((tally.latency.len(), tally.lateness.len()), (2, 3));
        assert_eq!(tally.latency.max() / 1_000, 5);
        assert_eq!(tally.lateness.max() / 1_000, 2);
    }

    #[test]
    fn a_time_beyond_the_histogram_counts_as_its_end() {
        let mut tally = Tally::new();
        tally.count_overdue(Duration::from_secs(1_000_000), 1);
        assert!(tally.latency.max() >= MICROS_MAX);
    }
}

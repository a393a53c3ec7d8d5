//! When each request is due. Pure: the caller brings the time, counted from the start of the run.

use std::time::Duration;

/// How load is offered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The next request as soon as a connection is free.
    Closed,
    /// So many events a second, whether or not the server keeps up; above 0.
    Open {
        /// Events, not requests.
        events_per_second: f64,
    },
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After so many events were sent.
    Events(u64),
    /// When so much time has passed; requests under way are waited for.
    After(Duration),
}

/// One request that may be sent now or is to be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// When it is due, from the start of the run. In a closed loop that is when it was asked for.
    pub(crate) due: Duration,
    /// Events in it.
    pub(crate) events: u64,
}

/// Hands out requests in the order in which they are due.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pace: Pace,
    end: End,
    batch: u64,
    requests: u64,
}

impl Schedule {
    /// Requests of `batch` events each; the last one has what is left.
    pub(crate) fn new(pace: Pace, end: End, batch: u64) -> Self {
        Self { pace, end, batch, requests: 0 }
    }

    /// The next request, or `None` when all were handed out or the time is up.
    pub(crate) fn next(&mut self, now: Duration) -> Option<Turn> {
        if matches!(self.end, End::After(end) if now >= end) {
            return None;
        }
        let turn = self.turn(self.requests, now)?;
        self.requests += 1;
        Some(turn)
    }

    /// What was due before the time was up and is not handed out any more: how long each request had waited by then,
    /// and its events. Only an open loop that the server did not keep up with has any.
    pub(crate) fn overdue(&self) -> impl Iterator<Item = (Duration, u64)> {
        let end = match (self.pace, self.end) {
            (Pace::Open { .. }, End::After(end)) => Some(end),
            _ => None,
        };
        let overdue = move |end: Duration| {
            let turns = (self.requests..).map_while(move |request| self.turn(request, end));
            turns.map(move |turn| (end.saturating_sub(turn.due), turn.events))
        };
        end.into_iter().flat_map(overdue)
    }

    fn turn(&self, request: u64, now: Duration) -> Option<Turn> {
        let events = match self.end {
            End::Events(events) => self.batch.min(events.saturating_sub(request.saturating_mul(self.batch))),
            End::After(_) => self.batch,
        };
        let due = match self.pace {
            Pace::Closed => now,
            Pace::Open { events_per_second } => {
                let seconds = (request * self.batch) as f64 / events_per_second;
                // A rate so low that its next event lies beyond any clock: it is never due.
                Duration::try_from_secs_f64(seconds).ok()?
            }
        };
        let is_late = matches!((self.pace, self.end), (Pace::Open { .. }, End::After(end)) if due >= end);
        (events > 0 && !is_late).then_some(Turn { due, events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn open(events_per_second: f64) -> Pace {
        Pace::Open { events_per_second }
    }

    #[test]
    fn an_open_loop_is_due_by_the_clock_and_not_by_who_asks() {
        let mut schedule = Schedule::new(open(1_000.0), End::Events(25), 10);
        let turns: Vec<_> = std::iter::from_fn(|| schedule.next(millis(500))).collect();
        let due: Vec<_> = turns.iter().map(|turn| turn.due).collect();
        assert_eq!(due, [millis(0), millis(10), millis(20)]);
        assert_eq!(turns.iter().map(|turn| turn.events).collect::<Vec<_>>(), [10, 10, 5]);
    }

    #[test]
    fn a_closed_loop_is_due_when_it_is_asked_for() {
        let mut schedule = Schedule::new(Pace::Closed, End::After(millis(10)), 1);
        assert_eq!(schedule.next(millis(7)), Some(Turn { due: millis(7), events: 1 }));
        assert_eq!(schedule.next(millis(10)), None);
        assert_eq!(schedule.overdue().count(), 0);
    }

    #[test]
    fn what_was_due_and_not_sent_is_overdue_with_the_time_it_waited() {
        let mut schedule = Schedule::new(open(100.0), End::After(millis(50)), 1);
        assert_eq!(schedule.next(millis(0)).map(|turn| turn.due), Some(millis(0)));
        assert_eq!(schedule.next(millis(45)).map(|turn| turn.due), Some(millis(10)));
        assert_eq!(schedule.next(millis(50)), None);
        let overdue: Vec<_> = schedule.overdue().collect();
        assert_eq!(overdue, [(millis(30), 1), (millis(20), 1), (millis(10), 1)]);
    }

    #[test]
    fn nothing_is_overdue_when_the_server_kept_up() {
        let mut schedule = Schedule::new(open(100.0), End::After(millis(30)), 1);
        let due: Vec<_> = std::iter::from_fn(|| schedule.next(millis(20))).map(|turn| turn.due).collect();
        assert_eq!(due, [millis(0), millis(10), millis(20)]);
        assert_eq!(schedule.overdue().count(), 0);
    }

    #[test]
    fn a_rate_beyond_any_clock_is_never_due() {
        let mut schedule = Schedule::new(open(1e-30), End::Events(2), 1);
        assert_eq!(schedule.next(millis(0)).map(|turn| turn.due), Some(millis(0)));
        assert_eq!(schedule.next(millis(0)), None);
    }
}

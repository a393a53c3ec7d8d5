//! What happens by itself: archive runs at the policy's times, also after a restart; and the end of operations that
//! nobody completes.

use std::time::{Duration, Instant};

use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Expected, Row, Table};

use crate::actor::Actor;
use crate::archiving::{ArchiveReport, ArchiveRun, Window};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;
use crate::policy::RunSchedule;
use crate::progress::NoProgress;

/// The row of the last run that the schedule counts.
const SCHEDULE_KEY: &str = "archive_schedule";
/// How often the schedule looks at the clock, at least.
const TICK: Duration = Duration::from_secs(20);
/// Wall time that moves this much against monotonic time, or a head this far in the future, is not believed.
const CLOCK_DOUBT_MICROS: i64 = 300 * 1_000_000;
/// 2^7 ticks are about 43 minutes.
const FAILURES_COUNTED_MAX: u32 = 7;
const MICROS_PER_MINUTE: i64 = 60 * 1_000_000;

/// The last run that the schedule counts as done, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counted {
    /// The UTC day it counts for.
    day: String,
    started_at: Timestamp,
}

/// Compares wall time with monotonic time.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    started: Instant,
    started_at: Timestamp,
}

impl ClockWatch {
    /// Begins at this wall time.
    pub(crate) fn start(started_at: Timestamp) -> Self {
        Self { started: Instant::now(), started_at }
    }

    /// Why the wall clock is not believed, if so.
    pub(crate) fn doubt(&self, now: Timestamp, head: Timestamp) -> Option<String> {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        let moved = now.micros().saturating_sub(self.started_at.micros()).saturating_sub(elapsed);
        if moved.saturating_abs() > CLOCK_DOUBT_MICROS {
            return Some(format!("the wall clock moved by {} s since the start", moved / 1_000_000));
        }
        (head.micros().saturating_sub(now.micros()) > CLOCK_DOUBT_MICROS)
            .then(|| format!("the newest entry was recorded at {head}, which is in the future"))
    }
}

impl Engine {
    /// Runs the archive when it is due, and times operations out, until it is dropped. Dropping it in the middle of a
    /// run is safe: the next run goes on where this one was.
    pub async fn run_schedule(&self) {
        // Its own, beginning now: whatever moved the clock before, no run has yet gone by it.
        let watch = ClockWatch::start(self.ledger().now());
        tokio::join!(self.archive_by_schedule(&watch), self.time_out_by_schedule(&watch));
    }

    async fn archive_by_schedule(&self, watch: &ClockWatch) {
        let clock = &self.ledger().inner.clock;
        let tick = match self.ledger().inner.policy.archive_schedule {
            RunSchedule::Daily { .. } => TICK,
            RunSchedule::Every { seconds } => TICK.min(Duration::from_secs(seconds.max(1))),
        };
        let (mut skip_ticks, mut failures) = (0_u32, 0_u32);
        loop {
            if skip_ticks > 0 {
                skip_ticks -= 1;
                tokio::time::sleep(tick).await;
                continue;
            }
            let head = self.ledger().view().head.recorded_at;
            match watch.doubt(clock.now(), head) {
                Some(reason) => tracing::error!(reason, "audit_retention_stopped: the clock is in doubt"),
                // A run that failed has said so itself.
                None => match self.archive_if_due().await {
                    Ok(_) => failures = 0,
                    // Somebody is at it: what is left of the day's run is looked at with the next tick.
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    Err(_) => {
                        // What failed is tried again later and later, up to about an hour.
                        failures = (failures + 1).min(FAILURES_COUNTED_MAX);
                        skip_ticks = 1 << failures;
                    }
                },
            }
            tokio::time::sleep(tick).await;
        }
    }

    /// One look at the schedule; answers the report if a run was due and came to its end. A run that policy forbids,
    /// because retention is frozen or runs are switched off, counts as done; one that failed is due again.
    pub async fn archive_if_due(&self) -> Result<Option<ArchiveReport>> {
        let policy = &self.ledger().inner.policy;
        let started_at = self.ledger().now();
        if self.ledger().inner.destinations.is_empty() {
            return Ok(None);
        }
        let counted = self.ledger().counted_run().await?;
        if let Some(counted) = counted.as_ref().filter(|counted| counted.started_at > started_at) {
            let last = counted.started_at;
            tracing::warn!(%last, "audit_retention_stopped: the last run began at a time still to come");
        }
        if !is_due(policy.archive_schedule, started_at, counted.as_ref()) {
            return Ok(None);
        }
        let counted = Counted { day: started_at.day().to_string(), started_at };
        if !policy.archive_enabled {
            tracing::info!("audit_retention_skipped: archive runs are switched off (retention.enabled)");
            self.count_run(&counted).await?;
            return Ok(None);
        }
        let run = ArchiveRun { window: Window::Policy, limit: None, dry_run: false, forced: false };
        let outcome = self.archive_run(&run, &Actor::system(), &NoProgress).await;
        let refused = matches!(&outcome, Err(error) if error.kind() == ErrorKind::Refused);
        if outcome.is_ok() || refused {
            self.count_run(&counted).await?;
        }
        if refused { Ok(None) } else { outcome.map(Some) }
    }

    async fn count_run(&self, counted: &Counted) -> Result<()> {
        let body = serde_json::to_string(counted).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "a task's run cannot be written", error)
        })?;
        let row = Row { key: SCHEDULE_KEY.into(), body };
        Ok(self.ledger().store().put_transient(Table::TaskRun, row, Expected::Anything).await?)
    }
}

impl Ledger {
    async fn counted_run(&self) -> Result<Option<Counted>> {
        let Some(body) = self.row_body(Table::TaskRun, SCHEDULE_KEY).await? else { return Ok(None) };
        serde_json::from_str(&body).map(Some).map_err(|error| corrupt_row("task_run", SCHEDULE_KEY, error))
    }

    /// When the next run is due by the policy; a time that has passed is: as soon as somebody looks.
    pub(crate) async fn next_run_at(&self) -> Result<Option<Timestamp>> {
        let counted = self.counted_run().await?;
        Ok(next_run(self.inner.policy.archive_schedule, self.now(), counted.as_ref()))
    }
}

fn is_due(schedule: RunSchedule, now: Timestamp, counted: Option<&Counted>) -> bool {
    next_run(schedule, now, counted).is_some_and(|due| due <= now)
}

/// When the next run is due. With a daily time that is the first day after the last run's, from today on.
fn next_run(schedule: RunSchedule, now: Timestamp, counted: Option<&Counted>) -> Option<Timestamp> {
    match (schedule, counted) {
        (RunSchedule::Every { .. }, None) => Some(now),
        (RunSchedule::Every { seconds }, Some(counted)) => {
            let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            Timestamp::from_micros(counted.started_at.micros().saturating_add(micros))
        }
        (RunSchedule::Daily { at_minutes }, counted) => {
            let mut day = now.day();
            if let Some(counted) = counted
                && counted.day >= day.to_string()
            {
                // A clock that was set back does not run the same day twice.
                day = counted.started_at.max(now).checked_add_days(1)?.day();
            }
            Timestamp::from_micros(day.start().micros() + i64::from(at_minutes) * MICROS_PER_MINUTE)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use event::Timestamp;

    use super::{ClockWatch, Counted, is_due, next_run};
    use crate::policy::RunSchedule;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn counted(text: &str) -> Counted {
        Counted { day: time(text).day().to_string(), started_at: time(text) }
    }

    #[test]
    fn d5_a_run_is_due_once_a_utc_day_at_its_time() {
        let due = |now: &str, last: Option<&str>| {
            is_due(RunSchedule::Daily { at_minutes: 150 }, time(now), last.map(counted).as_ref())
        };
        assert!(!due("2026-03-02T02:29:59.999999Z", Some("2026-03-01T02:30:07Z")));
        assert!(due("2026-03-02T02:30:00Z", Some("2026-03-01T23:00:00Z")));
        assert!(!due("2026-03-02T23:59:59Z", Some("2026-03-02T02:30:07Z")));
        assert!(due("2026-03-02T12:00:00Z", None));
        assert!(!due("2026-03-02T01:00:00Z", None));
        // A clock that was set back does not run the same day twice.
        assert!(!due("2026-03-01T12:00:00Z", Some("2026-03-02T02:30:00Z")));
    }

    #[test]
    fn d5_a_run_is_due_so_many_seconds_after_the_last_one_began() {
        let due = |now: &str, last: Option<&str>| {
            is_due(RunSchedule::Every { seconds: 600 }, time(now), last.map(counted).as_ref())
        };
        assert!(due("2026-03-02T12:00:00Z", None));
        assert!(!due("2026-03-02T12:09:59.999999Z", Some("2026-03-02T12:00:00Z")));
        assert!(due("2026-03-02T12:10:00Z", Some("2026-03-02T12:00:00Z")));
        assert!(!due("2026-03-02T11:00:00Z", Some("2026-03-02T12:00:00Z")));
    }

    #[test]
    fn the_next_run_is_told() {
        let daily = RunSchedule::Daily { at_minutes: 150 };
        let next = |now: &str, last: Option<&str>| next_run(daily, time(now), last.map(counted).as_ref());
        assert_eq!(next("2026-03-02T01:00:00Z", None), Some(time("2026-03-02T02:30:00Z")));
        assert_eq!(
            next("2026-03-02T03:00:00Z", Some("2026-03-02T02:30:01Z")),
            Some(time("2026-03-03T02:30:00Z"))
        );
    }

    #[test]
    fn a_clock_that_jumps_or_a_head_in_the_future_is_not_believed() {
        let start = time("2026-03-02T12:00:00Z");
        let watch = ClockWatch { started: Instant::now(), started_at: start };
        assert_eq!(watch.doubt(start, start), None);
        assert!(watch.doubt(time("2026-03-02T12:10:00Z"), start).is_some());
        assert!(watch.doubt(time("2026-03-02T11:50:00Z"), time("2026-03-02T11:50:00Z")).is_some());
        assert!(watch.doubt(start, time("2026-03-02T12:10:00Z")).is_some());
    }
}

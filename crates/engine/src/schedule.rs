//! What happens by itself: archive runs once a UTC day, at the policy's time, also after a restart; and the end of
//! operations that nobody completes.

use std::time::{Duration, Instant};

use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Expected, Row, Table};

use crate::actor::Actor;
use crate::archiving::{ArchiveReport, ArchiveRun, Window};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::progress::NoProgress;

/// The row of the last scheduled run.
pub(crate) const ARCHIVE_TASK_KEY: &str = "archive";
/// How often the schedule looks at the clock.
const TICK: Duration = Duration::from_secs(20);
/// Wall time that moves this much against monotonic time, or a head this far in the future, is not believed.
const CLOCK_DOUBT_MICROS: i64 = 300 * 1_000_000;
/// 2^7 ticks are about 43 minutes.
const FAILURES_COUNTED_MAX: u32 = 7;
const MICROS_PER_MINUTE: i64 = 60 * 1_000_000;

/// The last scheduled run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LastRun {
    /// The UTC day it counts for.
    day: String,
    started_at: Timestamp,
    ended_at: Timestamp,
    error: Option<String>,
    report: Option<serde_json::Value>,
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
    /// Runs the archive once a UTC day, and times operations out, until it is dropped. Dropping it in the middle of a
    /// run is safe: the next run goes on where this one was.
    pub async fn run_schedule(&self) {
        // Its own, beginning now: whatever moved the clock before, no run has yet gone by it.
        let watch = ClockWatch::start(self.ledger().now());
        tokio::join!(self.archive_by_schedule(&watch), self.time_out_by_schedule(&watch));
    }

    async fn archive_by_schedule(&self, watch: &ClockWatch) {
        let clock = &self.ledger().inner.clock;
        let (mut skip_ticks, mut failures) = (0_u32, 0_u32);
        loop {
            if skip_ticks > 0 {
                skip_ticks -= 1;
                tokio::time::sleep(TICK).await;
                continue;
            }
            let head = self.ledger().view().head.recorded_at;
            match watch.doubt(clock.now(), head) {
                Some(reason) => tracing::error!(reason, "audit_retention_stopped: the clock is in doubt"),
                None => match self.run_if_due().await {
                    Ok(_) => failures = 0,
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "audit_retention_failed");
                        // What failed is tried again later and later, up to about an hour.
                        failures = (failures + 1).min(FAILURES_COUNTED_MAX);
                        skip_ticks = 1 << failures;
                    }
                },
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// One look at the schedule; answers the report if a run was due.
    pub(crate) async fn run_if_due(&self) -> Result<Option<ArchiveReport>> {
        let policy = &self.ledger().inner.policy;
        let started_at = self.ledger().now();
        if self.ledger().inner.destinations.is_empty() {
            return Ok(None);
        }
        let last = self.last_scheduled_run().await?;
        let last_day = last.as_ref().map(|last| last.day.as_str());
        if let Some(day) = last_day.filter(|day| *day > started_at.day().to_string().as_str()) {
            tracing::warn!(day, "audit_retention_stopped: the last run was for a day that is still to come");
        }
        let Some(day) = due_day(started_at, policy.run_at_minutes, last_day) else { return Ok(None) };
        let run = ArchiveRun { window: Window::Policy, limit: None, dry_run: false, forced: false };
        let outcome = self.archive_run(&run, &Actor::system(), &NoProgress).await;
        // A day on which nothing may be archived counts as done; a run that failed is tried again.
        let refused = matches!(&outcome, Err(error) if error.kind() == ErrorKind::Refused);
        if outcome.is_ok() || refused {
            let last = LastRun {
                day,
                started_at,
                ended_at: self.ledger().now(),
                error: outcome.as_ref().err().map(ToString::to_string),
                report: outcome.as_ref().ok().map(|report| serde_json::json!(report)),
            };
            let body = serde_json::to_string(&last).map_err(|error| {
                Error::with_source(ErrorKind::Internal, "a task's run cannot be written", error)
            })?;
            self.ledger()
                .store()
                .put_transient(Table::TaskRun, Row { key: ARCHIVE_TASK_KEY.into(), body }, Expected::Anything)
                .await?;
        }
        if refused { Ok(None) } else { outcome.map(Some) }
    }

    async fn last_scheduled_run(&self) -> Result<Option<LastRun>> {
        let rows = self.ledger().store().rows(Table::TaskRun, ARCHIVE_TASK_KEY, None, 1).await?;
        let parse = |row: Row| {
            serde_json::from_str(&row.body).map_err(|error| corrupt_row("task_run", &row.key, error))
        };
        rows.into_iter().next().map(parse).transpose()
    }
}

/// The UTC day whose run is due: its time has come and the last run was for an earlier day.
fn due_day(now: Timestamp, run_at_minutes: u16, last_day: Option<&str>) -> Option<String> {
    let today = now.day();
    let due_at = today.start().micros() + i64::from(run_at_minutes) * MICROS_PER_MINUTE;
    let day = today.to_string();
    (now.micros() >= due_at && last_day.is_none_or(|last| last < day.as_str())).then_some(day)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use event::Timestamp;

    use super::{ClockWatch, due_day};

    fn time(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn d5_a_run_is_due_once_a_utc_day_at_its_time() {
        let due = |now: &str, last| due_day(time(now), 150, last);
        assert_eq!(due("2026-03-02T02:29:59.999999Z", Some("2026-03-01")), None);
        assert_eq!(due("2026-03-02T02:30:00Z", Some("2026-03-01")), Some("2026-03-02".into()));
        assert_eq!(due("2026-03-02T23:59:59Z", Some("2026-03-02")), None);
        assert_eq!(due("2026-03-02T12:00:00Z", None), Some("2026-03-02".into()));
        // A clock that was set back does not run the same day twice.
        assert_eq!(due("2026-03-01T12:00:00Z", Some("2026-03-02")), None);
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

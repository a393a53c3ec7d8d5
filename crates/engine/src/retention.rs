//! The state of retention: what the policy is, what was done by it, what is left to do.

use event::Timestamp;
use serde::Serialize;

use crate::archiving::{ARCHIVE_LEASE_KEY, DestinationState, LastRun, RunUnderWay};
use crate::engine::Engine;
use crate::error::Result;
use crate::freeze::Freeze;
use crate::lease::LeaseRow;
use crate::ledger::Ledger;
use crate::policy::RunSchedule;

/// Everything there is to know about retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionStatus {
    /// What the operator decided.
    pub policy: RetentionPolicy,
    /// Why nothing is archived, pruned or expired, if so.
    pub frozen: Option<Freeze>,
    /// When runs happen by themselves.
    pub schedule: ScheduleStatus,
    /// The last run, by schedule or by hand.
    pub last_run: Option<LastRun>,
    /// The run that has not ended.
    pub under_way: Option<RunUnderWay>,
    /// What is past the window and not archived; `None` without a destination.
    pub backlog: Option<Backlog>,
    /// What is known of each destination.
    pub destinations: Vec<DestinationState>,
}

/// The policy's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionPolicy {
    /// Days that an entry stays hot.
    pub hot_days: u32,
    /// At most so many entries are archived and pruned in one run.
    pub entries_max: u64,
    /// At most so many entries are pruned in one transaction.
    pub transaction_entries: u64,
    /// Days that the dedup keys of pruned entries are kept.
    pub dedup_days: u32,
}

/// When runs happen by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleStatus {
    /// Whether they do.
    pub enabled: bool,
    /// The UTC time of day as HH:MM, of a daily schedule.
    pub run_at: Option<String>,
    /// Seconds from one run's beginning to the next, of the other kind.
    pub every_seconds: Option<u64>,
    /// When the next one is due; `None` where none is.
    pub next_run_at: Option<Timestamp>,
}

/// Entries past the window that no batch covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// How many.
    pub entries: u64,
    /// Seconds for which the oldest of them has been past it.
    pub seconds: u64,
}

impl Ledger {
    /// The state of retention, from the store: what another process does, as it last said.
    pub async fn retention_status(&self) -> Result<RetentionStatus> {
        let policy = &self.inner.policy;
        let last_run = self.last_archive_run().await?;
        let is_on = policy.archive_enabled && !self.inner.destinations.is_empty();
        let (run_at, every_seconds) = match policy.archive_schedule {
            RunSchedule::Daily { at_minutes } => {
                (Some(format!("{:02}:{:02}", at_minutes / 60, at_minutes % 60)), None)
            }
            RunSchedule::Every { seconds } => (None, Some(seconds)),
        };
        let next_run_at = if is_on { self.next_run_at().await? } else { None };
        let schedule = ScheduleStatus { enabled: policy.archive_enabled, run_at, every_seconds, next_run_at };
        let leased = self.lease(ARCHIVE_LEASE_KEY).await?.map(|(row, _)| row);
        Ok(RetentionStatus {
            policy: RetentionPolicy {
                hot_days: policy.hot_days.days(),
                entries_max: policy.entries_max,
                transaction_entries: policy.transaction_entries,
                dedup_days: policy.dedup_days,
            },
            frozen: self.frozen().await?,
            schedule,
            destinations: self.destination_states(last_run.as_ref()),
            last_run,
            under_way: leased.filter(|row| row.until > self.now()).map(RunUnderWay::from),
            backlog: self.archive_lag().await?,
        })
    }
}

impl Engine {
    /// The state of retention. Of a run in this process it is told how far it is now.
    pub async fn retention_status(&self) -> Result<RetentionStatus> {
        let mut status = self.ledger().retention_status().await?;
        if let Some(under_way) = &mut status.under_way
            && let Some((_, step)) = self.inner.run.step()
        {
            under_way.step = step;
        }
        Ok(status)
    }
}

impl From<LeaseRow> for RunUnderWay {
    fn from(row: LeaseRow) -> Self {
        Self { holder: row.holder, started_at: row.since, until: row.until, step: row.step }
    }
}

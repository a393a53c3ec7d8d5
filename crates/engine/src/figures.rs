//! The engine's numbers for whoever watches it, and the write that shows whether it works at all. Names and formats are
//! the watcher's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use event::Timestamp;
use serde::Deserialize;
use serde_json::json;
use store::{Row, RowChange, SegmentState, Table};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::gauges::Histogram;
use crate::ledger::Ledger;
use crate::plan::Work;
use crate::schedule::ARCHIVE_TASK_KEY;

/// The row that readiness is written to.
const READY_KEY: &str = "ready";
/// A backlog that is longer holds more than an archive run's own receipts, whatever is in it.
const RECEIPTS_LOOKED_AT_MAX: u64 = 1_000;

/// Numbers from memory. Counters begin at 0 when the ledger is opened.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Entries ever.
    pub tree_size: u64,
    /// Producers' batches that were taken in.
    pub batches: u64,
    /// Events that became entries.
    pub events: u64,
    /// Events that were there before.
    pub duplicates: u64,
    /// Events that wait to be committed.
    pub waiting_events: u64,
    /// About their bytes in memory.
    pub waiting_bytes: u64,
    /// The most that may wait.
    pub waiting_bytes_max: u64,
    /// Bytes of the lines that were committed, without newlines.
    pub line_bytes: u64,
    /// Commits that the store refused or did not answer.
    pub commits_failed: u64,
    /// Microseconds from handing a commit to the store to its answer that it is durable.
    pub commit_micros: Histogram,
    /// Entries of a commit that had any.
    pub commit_entries: Histogram,
    /// Acknowledged entries that the store did not hold when it was read back. Anything but 0 is a disaster.
    pub entries_lost: u64,
    /// Entries under the newest checkpoint.
    pub checkpoint_size: u64,
    /// When it was signed; for one that was there when the ledger was opened, when that was.
    pub checkpoint_at: Option<Timestamp>,
    /// Segments with an index.
    pub segments_sealed: u64,
    /// Segments of which nothing is hot.
    pub segments_dropped: u64,
    /// Archive runs that came to their end.
    pub archive_completed: u64,
    /// Archive runs that policy forbade.
    pub archive_refused: u64,
    /// Archive runs that failed.
    pub archive_failed: u64,
    /// Entries that were archived.
    pub archived_entries: u64,
    /// Hot copies that were pruned.
    pub pruned_entries: u64,
}

/// Numbers that the store has to be asked for. `None` is: never, or not known.
#[derive(Debug, Clone, Default)]
pub struct Upkeep {
    /// Entries past the hot window that are not archived yet; `None` without a destination.
    pub archive_lag_entries: Option<u64>,
    /// Seconds for which the oldest of them has been past it.
    pub archive_lag_seconds: Option<u64>,
    /// When the last scheduled archive run ended.
    pub archive_run_at: Option<Timestamp>,
    /// Whether the last verification found nothing.
    pub verified_ok: Option<bool>,
    /// When it was.
    pub verified_at: Option<Timestamp>,
    /// When everything was last read and found good.
    pub fully_verified_at: Option<Timestamp>,
}

impl Engine {
    /// Numbers from memory.
    pub fn figures(&self) -> Figures {
        let ledger = self.ledger();
        let gauges = &ledger.inner.gauges;
        let view = ledger.view();
        let segments = |state| view.segments.iter().filter(|segment| segment.state == state).count() as u64;
        let read = |gauge: &AtomicU64| gauge.load(Relaxed);
        Figures {
            tree_size: view.head.size(),
            batches: read(&gauges.batches),
            events: read(&gauges.events),
            duplicates: read(&gauges.duplicates),
            waiting_events: read(&gauges.waiting_events),
            waiting_bytes: read(&gauges.waiting_bytes),
            waiting_bytes_max: ledger.inner.policy.queue_bytes_max,
            line_bytes: read(&gauges.line_bytes),
            commits_failed: read(&gauges.commits_failed),
            commit_micros: gauges.commit_latency(),
            commit_entries: gauges.commit_sizes(),
            entries_lost: read(&gauges.entries_lost),
            checkpoint_size: read(&gauges.checkpoint_size),
            checkpoint_at: Timestamp::from_micros(gauges.checkpoint_at.load(Relaxed)),
            segments_sealed: segments(SegmentState::Sealed),
            segments_dropped: segments(SegmentState::Dropped),
            archive_completed: read(&gauges.archive_completed),
            archive_refused: read(&gauges.archive_refused),
            archive_failed: read(&gauges.archive_failed),
            archived_entries: read(&gauges.archived_entries),
            pruned_entries: read(&gauges.pruned_entries),
        }
    }

    /// Numbers that the store has to be asked for.
    pub async fn upkeep(&self) -> Result<Upkeep> {
        let ledger = self.ledger();
        let mut upkeep = Upkeep { archive_run_at: ledger.archive_run_at().await?, ..Upkeep::default() };
        if let Some(report) = ledger.last_verification().await? {
            upkeep.verified_ok = Some(report.ok);
            upkeep.verified_at = report.verified_at;
            upkeep.fully_verified_at = report.last_full_verified_at;
        }
        if let Some((entries, seconds)) = ledger.archive_lag().await? {
            upkeep.archive_lag_entries = Some(entries);
            upkeep.archive_lag_seconds = Some(seconds);
        }
        Ok(upkeep)
    }

    /// Writes one row durably, the way that entries go: through the queue and a commit, without an entry. What this
    /// fails with is what a producer would be told now.
    pub async fn write_readiness(&self) -> Result<()> {
        let body = json!({ "written_at": self.ledger().now() }).to_string();
        let rows = vec![RowChange::Put(Table::TaskRun, Row { key: READY_KEY.into(), body })];
        let bytes = rows.len() * size_of::<Row>();
        self.submit(Work { rows, ..Work::default() }, bytes, None).await.map(|_| ())
    }
}

#[derive(Deserialize)]
struct Ended {
    ended_at: Timestamp,
}

impl Ledger {
    async fn archive_run_at(&self) -> Result<Option<Timestamp>> {
        let rows = self.store().rows(Table::TaskRun, ARCHIVE_TASK_KEY, None, 1).await?;
        let Some(row) = rows.into_iter().find(|row| row.key == ARCHIVE_TASK_KEY) else { return Ok(None) };
        let ended: Ended = serde_json::from_str(&row.body).map_err(|error| {
            Error::with_source(ErrorKind::Corrupt, "the row of the last archive run cannot be read", error)
        })?;
        Ok(Some(ended.ended_at))
    }

    /// Entries past the window that no batch covers, and how long the first of them has been.
    async fn archive_lag(&self) -> Result<Option<(u64, u64)>> {
        if self.inner.destinations.is_empty() {
            return Ok(None);
        }
        let Some(cutoff) = event::retention::cutoff(self.now(), self.inner.policy.hot_days) else {
            return Ok(None);
        };
        let batches = self.batch_rows().await?;
        let archived = batches.iter().rfind(|row| row.completed.is_some());
        let first = archived.map_or(0, |row| row.plan.last_seq + 1);
        let behind = self.older_than(first, self.tree_size(), cutoff).await?;
        let entries = behind.end - behind.start;
        let nothing = entries == 0
            // What archive runs write about themselves makes no batch, so it is not behind.
            || (entries <= RECEIPTS_LOOKED_AT_MAX && self.only_receipts(behind.clone()).await?);
        if nothing {
            return Ok(Some((0, 0)));
        }
        let oldest = self.recorded_at(behind.start).await?;
        let seconds = cutoff.micros().saturating_sub(oldest.micros()) / 1_000_000;
        Ok(Some((entries, u64::try_from(seconds).unwrap_or(0))))
    }
}

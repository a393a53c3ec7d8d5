//! One run. A failure before the batch is recorded leaves the hot copy untouched and the plan resumable; a failure
//! after it resumes at pruning.

use std::ops::Range;
use std::time::Instant;

use archive::{BatchId, BatchPlan};
use serde_json::json;

use super::batch::BatchRow;
use super::{ArchiveReport, ArchiveRun};
use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

impl Engine {
    pub(super) async fn archive_once(
        &self,
        run: &ArchiveRun,
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<ArchiveReport> {
        let started = Instant::now();
        let _one_at_a_time = self.inner.archiving.lock().await;
        let ledger = self.ledger();
        if !run.forced && !ledger.inner.policy.archive_enabled {
            return Err(Error::new(ErrorKind::Refused, "archive runs are switched off (retention.enabled)"));
        }
        if ledger.inner.destinations.is_empty() {
            let message = "no archive destination is configured: add an [[archive]] section to the settings";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let cutoff = ledger.cutoff(run)?;
        let mut report =
            ArchiveReport { cutoff: Some(cutoff), dry_run: run.dry_run, ..ArchiveReport::default() };
        let rows = ledger.batch_rows().await?;
        if run.dry_run {
            let range = self.select(run, &rows, &mut report).await?;
            report.archived = range.end - range.start;
            report.ok = true;
        } else {
            self.finish_earlier(&rows, actor, progress, &mut report).await?;
            self.release_restored(actor, progress, &mut report).await?;
            let rows = ledger.batch_rows().await?;
            self.clear_staging(&rows)?;
            let range = self.select(run, &rows, &mut report).await?;
            if !range.is_empty() {
                let row = self.plan_batch(&range, &rows, actor).await?;
                self.complete(row, actor, progress, &mut report).await?;
            }
            self.expire_keys().await?;
            report.ok = true;
        }
        report.duration_ms = started.elapsed().as_millis() as u64;
        tracing::info!(
            considered = report.considered,
            archived = report.archived,
            verified = report.verified,
            pruned = report.pruned,
            batches = report.batches,
            bytes = report.bytes,
            duration_ms = report.duration_ms,
            dry_run = report.dry_run,
            "audit_retention_completed"
        );
        Ok(report)
    }

    /// The range that a new batch would have.
    async fn select(
        &self,
        run: &ArchiveRun,
        rows: &[BatchRow],
        report: &mut ArchiveReport,
    ) -> Result<Range<u64>> {
        let ledger = self.ledger();
        // Only what is under a signed checkpoint may be archived and pruned.
        let signed = if run.dry_run {
            ledger.checkpoint().await?.map_or(0, |checkpoint| checkpoint.size)
        } else {
            self.checkpoint().await?.size
        };
        let first = rows.last().map_or(0, |row| row.plan.last_seq + 1);
        let Some(cutoff) = report.cutoff else { return Ok(first..first) };
        let range = ledger.older_than(first, signed, cutoff).await?;
        let entries_max = run.limit.unwrap_or(u64::MAX).min(ledger.inner.policy.entries_max);
        let range = range.start..range.end.min(range.start.saturating_add(entries_max));
        if !run.forced && ledger.only_receipts(range.clone()).await? {
            return Ok(first..first);
        }
        report.considered += range.end - range.start;
        Ok(range)
    }

    /// Batches that an earlier run planned or proved and did not finish.
    async fn finish_earlier(
        &self,
        rows: &[BatchRow],
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        for row in rows {
            if row.is_complete() {
                self.prune_batch(row, actor, progress, report).await?;
            } else {
                report.considered += row.plan.entries();
                self.complete(row.clone(), actor, progress, report).await?;
            }
        }
        Ok(())
    }

    /// Removes what completed batches left staged: those whose run ended between recording them and cleaning up.
    fn clear_staging(&self, rows: &[BatchRow]) -> Result<()> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot clear the staging directory {}", self.inner.staging.display());
            Error::with_source(ErrorKind::Unavailable, message, error)
        };
        let staged = match std::fs::read_dir(&self.inner.staging) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            staged => staged.map_err(failed)?,
        };
        for directory in staged {
            let directory = directory.map_err(failed)?;
            let name = directory.file_name();
            if rows.iter().any(|row| row.is_complete() && name == row.plan.id.as_str()) {
                std::fs::remove_dir_all(directory.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Commits the plan before anything is written, so that there is exactly one manifest for the range, ever.
    async fn plan_batch(&self, range: &Range<u64>, rows: &[BatchRow], actor: &Actor) -> Result<BatchRow> {
        let created_at = self.ledger().inner.clock.now();
        let previous = match rows.last() {
            None => None,
            Some(BatchRow { completed: Some(completed), .. }) => Some(completed.manifest.clone()),
            Some(BatchRow { completed: None, .. }) => {
                return Err(Error::new(ErrorKind::Internal, "the batch before is not complete"));
            }
        };
        let plan = BatchPlan {
            id: BatchId::new(created_at, self.random()),
            origin: self.ledger().identity().origin.clone(),
            created_at,
            first_seq: range.start,
            last_seq: range.end - 1,
            previous,
        };
        let row = BatchRow { plan, completed: None };
        let details = json!({ "first_seq": row.plan.first_seq, "last_seq": row.plan.last_seq });
        let id = row.plan.id.to_string();
        self.state_change("archive.batch.planned", actor, ("batch", &id), details, vec![row.put()?], None)
            .await?;
        Ok(row)
    }
}

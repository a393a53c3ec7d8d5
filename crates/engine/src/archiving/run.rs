//! One run. A failure before the batch is recorded leaves the hot copy untouched and the plan resumable; a failure
//! after it resumes at pruning.

use std::ops::Range;
use std::time::Instant;

use archive::{BatchId, BatchPlan};
use serde_json::json;

use super::batch::BatchRow;
use super::discarding::Discarding;
use super::under_way::Told;
use super::{ArchiveReport, ArchiveRun};
use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

impl Engine {
    /// Archives what is past the window, proves the copies, and prunes the hot ones. One run at a time over all
    /// processes: beside another it is a [`ErrorKind::Conflict`] that says who does it. Dropping it in the middle is
    /// safe: the next run goes on where this one was.
    pub async fn archive_run(
        &self,
        run: &ArchiveRun,
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<ArchiveReport> {
        let started = Instant::now();
        let started_at = self.ledger().now();
        let mut report = ArchiveReport { dry_run: run.dry_run, ..ArchiveReport::default() };
        if !run.forced && !self.ledger().inner.policy.archive_enabled {
            return Err(Error::new(ErrorKind::Refused, "archive runs are switched off (retention.enabled)"));
        }
        let outcome = self.check_and_run(run, actor, progress, &mut report).await;
        report.ok = outcome.is_ok();
        report.duration_ms = started.elapsed().as_millis() as u64;
        log_outcome(&outcome, &report);
        // Nothing ran where another run is under way, and where somebody asked for what cannot be.
        let ran = match outcome.as_ref().map_err(Error::kind) {
            Err(ErrorKind::Conflict) => report.began(),
            Err(ErrorKind::Invalid) => report.began() || !run.forced,
            _ => true,
        };
        if !run.dry_run && ran {
            self.ledger().inner.gauges.archive_ran(&outcome, &report);
            self.note_run(started_at, run.forced.then_some(actor), &outcome, &report).await;
        }
        outcome.map(|()| report)
    }

    async fn check_and_run(
        &self,
        run: &ArchiveRun,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let ledger = self.ledger();
        ledger.refuse_when_frozen().await?;
        if ledger.inner.destinations.is_empty() {
            let message = "no archive destination is configured: add an [[archive]] section to the settings";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        report.cutoff = Some(ledger.cutoff(run)?);
        if run.dry_run {
            let rows = ledger.batch_rows().await?;
            let range = self.select(run, &rows, report).await?;
            let planned = if ledger.discards() { &mut report.discarded } else { &mut report.archived };
            *planned = range.end - range.start;
            return Ok(());
        }
        let running = self.begin_run().await?;
        tracing::info!(
            by_hand = run.forced,
            actor = %actor,
            cutoff = report.cutoff.map(tracing::field::display),
            "audit_retention_started"
        );
        let told = Told { state: &self.inner.run, to: progress };
        let outcome = {
            // On the heap: the steps of a run are too large to be part of every future that awaits one.
            let work = Box::pin(self.archive_once(run, actor, &told, report));
            tokio::select! {
                biased;
                outcome = work => outcome,
                lost = self.keep_lease() => Err(lost),
            }
        };
        self.end_run(running).await;
        outcome
    }

    async fn archive_once(
        &self,
        run: &ArchiveRun,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let ledger = self.ledger();
        // Before anything is written: what breaks a promise gets no evidence.
        for destination in ledger.destinations() {
            destination.prove().await?;
        }
        let rows = ledger.batch_rows().await?;
        self.finish_earlier(&rows, actor, progress, report).await?;
        self.release_restored(actor, progress, report).await?;
        let rows = ledger.batch_rows().await?;
        self.clear_staging(&rows)?;
        let range = self.select(run, &rows, report).await?;
        if !range.is_empty() {
            let row = self.plan_batch(&range, &rows, actor).await?;
            self.complete(row, actor, progress, report).await?;
        }
        self.may_go_on().await?;
        self.expire_keys().await
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
            if row.done_at().is_some() {
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
        self.ledger().refuse_mixing(rows)?;
        let created_at = self.ledger().inner.clock.now();
        let previous = match rows.last() {
            None => None,
            Some(row) if row.is_discarded() => None,
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
        let discarding = self.ledger().discards().then(Discarding::default);
        let row = BatchRow { plan, completed: None, discarding };
        let details = json!({ "first_seq": row.plan.first_seq, "last_seq": row.plan.last_seq });
        let id = row.plan.id.to_string();
        let rows = vec![row.put()?];
        self.change_of_run("archive.batch.planned", actor, ("batch", &id), details, rows, None).await?;
        let (first_seq, last_seq) = (row.plan.first_seq, row.plan.last_seq);
        tracing::info!(batch = id, first_seq, last_seq, "audit_archive_planned");
        Ok(row)
    }
}

fn log_outcome(outcome: &Result<()>, report: &ArchiveReport) {
    match outcome {
        Ok(()) => tracing::info!(
            considered = report.considered,
            archived = report.archived,
            verified = report.verified,
            unverified = report.unverified,
            pruned = report.pruned,
            held = report.held,
            actors_deleted = report.actors_deleted,
            batches = report.batches,
            bytes = report.bytes,
            cutoff = report.cutoff.map(tracing::field::display),
            duration_ms = report.duration_ms,
            dry_run = report.dry_run,
            "audit_retention_completed"
        ),
        Err(error) if error.kind() == ErrorKind::Refused => {
            tracing::warn!(error = error as &dyn std::error::Error, "audit_retention_frozen");
        }
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tracing::info!(reason = %error, "audit_retention_skipped");
        }
        Err(error) => tracing::error!(
            archived = report.archived,
            verified = report.verified,
            unverified = report.unverified,
            pruned = report.pruned,
            duration_ms = report.duration_ms,
            error = error as &dyn std::error::Error,
            "audit_retention_failed"
        ),
    }
}

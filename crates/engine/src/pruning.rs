//! Deleting hot copies that a proven batch covers, with a receipt for each transaction; and the dedup keys whose
//! time is up.

use std::ops::Range;

use event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Row, RowChange, Table};

use crate::actor::Actor;
use crate::archiving::{ArchiveReport, BatchRow};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// Dedup keys looked at in one step of their expiry.
const KEYS_AT_ONCE: usize = 10_000;
/// At most so many bytes are given back to the operating system in one run.
const RECLAIM_BYTES_MAX: u64 = 256 << 20;
/// … and so many in one transaction.
const RECLAIM_STEP_BYTES: u64 = 8 << 20;

/// What one pruning transaction deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrunedRow {
    pub(crate) batch: String,
    /// First and last seq of each deleted run, inclusive.
    pub(crate) ranges: Vec<[u64; 2]>,
}

impl Engine {
    /// Prunes what is still hot of a recorded batch, in bounded transactions.
    pub(crate) async fn prune_batch(
        &self,
        row: &BatchRow,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let plan = &row.plan;
        let left = self.ledger().view().pruned.gaps(plan.first_seq..plan.size());
        if left.is_empty() {
            return Ok(());
        }
        report.batch = Some(plan.id.to_string());
        progress.begin("pruning", Some(left.iter().map(|range| range.end - range.start).sum()));
        for range in left {
            let step = self.ledger().inner.policy.transaction_entries.max(1);
            let mut next = range.start;
            while next < range.end {
                let end = range.end.min(next.saturating_add(step));
                self.prune(plan.id.as_str(), next..end, actor).await?;
                report.pruned += end - next;
                progress.advance(end - next);
                next = end;
            }
        }
        progress.end();
        self.reclaim().await
    }

    /// Gives freed space back in small steps: commits go on between them.
    pub(crate) async fn reclaim(&self) -> Result<()> {
        let mut given_back = 0;
        while given_back < RECLAIM_BYTES_MAX {
            match self.ledger().store().reclaim(RECLAIM_STEP_BYTES).await? {
                0 => break,
                bytes => given_back += bytes,
            }
        }
        Ok(())
    }

    /// One transaction: the hot copies go and their receipt comes.
    async fn prune(&self, batch: &str, range: Range<u64>, actor: &Actor) -> Result<()> {
        let signed = self.ledger().checkpoint().await?.map_or(0, |checkpoint| checkpoint.size);
        if range.end > signed {
            let message =
                format!("entries up to {} are not all signed (up to {signed}): nothing pruned", range.end);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        // Held from here to the commit: a segment that is sealed in between would keep an index of nothing.
        let _segments = self.inner.segment_changes.lock().await;
        let prune = self.ledger().view().prune(vec![range.clone()]);
        let row = PrunedRow { batch: batch.to_owned(), ranges: vec![[range.start, range.end - 1]] };
        let body = serde_json::to_string(&row)
            .map_err(|error| Error::with_source(ErrorKind::Internal, "a receipt cannot be written", error))?;
        let change = RowChange::Put(Table::Pruned, Row { key: format!("{:020}", range.start), body });
        let details = json!({ "ranges": row.ranges, "entries": range.end - range.start });
        self.state_change("ledger.pruned", actor, ("batch", batch), details, vec![change], Some(prune))
            .await?;
        Ok(())
    }

    /// Deletes the dedup keys of entries that are pruned and were recorded longer ago than the policy keeps keys.
    pub(crate) async fn expire_keys(&self) -> Result<()> {
        let ledger = self.ledger();
        let now = ledger.inner.clock.now();
        let Some(cutoff) = now.checked_sub_days(i64::from(ledger.inner.policy.dedup_days)) else {
            return Ok(());
        };
        let Some(end) = self.keys_expire_before(cutoff).await? else { return Ok(()) };
        let mut after = None;
        loop {
            let rows = ledger.store().keys_after(after, KEYS_AT_ONCE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.key);
            let expired: Vec<store::Key> = {
                let view = ledger.view();
                let gone = rows.iter().filter(|row| row.seq < end && view.pruned.contains(row.seq));
                gone.map(|row| row.key).collect()
            };
            if !expired.is_empty() {
                ledger.store().delete_keys(expired).await?;
            }
        }
    }

    /// Entries below this seq were recorded before the cutoff: the end of the newest batch that was archived
    /// before it, which errs on the side of keeping keys longer.
    async fn keys_expire_before(&self, cutoff: Timestamp) -> Result<Option<u64>> {
        let rows = self.ledger().batch_rows().await?;
        let old = rows
            .iter()
            .filter(|row| row.completed.as_ref().is_some_and(|completed| completed.archived_at < cutoff));
        Ok(old.map(|row| row.plan.size()).max())
    }
}

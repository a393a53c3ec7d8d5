//! The destination `null:`: what has aged is recorded as discarded, and pruned with receipts. Nothing is staged or
//! written.
//!
//! The ledger's own entries stay hot: they attest control rows, receipts among them, and there is no copy to read them
//! from. So every deletion can still be shown to have been one, and nobody can pass a loss off as discarding.

use std::ops::Range;

use archive::Destination;
use event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ArchiveReport;
use super::batch::BatchRow;
use crate::actor::Actor;
use crate::attestation::is_own;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Ledger, chunk_of};
use crate::progress::Progress;

/// A batch that goes nowhere. Planned as such: a plan that may have a manifest somewhere never becomes one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Discarding {
    /// When its entries were given up; `None` while it is only planned.
    pub(crate) discarded_at: Option<Timestamp>,
    /// The ledger's own entries in it, which stay hot.
    pub(crate) kept: u64,
}

impl Ledger {
    /// Whether what has aged is discarded.
    pub(crate) fn discards(&self) -> bool {
        self.inner.destinations.iter().any(Destination::is_null)
    }

    /// One ledger is archived or discarded, never both by turns: an archive that begins with a gap proves nothing, and
    /// batches that no destination is configured for could not be read.
    pub(super) fn refuse_mixing(&self, rows: &[BatchRow]) -> Result<()> {
        let discards = self.discards();
        let Some(other) = rows.iter().find(|row| row.discarding.is_some() != discards) else { return Ok(()) };
        let message = if discards {
            format!(
                "batch {} is in an archive: `null:` would leave it without its destination, nothing was discarded; \
                 configure that destination again",
                other.plan.id
            )
        } else {
            format!(
                "batch {} was discarded: an archive that begins after it could never be verified, nothing was \
                 archived; go on with `null:`, or start a new ledger",
                other.plan.id
            )
        };
        Err(Error::new(ErrorKind::Refused, message))
    }

    /// Entries below this were discarded, but for the ledger's own; `None` where nothing was.
    pub async fn discarded_through(&self) -> Result<Option<u64>> {
        Ok(discarded_end(&self.batch_rows().await?))
    }

    /// The batch that an entry was discarded with.
    pub(crate) async fn discarded_batch_of(&self, seq: u64) -> Result<Option<BatchRow>> {
        let rows = self.batch_rows().await?;
        let covers = |row: &BatchRow| (row.plan.first_seq..row.plan.size()).contains(&seq);
        Ok(rows.into_iter().find(|row| row.is_discarded() && covers(row)))
    }
}

/// Where the discarded batches, which begin at the first entry, end.
pub(crate) fn discarded_end(rows: &[BatchRow]) -> Option<u64> {
    let mut end = None;
    for row in rows {
        if !row.is_discarded() || row.plan.first_seq != end.unwrap_or(0) {
            break;
        }
        end = Some(row.plan.size());
    }
    end
}

impl Engine {
    /// From a committed plan to pruning, with nothing in between but the record of it.
    pub(super) async fn discard(
        &self,
        row: BatchRow,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let plan = row.plan.clone();
        let id = plan.id.to_string();
        report.batch = Some(id.clone());
        let going = self.discardable(std::iter::once(plan.first_seq..plan.size())).await?;
        let kept = plan.entries() - going.iter().map(|range| range.end - range.start).sum::<u64>();
        let discarded_at = Some(self.ledger().inner.clock.now());
        let row = BatchRow { discarding: Some(Discarding { discarded_at, kept }), ..row };
        let details = json!({
            "first_seq": plan.first_seq,
            "last_seq": plan.last_seq,
            "entries": plan.entries(),
            "kept": kept,
        });
        let changes = vec![row.put()?];
        self.change_of_run("archive.batch.discarded", actor, ("batch", &id), details, changes, None).await?;
        report.discarded += plan.entries() - kept;
        report.batches += 1;
        tracing::warn!(batch = id, entries = plan.entries() - kept, "audit_archive_discarded");
        self.prune_batch(&row, actor, progress, report).await
    }

    /// What of these ranges goes when it is discarded: the hot entries that are not the ledger's own.
    pub(crate) async fn discardable(
        &self,
        ranges: impl IntoIterator<Item = Range<u64>, IntoIter: Send> + Send,
    ) -> Result<Vec<Range<u64>>> {
        let mut going: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            let mut next = range.start;
            while next < range.end {
                let entries = self.ledger().store().entries(chunk_of(next..range.end)).await?;
                let Some(last) = entries.last() else { break };
                next = last.seq + 1;
                for entry in entries.iter().filter(|entry| !is_own(&entry.line)) {
                    match going.last_mut().filter(|range| range.end == entry.seq) {
                        Some(range) => range.end += 1,
                        None => going.push(entry.seq..entry.seq + 1),
                    }
                }
            }
        }
        Ok(going)
    }
}

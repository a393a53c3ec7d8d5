//! Restored copies whose days are over are pruned again, each transaction with its receipt.

use serde_json::json;
use store::{RowChange, Table};

use super::row::{RestoredRow, restored_rows};
use crate::actor::Actor;
use crate::archiving::ArchiveReport;
use crate::engine::Engine;
use crate::error::Result;
use crate::freeze::not_frozen;
use crate::progress::Progress;
use crate::state_change::Change;

impl Engine {
    /// Prunes what was restored until now or earlier. The archive still has all of it: it was pruned before.
    pub(crate) async fn release_restored(
        &self,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let now = self.ledger().now();
        let mut over = restored_rows(self.ledger().store()).await?;
        over.retain(|row| row.until <= now);
        if over.is_empty() {
            return Ok(());
        }
        progress.begin("releasing", Some(over.iter().map(RestoredRow::entries).sum()));
        for row in &over {
            self.release(row, actor).await?;
            report.pruned += row.entries();
            progress.advance(row.entries());
        }
        progress.end();
        self.reclaim().await
    }

    async fn release(&self, row: &RestoredRow, actor: &Actor) -> Result<()> {
        let _segments = self.inner.segment_changes.lock().await;
        let prune = self.ledger().view().prune(row.seqs().collect());
        let change = RowChange::Delete(Table::Restored, row.row_key());
        let details = json!({
            "ranges": row.ranges, "entries": row.entries(), "restored_until": row.until.to_string(),
        });
        let (kind, id) = row.origin.target();
        let change = Change {
            rows: vec![change],
            prune: Some(prune),
            // A freeze that was committed before stops it.
            expected: vec![not_frozen()],
            ..Change::default()
        };
        self.change_if_expected("ledger.pruned", actor, (kind, &id), details, change).await?;
        Ok(())
    }
}

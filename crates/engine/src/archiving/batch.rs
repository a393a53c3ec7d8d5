//! The catalogue of batches: a row for each, written before the first byte of the batch is.

use archive::{BatchPlan, ManifestRef};
use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Row, RowChange, Table};

use super::discarding::Discarding;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;
use crate::seq_set::SeqSet;

/// A batch's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchRow {
    pub(crate) plan: BatchPlan,
    /// Filled when every destination has confirmed.
    pub(crate) completed: Option<Completed>,
    /// Set where there is no destination to confirm anything: the batch goes nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) discarding: Option<Discarding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Completed {
    pub(crate) archived_at: Timestamp,
    pub(crate) manifest: ManifestRef,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_uncompressed: u64,
}

impl BatchRow {
    pub(crate) fn is_complete(&self) -> bool {
        self.completed.is_some()
    }

    /// Whether its entries were given up.
    pub(crate) fn is_discarded(&self) -> bool {
        self.done_at().is_some() && !self.is_complete()
    }

    /// When it was recorded as archived or discarded; from then on its entries may be pruned.
    pub(crate) fn done_at(&self) -> Option<Timestamp> {
        let discarded = || self.discarding.as_ref()?.discarded_at;
        self.completed.as_ref().map(|completed| completed.archived_at).or_else(discarded)
    }

    /// Rows sort by where the batch begins.
    pub(crate) fn row_key(&self) -> String {
        format!("{:020}", self.plan.first_seq)
    }

    pub(crate) fn put(&self) -> Result<RowChange> {
        let body = serde_json::to_string(self).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "a batch row cannot be written", error)
        })?;
        Ok(RowChange::Put(Table::Batch, Row { key: self.row_key(), body }))
    }

    pub(super) fn summary(&self, pruned: &SeqSet) -> BatchSummary {
        let plan = &self.plan;
        let state = match &self.completed {
            None if self.is_discarded() => "discarded",
            None => "writing",
            Some(_) if pruned.covers(&(plan.first_seq..plan.last_seq + 1)) => "pruned",
            Some(_) => "archived",
        };
        let completed = self.completed.as_ref();
        BatchSummary {
            batch: plan.id.to_string(),
            state,
            first_seq: plan.first_seq,
            last_seq: plan.last_seq,
            entries: plan.entries(),
            archived_at: completed.map(|completed| completed.archived_at),
            objects: completed.map_or(0, |completed| completed.objects),
            bytes: completed.map_or(0, |completed| completed.bytes),
            bytes_uncompressed: completed.map_or(0, |completed| completed.bytes_uncompressed),
            manifest_key: completed.map(|completed| completed.manifest.key.clone()),
            manifest_sha256: completed.map(|completed| completed.manifest.sha256.to_string()),
        }
    }
}

/// A batch as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchSummary {
    /// Its id.
    pub batch: String,
    /// `writing`, `archived` (proven, still hot in part), `pruned`, or `discarded` (given up without a copy).
    pub state: &'static str,
    /// First entry.
    pub first_seq: u64,
    /// Last entry, inclusive.
    pub last_seq: u64,
    /// How many.
    pub entries: u64,
    /// When every destination had confirmed.
    pub archived_at: Option<Timestamp>,
    /// Objects in it.
    pub objects: u64,
    /// Stored bytes of the objects.
    pub bytes: u64,
    /// Bytes of the lines in them.
    pub bytes_uncompressed: u64,
    /// Where its manifest is, relative to each destination.
    pub manifest_key: Option<String>,
    /// Hex SHA-256 of the manifest.
    pub manifest_sha256: Option<String>,
}

impl Ledger {
    /// The catalogue, oldest batch first.
    pub async fn batches(&self) -> Result<Vec<BatchSummary>> {
        let rows = self.batch_rows().await?;
        let view = self.view();
        Ok(rows.iter().map(|row| row.summary(&view.pruned)).collect())
    }

    pub(crate) async fn batch_rows(&self) -> Result<Vec<BatchRow>> {
        let parse =
            |row: Row| serde_json::from_str(&row.body).map_err(|error| corrupt_row("batch", &row.key, error));
        self.all_rows(Table::Batch, "").await?.into_iter().map(parse).collect()
    }
}

//! One batch looked at closely: its row, its objects, and whether each destination still has its manifest.

use archive::{Digest, MANIFEST_BYTES_MAX, ManifestObject};
use event::Timestamp;
use serde::Serialize;

use super::batch::{BatchRow, BatchSummary};
use crate::error::{Error, Result};
use crate::ledger::Ledger;

/// A batch with everything that the catalogue and the destinations say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchDetail {
    /// As the catalogue lists it.
    #[serde(flatten)]
    pub summary: BatchSummary,
    /// When it was planned.
    pub created_at: Timestamp,
    /// Where the manifest of the batch before it is.
    pub previous_manifest_key: Option<String>,
    /// Its objects; none while it is being written.
    pub objects_listed: Vec<ManifestObject>,
    /// The manifest at each destination; none while it is being written.
    pub manifests: Vec<ManifestState>,
}

/// A manifest at a destination, held against the hash that the ledger has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestState {
    /// The destination's name.
    pub destination: String,
    /// Whether what is there is what was written.
    pub ok: bool,
    /// Hex SHA-256 of what is there, if it could be read.
    pub sha256: Option<String>,
    /// What is wrong.
    pub problem: Option<String>,
}

impl BatchDetail {
    /// Whether every destination has the manifest that was written.
    pub fn is_ok(&self) -> bool {
        self.manifests.iter().all(|manifest| manifest.ok)
    }
}

impl Ledger {
    /// A batch by its id; reads its manifest at each destination, and no object.
    pub async fn batch(&self, id: &str) -> Result<Option<BatchDetail>> {
        let rows = self.batch_rows().await?;
        let Some(row) = rows.into_iter().find(|row| row.plan.id.as_str() == id) else { return Ok(None) };
        let summary = row.summary(&self.view().pruned);
        Ok(Some(BatchDetail {
            summary,
            created_at: row.plan.created_at,
            previous_manifest_key: row.plan.previous.as_ref().map(|previous| previous.key.clone()),
            objects_listed: self.objects_of(id).await?,
            manifests: self.manifest_states(&row).await,
        }))
    }

    async fn manifest_states(&self, row: &BatchRow) -> Vec<ManifestState> {
        let Some(completed) = &row.completed else { return Vec::new() };
        let mut states = Vec::new();
        for destination in &self.inner.destinations {
            let read = destination.read_at_most(&completed.manifest.key, MANIFEST_BYTES_MAX).await;
            let (sha256, problem) = match read {
                Ok(bytes) => {
                    let digest = Digest::of(&bytes);
                    let differs = digest != completed.manifest.sha256;
                    let problem = "its SHA-256 is not the one that the ledger recorded: run verify";
                    (Some(digest.to_string()), differs.then(|| problem.to_owned()))
                }
                Err(error) => (None, Some(Error::from(error).with_causes())),
            };
            let destination = destination.name().to_owned();
            states.push(ManifestState { destination, ok: problem.is_none(), sha256, problem });
        }
        states
    }
}

//! The plan of a batch: decided once, stored before the first write, resumed byte for byte.

use event::Timestamp;
use merkle::{Checkpoint, Hash};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::BatchId;

/// A manifest as another manifest points at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestRef {
    /// Its key, relative to the destination's prefix.
    pub key: String,
    /// SHA-256 of its stored bytes.
    pub sha256: Digest,
}

/// What a batch will hold. Everything that is written for it follows from the plan and the ledger's lines,
/// so a run that was interrupted anywhere arrives at the same names and the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPlan {
    /// The batch's name.
    pub id: BatchId,
    /// The ledger's origin, as in its checkpoints.
    pub origin: String,
    /// When the plan was made.
    pub created_at: Timestamp,
    /// The first entry of the batch.
    pub first_seq: u64,
    /// The last entry of the batch, inclusive.
    pub last_seq: u64,
    /// The manifest of the batch before; `None` for the ledger's first.
    pub previous: Option<ManifestRef>,
}

impl BatchPlan {
    /// The tree size the batch ends at, which is the size of its checkpoint.
    pub fn size(&self) -> u64 {
        self.last_seq.saturating_add(1)
    }

    /// How many entries the batch has.
    pub fn entries(&self) -> u64 {
        self.size().saturating_sub(self.first_seq)
    }

    /// The batch's own checkpoint, to be signed by the ledger. Its one extension line, `batch <batch id>`,
    /// says that these entries were archived: whoever holds a copy can tell an archive that was cut short
    /// from one that simply has not come that far.
    pub fn checkpoint(&self, root: Hash) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: self.size(),
            root,
            extensions: vec![batch_extension(&self.id)],
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.last_seq < self.first_seq || self.last_seq == u64::MAX {
            return Err(Error::Invalid(format!(
                "batch {} is planned for the entries {} to {}, which is no range",
                self.id, self.first_seq, self.last_seq
            )));
        }
        if self.previous.is_some() != (self.first_seq > 0) {
            return Err(Error::Invalid(format!(
                "batch {} starts at entry {} and {} a batch before it",
                self.id,
                self.first_seq,
                if self.previous.is_some() { "names" } else { "does not name" }
            )));
        }
        Ok(())
    }
}

/// The extension line of a batch's checkpoint.
pub(crate) fn batch_extension(id: &BatchId) -> String {
    format!("batch {id}")
}

/// Whether a checkpoint is a batch's own, by its extension line.
pub(crate) fn is_batch_checkpoint(checkpoint: &Checkpoint) -> bool {
    checkpoint
        .extensions
        .iter()
        .any(|line| line.strip_prefix("batch ").is_some_and(|id| BatchId::parse(id).is_ok()))
}

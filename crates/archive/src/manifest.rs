//! The signed manifest of a batch (`docs/formats/archive.md`, "Manifest").

mod open;

use std::collections::BTreeMap;

use event::{Day, Stream, Timestamp};
use merkle::NoteSigner;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::{BatchId, ENCRYPTED_SUFFIX, encrypted_object_key, object_key};
use crate::plan::{BatchPlan, ManifestRef};
pub use open::ManifestProblem;

/// The largest manifest that is read, in bytes.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// One object of a batch. The members are in the order of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestObject {
    /// Where it is, relative to the destination's prefix.
    pub key: String,
    /// The stream of all its entries.
    pub stream: Stream,
    /// The tenant of all its entries.
    pub tenant: String,
    /// The UTC day of `recorded_at` of all its entries.
    pub day: Day,
    /// How many entries it has, at least 1.
    pub entries: u64,
    /// The first entry's sequence number.
    pub first_seq: u64,
    /// The last entry's sequence number.
    pub last_seq: u64,
    /// The least `occurred_at` of its entries.
    pub first_occurred_at: Timestamp,
    /// The greatest `occurred_at` of its entries.
    pub last_occurred_at: Timestamp,
    /// Stored size in bytes.
    pub bytes: u64,
    /// Size of the lines with their newlines, in bytes.
    pub bytes_uncompressed: u64,
    /// SHA-256 of the stored bytes.
    pub sha256: Digest,
    /// Byte offset, before any encryption, and first sequence number of each gzip member, in order.
    pub members: Vec<(u64, u64)>,
}

impl ManifestObject {
    /// Whether it is stored encrypted, which its key says.
    pub fn is_encrypted(&self) -> bool {
        self.key.ends_with(ENCRYPTED_SUFFIX)
    }

    /// The key that an object of these facts has as part `part` of its group.
    pub(crate) fn derived_key(&self, batch: &BatchId, part: Option<u16>) -> String {
        let (stream, tenant, day) = (self.stream, &self.tenant, self.day);
        if self.is_encrypted() {
            encrypted_object_key(batch, stream, tenant, day, part, &self.sha256)
        } else {
            object_key(batch, stream, tenant, day, part)
        }
    }
}

/// The text of a manifest. Its order of members is the order in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: Format,
    /// The ledger's origin.
    pub origin: String,
    /// The batch's name.
    pub batch: BatchId,
    /// When the batch was planned.
    pub created_at: Timestamp,
    /// The first entry.
    pub first_seq: u64,
    /// The last entry, inclusive.
    pub last_seq: u64,
    /// How many entries: `last_seq - first_seq + 1`.
    pub entries: u64,
    /// The manifest of the batch before; `None` for the first.
    pub previous: Option<ManifestRef>,
    /// The signed checkpoint of size `last_seq + 1`, a note.
    pub checkpoint: String,
    /// The batch's objects, sorted by key.
    pub objects: Vec<ManifestObject>,
    /// How far each projection had come when the batch was written: name to tree size.
    pub projections: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "strongroom-batch/1")]
    Batch1,
}

impl Manifest {
    /// The manifest of a finished batch. `checkpoint` is the signed note of [`BatchPlan::checkpoint`];
    /// whether all of it holds together is checked by [`Self::open`], which the writer runs too.
    pub fn new(
        plan: &BatchPlan,
        objects: Vec<ManifestObject>,
        checkpoint: String,
        projections: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            format: Format::Batch1,
            origin: plan.origin.clone(),
            batch: plan.id.clone(),
            created_at: plan.created_at,
            first_seq: plan.first_seq,
            last_seq: plan.last_seq,
            entries: plan.entries(),
            previous: plan.previous.clone(),
            checkpoint,
            objects,
            projections,
        }
    }

    /// The one line of JSON and its newline: the text that is signed.
    pub fn to_text(&self) -> Result<String> {
        let mut text =
            serde_json::to_string(self).map_err(|error| Error::Internal(format!("a manifest: {error}")))?;
        text.push('\n');
        Ok(text)
    }

    /// The whole signed note, as it is stored. The same manifest and key give the same bytes.
    pub fn sign(&self, signer: &NoteSigner) -> Result<String> {
        signer.sign(&self.to_text()?).map_err(|error| {
            Error::Invalid(format!("the manifest of {} cannot be signed: {error}", self.batch))
        })
    }

    /// Where it is stored.
    pub fn key(&self) -> String {
        self.batch.manifest_key()
    }

    /// The tree size the batch ends at.
    pub fn size(&self) -> u64 {
        self.last_seq.saturating_add(1)
    }
}

//! The signed note of what an expiry destroys (`docs/formats/archive.md`, "Expiry notes").
//!
//! It is written before anything goes, and it keeps the leaf hash of every entry: so the tree over what is left can
//! still be built, and everything else in the archive still be proven.

mod open;

use bytes::Bytes;
use event::Timestamp;
use merkle::{Hash, KeyRing, NoteSigner, encode_base64};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::destination::Destination;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::BatchId;
use crate::manifest::ManifestObject;
use crate::plan::ManifestRef;

/// The largest expiry note that is read, in bytes.
pub const EXPIRY_NOTE_BYTES_MAX: u64 = 128 << 20;

/// How an expiry note's key ends.
pub const EXPIRY_SUFFIX: &str = ".expired";

/// The text of an expiry note. Its order of members is the order in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiryNote {
    format: Format,
    /// The ledger's origin.
    pub origin: String,
    /// The note's own name, in the form of a batch id.
    pub expiry: BatchId,
    /// When it was decided.
    pub created_at: Timestamp,
    /// A size the ledger's tree had by then; a key must count for it to sign the note.
    pub tree_size: u64,
    /// The batch that the objects belong to.
    pub batch: BatchId,
    /// The how-many-eth note of the batch this is, from 1.
    pub number: u64,
    /// The batch's manifest.
    pub manifest: ManifestRef,
    /// What is destroyed, sorted by key.
    pub objects: Vec<ExpiredObject>,
}

/// One object that an expiry destroys. The members are in the order of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpiredObject {
    /// Where it was, as in the manifest.
    pub key: String,
    /// SHA-256 of the stored bytes, as in the manifest.
    pub sha256: Digest,
    /// How many entries it had, as in the manifest.
    pub entries: u64,
    /// First and last seq of each run of its entries, inclusive, ascending.
    pub seqs: Vec<[u64; 2]>,
    /// The leaf hashes of its entries in order, 32 bytes each, as one canonical base64 text.
    pub leaves: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "strongroom-expiry/1")]
    Expiry1,
}

/// What a note says beside its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiryPlan {
    /// The ledger's origin.
    pub origin: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// The size of the ledger's newest signed tree.
    pub tree_size: u64,
    /// The batch that the objects belong to.
    pub batch: BatchId,
    /// The how-many-eth note of the batch this is, from 1.
    pub number: u64,
    /// The batch's manifest.
    pub manifest: ManifestRef,
}

impl ExpiredObject {
    /// An object of a manifest with the seqs and leaf hashes that it was found to hold, ascending.
    pub fn new(object: &ManifestObject, leaves: &[(u64, Hash)]) -> Self {
        let mut seqs: Vec<[u64; 2]> = Vec::new();
        let mut bytes = Vec::with_capacity(leaves.len() * Hash::LENGTH);
        for (seq, leaf) in leaves {
            match seqs.last_mut() {
                Some([_, last]) if last.checked_add(1) == Some(*seq) => *last = *seq,
                _ => seqs.push([*seq, *seq]),
            }
            bytes.extend_from_slice(&leaf.0);
        }
        Self {
            key: object.key.clone(),
            sha256: object.sha256,
            entries: object.entries,
            seqs,
            leaves: encode_base64(&bytes),
        }
    }
}

/// The name of a batch's note: its time, and the first 8 bytes of SHA-256 over batch id and number (in decimal), each
/// preceded by its length as a big-endian `u32`.
pub fn expiry_id(batch: &BatchId, number: u64, created_at: Timestamp) -> BatchId {
    let number = number.to_string();
    let mut hasher = Sha256::new();
    for field in [batch.as_str(), &number] {
        hasher.update((field.len() as u32).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    BatchId::new(created_at, first)
}

impl ExpiryNote {
    /// A note on these objects of a batch.
    pub fn new(plan: ExpiryPlan, mut objects: Vec<ExpiredObject>) -> Self {
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Self {
            format: Format::Expiry1,
            expiry: expiry_id(&plan.batch, plan.number, plan.created_at),
            origin: plan.origin,
            created_at: plan.created_at,
            tree_size: plan.tree_size,
            batch: plan.batch,
            number: plan.number,
            manifest: plan.manifest,
            objects,
        }
    }

    /// The one line of JSON and its newline: the text that is signed.
    pub fn to_text(&self) -> Result<String> {
        let mut text = serde_json::to_string(self)
            .map_err(|error| Error::Internal(format!("an expiry note: {error}")))?;
        text.push('\n');
        Ok(text)
    }

    /// The whole signed note, as it is stored. The same note and key give the same bytes.
    pub fn sign(&self, signer: &NoteSigner) -> Result<String> {
        signer.sign(&self.to_text()?).map_err(|error| {
            Error::Invalid(format!("the expiry note {} cannot be signed: {error}", self.expiry))
        })
    }

    /// Where it is stored.
    pub fn key(&self) -> String {
        self.expiry.expiry_key()
    }
}

/// Writes an expiry note, create-only, and reads it back. Nothing that it names may go before every destination has it.
/// The note is opened first exactly as a verifier will, so nothing is destroyed by what would not verify.
pub async fn publish_expiry(destination: &Destination, note: &str, keys: &KeyRing) -> Result<ManifestRef> {
    if note.len() as u64 > EXPIRY_NOTE_BYTES_MAX {
        return Err(Error::Invalid(format!("the expiry note is over {EXPIRY_NOTE_BYTES_MAX} bytes")));
    }
    let opened = ExpiryNote::open(note.as_bytes(), keys)
        .map_err(|problem| Error::Invalid(format!("the expiry note would not verify: {problem}")))?;
    let key = opened.key();
    destination.put_new(&key, Bytes::copy_from_slice(note.as_bytes())).await?;
    let stored = destination.read_at_most(&key, EXPIRY_NOTE_BYTES_MAX).await?;
    if stored != note.as_bytes() {
        return Err(Error::Conflict { destination: destination.name().to_owned(), key });
    }
    Ok(ManifestRef { key, sha256: Digest::of(note.as_bytes()) })
}

//! Reading a manifest that somebody hands us: nothing in it counts before its signature, and nothing that
//! contradicts itself counts at all.

use merkle::{Checkpoint, KeyRing, Note};

use super::{Manifest, ManifestObject};
use crate::plan::batch_extension;
use crate::problem::Reason;

/// An object is split into no more parts than a four-digit number can name.
const PARTS_MAX: u16 = 9_999;

/// Why a manifest does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct ManifestProblem {
    /// [`Reason::ManifestSignatureInvalid`], or [`Reason::CheckpointSignatureInvalid`] when only the
    /// checkpoint inside is at fault.
    pub reason: Reason,
    /// What was found.
    pub message: String,
}

fn refuse(message: impl Into<String>) -> ManifestProblem {
    ManifestProblem { reason: Reason::ManifestSignatureInvalid, message: message.into() }
}

fn refuse_checkpoint(message: impl Into<String>) -> ManifestProblem {
    ManifestProblem { reason: Reason::CheckpointSignatureInvalid, message: message.into() }
}

impl Manifest {
    /// Reads, verifies and checks a stored manifest.
    ///
    /// The keys that count are those for the size of the checkpoint inside; unknown signatures are refused
    /// because nothing else is ever stored with a manifest. The JSON must be exactly what
    /// [`Self::to_text`] writes, so there is one text for one meaning and no unknown member passes.
    pub fn open(bytes: &[u8], keys: &KeyRing) -> Result<Self, ManifestProblem> {
        let note = Note::parse(bytes).map_err(|error| refuse(format!("is not a signed note: {error}")))?;
        let manifest: Self = serde_json::from_str(note.text())
            .map_err(|error| refuse(format!("its text is not a manifest: {error}")))?;
        if manifest.to_text().ok().as_deref() != Some(note.text()) {
            return Err(refuse("its text is not in the one form of the format"));
        }
        let size = manifest.last_seq.checked_add(1).ok_or_else(|| refuse("its last_seq is out of range"))?;
        let verifiers = keys.keys_for(size);
        if verifiers.is_empty() {
            return Err(refuse(format!("no known key counts for a tree of size {size}")));
        }
        note.verify(&verifiers).map_err(|error| {
            // What is not signed for proves nothing, yet it tells the likeliest mistake from a forgery.
            if manifest.origin == keys.origin() {
                refuse(error.to_string())
            } else {
                refuse(format!(
                    "{error}: its origin is {:?} and the key is that of {:?}; is it the key of another ledger?",
                    manifest.origin,
                    keys.origin()
                ))
            }
        })?;
        if note.signature_count() != 1 {
            return Err(refuse("it carries signatures beside the ledger's own"));
        }
        if manifest.origin != keys.origin() {
            return Err(refuse(format!("its origin is {}, not {}", manifest.origin, keys.origin())));
        }
        manifest.check_range()?;
        manifest.check_objects()?;
        manifest.opened_checkpoint(keys)?;
        Ok(manifest)
    }

    /// The checkpoint inside, verified and compared with the manifest around it.
    pub fn opened_checkpoint(&self, keys: &KeyRing) -> Result<Checkpoint, ManifestProblem> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), &keys.keys_for(self.size()))
            .map_err(|error| refuse_checkpoint(format!("the checkpoint in the manifest: {error}")))?;
        if checkpoint.origin != self.origin || checkpoint.size != self.size() {
            return Err(refuse_checkpoint(format!(
                "the checkpoint in the manifest is of {} at size {}, expected {} at size {}",
                checkpoint.origin,
                checkpoint.size,
                self.origin,
                self.size()
            )));
        }
        if checkpoint.extensions != [batch_extension(&self.batch)] {
            return Err(refuse_checkpoint("the checkpoint in the manifest does not name this batch"));
        }
        Ok(checkpoint)
    }

    fn check_range(&self) -> Result<(), ManifestProblem> {
        let entries = self.last_seq.checked_sub(self.first_seq).and_then(|span| span.checked_add(1));
        if entries != Some(self.entries) {
            return Err(refuse(format!(
                "it states {} entries for the range {} to {}",
                self.entries, self.first_seq, self.last_seq
            )));
        }
        if self.previous.is_some() != (self.first_seq > 0) {
            return Err(refuse("`previous` must be null for the first batch and only for it"));
        }
        let objects: u128 = self.objects.iter().map(|object| u128::from(object.entries)).sum();
        if objects != u128::from(self.entries) {
            return Err(refuse(format!("its objects have {objects} entries together, not {}", self.entries)));
        }
        Ok(())
    }

    fn check_objects(&self) -> Result<(), ManifestProblem> {
        if !self.objects.is_sorted_by(|left, right| left.key < right.key) {
            return Err(refuse("its objects are not in the order of their keys"));
        }
        let same_group = |left: &ManifestObject, right: &ManifestObject| {
            (left.stream, left.day) == (right.stream, right.day) && left.tenant == right.tenant
        };
        for group in self.objects.chunk_by(same_group) {
            // By their keys the parts of an encrypted group are in the order of their hashes.
            let mut parts: Vec<&ManifestObject> = group.iter().collect();
            parts.sort_by_key(|object| object.first_seq);
            for (object, number) in parts.iter().zip(1..=PARTS_MAX) {
                let part = (group.len() > 1).then_some(number);
                let derived = object.derived_key(&self.batch, part);
                if object.key != derived {
                    return Err(refuse(format!("the key of object {} should be {derived}", object.key)));
                }
                self.check_object(object)?;
            }
            if group.len() > usize::from(PARTS_MAX) || !parts.is_sorted_by(|a, b| a.last_seq < b.first_seq) {
                return Err(refuse(format!("the parts of {} are not in order", group[0].key)));
            }
        }
        Ok(())
    }

    fn check_object(&self, object: &ManifestObject) -> Result<(), ManifestProblem> {
        let refuse = |what: &str| Err(refuse(format!("object {}: {what}", object.key)));
        if object.first_seq < self.first_seq || object.last_seq > self.last_seq {
            return refuse("its entries are outside the batch");
        }
        let span = object.last_seq.checked_sub(object.first_seq);
        if object.entries == 0 || span.is_none_or(|span| object.entries - 1 > span) {
            return refuse("its number of entries does not fit its range");
        }
        if object.first_occurred_at > object.last_occurred_at {
            return refuse("its first_occurred_at is after its last_occurred_at");
        }
        let members = &object.members;
        let starts_right = members.first() == Some(&(0, object.first_seq));
        let ascends = members.is_sorted_by(|left, right| left.0 < right.0 && left.1 < right.1);
        let ends_inside =
            members.last().is_some_and(|(offset, seq)| *offset < object.bytes && *seq <= object.last_seq);
        if !(starts_right && ascends && ends_inside) {
            return refuse("its gzip members do not fit its bytes and entries");
        }
        Ok(())
    }
}

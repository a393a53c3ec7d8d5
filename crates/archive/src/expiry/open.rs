//! Reading an expiry note that somebody hands us: it counts only when it is signed, and only for what the manifest of
//! its batch says it is.

use event::RESERVED_TENANT;
use merkle::{Hash, KeyRing, Note, decode_base64};

use super::{ExpiredObject, ExpiryNote, expiry_id};
use crate::manifest::{Manifest, ManifestObject, ManifestProblem};
use crate::plan::ManifestRef;
use crate::problem::Reason;

fn refuse(message: impl Into<String>) -> ManifestProblem {
    ManifestProblem { reason: Reason::ExpiryNoteInvalid, message: message.into() }
}

impl ExpiryNote {
    /// Reads and verifies a stored note. The keys that count are those for its `tree_size`. The JSON must be exactly what
    /// [`Self::to_text`] writes. Whether its objects are those of a manifest is for [`Self::check_against`].
    pub fn open(bytes: &[u8], keys: &KeyRing) -> Result<Self, ManifestProblem> {
        let signed = Note::parse(bytes).map_err(|error| refuse(format!("is not a signed note: {error}")))?;
        let note: Self = serde_json::from_str(signed.text())
            .map_err(|error| refuse(format!("its text is not an expiry note: {error}")))?;
        if note.to_text().ok().as_deref() != Some(signed.text()) {
            return Err(refuse("its text is not in the one form of the format"));
        }
        let verifiers = keys.keys_for(note.tree_size);
        if verifiers.is_empty() {
            return Err(refuse(format!("no known key counts for a tree of size {}", note.tree_size)));
        }
        signed.verify(&verifiers).map_err(|error| refuse(error.to_string()))?;
        if signed.signature_count() != 1 {
            return Err(refuse("it carries signatures beside the ledger's own"));
        }
        if note.origin != keys.origin() {
            return Err(refuse(format!("its origin is {}, not {}", note.origin, keys.origin())));
        }
        if note.number == 0 || note.expiry != expiry_id(&note.batch, note.number, note.created_at) {
            return Err(refuse("its name does not follow from its batch, number and time"));
        }
        if !note.objects.is_sorted_by(|left, right| left.key < right.key) || note.objects.is_empty() {
            return Err(refuse("its objects are none, or not in the order of their keys"));
        }
        Ok(note)
    }

    /// Holds the note against the manifest that it names: each object is one of the batch's, as the manifest has it, and
    /// none of the ledger's own, which are never destroyed.
    pub fn check_against(&self, reference: &ManifestRef, manifest: &Manifest) -> Result<(), ManifestProblem> {
        if self.manifest != *reference || self.batch != manifest.batch {
            return Err(refuse("it names another manifest"));
        }
        if self.tree_size < manifest.size() {
            return Err(refuse("its tree is smaller than what its batch archived"));
        }
        for expired in &self.objects {
            let found = manifest.objects.binary_search_by(|object| object.key.cmp(&expired.key));
            let Ok(at) = found else {
                return Err(refuse(format!("{} is no object of its batch", expired.key)));
            };
            expired.check_against(&manifest.objects[at])?;
        }
        Ok(())
    }
}

impl ExpiredObject {
    fn check_against(&self, object: &ManifestObject) -> Result<(), ManifestProblem> {
        let refuse = |what: &str| Err(refuse(format!("object {}: {what}", self.key)));
        if self.sha256 != object.sha256 || self.entries != object.entries {
            return refuse("it is not the manifest's");
        }
        if object.tenant == RESERVED_TENANT {
            return refuse("the ledger's own entries are never destroyed");
        }
        let ascends = self.seqs.iter().all(|[first, last]| first <= last)
            && self
                .seqs
                .windows(2)
                .all(|pair| pair[0][1].checked_add(1).is_some_and(|next| next < pair[1][0]));
        let bounds = (self.seqs.first().map(|run| run[0]), self.seqs.last().map(|run| run[1]));
        if !ascends || bounds != (Some(object.first_seq), Some(object.last_seq)) {
            return refuse("its seqs are not in order, or not those of the manifest");
        }
        let count: u128 = self.seqs.iter().map(|[first, last]| u128::from(last - first) + 1).sum();
        if count != u128::from(object.entries) {
            return refuse("it has other seqs than entries");
        }
        match self.hashes() {
            Some(hashes) if hashes.len() as u128 == count => Ok(()),
            _ => refuse("its leaf hashes are not one for each entry"),
        }
    }

    fn hashes(&self) -> Option<Vec<Hash>> {
        let bytes = decode_base64(&self.leaves).ok()?;
        let (hashes, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
        rest.is_empty().then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
    }

    /// Seq and leaf hash of every entry, ascending. Only what [`ExpiryNote::check_against`] passed has as many seqs as
    /// hashes; of anything else no more than the shorter of them comes back.
    pub fn entries(&self) -> Vec<(u64, Hash)> {
        let seqs = self.seqs.iter().flat_map(|[first, last]| *first..=*last);
        seqs.zip(self.hashes().unwrap_or_default()).collect()
    }
}

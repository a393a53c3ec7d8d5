//! What a listing says of a batch's files, in one hash: whether they are as they were when the batch was proven.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::destination::ObjectState;
use crate::digest::Digest;
use crate::manifest::ManifestObject;

/// For each batch, by the tree size it ends at, a hash over the names, sizes and tags of its objects and checksum files
/// as one listing gave them. Opaque, good for comparing with that of another listing of the same place; a batch with a
/// file that has no tag is left out.
pub type BatchStates = BTreeMap<u64, Digest>;

/// The states of one batch's files, in the order of its objects.
#[derive(Default)]
pub(super) struct Gathering {
    hasher: Sha256,
    /// A file is missing or has no tag.
    unknown: bool,
}

impl Gathering {
    pub(super) fn add(
        &mut self,
        object: &ManifestObject,
        stored: Option<&ObjectState>,
        sidecar: Option<&ObjectState>,
    ) {
        for (kind, state) in [("object", stored), ("sidecar", sidecar)] {
            let tag = state.and_then(|state| Some((state.bytes, state.tag.as_deref()?)));
            let Some((bytes, tag)) = tag else {
                self.unknown = true;
                return;
            };
            for field in [kind, &object.key, tag] {
                self.hasher.update((field.len() as u64).to_be_bytes());
                self.hasher.update(field.as_bytes());
            }
            self.hasher.update(bytes.to_be_bytes());
        }
    }

    pub(super) fn finish(self) -> Option<Digest> {
        (!self.unknown).then(|| Digest(self.hasher.finalize().into()))
    }
}

//! A checkpoint from elsewhere, and what it says about an archive.

use merkle::{Checkpoint, CompactRange, Hash, KeyRing};

use crate::manifest::Manifest;
use crate::plan::is_batch_checkpoint;
use crate::problem::{Problem, Reason};

/// A tree size and root that are known from elsewhere than the archive.
pub(super) struct Outside {
    name: &'static str,
    pub(super) size: u64,
    root: Hash,
    /// Whether it says by itself that everything up to it was archived.
    archived: bool,
}

impl Outside {
    /// Reads a signed checkpoint, or a manifest whose checkpoint is meant. An origin never begins with `{`,
    /// so the first byte tells them apart.
    pub(super) fn open(bytes: &[u8], keys: &KeyRing) -> Result<Self, Problem> {
        let refuse = |message: String| {
            Problem::general(
                Reason::CheckpointSignatureInvalid,
                None,
                format!("the given checkpoint does not count: {message}"),
            )
        };
        let (checkpoint, archived): (Checkpoint, bool) = if bytes.first() == Some(&b'{') {
            let manifest = Manifest::open(bytes, keys).map_err(|problem| refuse(problem.message))?;
            (manifest.opened_checkpoint(keys).map_err(|problem| refuse(problem.message))?, true)
        } else {
            let checkpoint = keys.open_checkpoint(bytes).map_err(|error| refuse(error.to_string()))?;
            let archived = is_batch_checkpoint(&checkpoint);
            (checkpoint, archived)
        };
        Ok(Self { name: "the given checkpoint", size: checkpoint.size, root: checkpoint.root, archived })
    }

    /// Where an earlier verification ended, which therefore was archived.
    pub(super) fn earlier(range: &CompactRange) -> Self {
        Self { name: "the earlier verification", size: range.size(), root: range.root(), archived: true }
    }

    /// Compares it with the archive's root at its size.
    pub(super) fn compare(&self, root: Hash) -> Option<Problem> {
        (root != self.root).then(|| {
            let message = format!(
                "at size {} the archive has the root {root}, {} {}: they are not of one history",
                self.size, self.name, self.root
            );
            Problem::general(Reason::RootMismatch, None, message)
        })
    }

    /// What is left to say when all batches are read and the archive reaches to the size `reach`.
    pub(super) fn conclude(&self, reach: u64) -> Option<Problem> {
        (self.archived && self.size > reach).then(|| {
            let message = format!(
                "{} says that {} entries were archived, the archive has {reach}",
                self.name, self.size
            );
            Problem::general(Reason::LogTruncated, Some(reach), message)
        })
    }
}

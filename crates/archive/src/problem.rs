//! Findings: what is wrong with an archive, where, and since which entry.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why an archive does not verify. The text forms are part of the archive format
/// (`docs/formats/archive.md`, "Reasons").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// An object (or a batch's copy of its checkpoint) is named but not there.
    ObjectMissing,
    /// An object's stored bytes do not have the SHA-256 its manifest states.
    ObjectHashMismatch,
    /// The `.sha256` file beside an object is not there.
    SidecarMissing,
    /// The `.sha256` file beside an object says something else than the manifest.
    SidecarMismatch,
    /// A tile of the log copy is missing or does not hold the hashes of the archived entries.
    TileMismatch,
    /// A sequence number of the batch's range is in none of its objects.
    EntryMissing,
    /// A sequence number is in the batch's objects more than once.
    EntryDuplicate,
    /// An entry's line does not belong where it is, or cannot be read.
    EntryChanged,
    /// There is a gap between two batches.
    ManifestMissing,
    /// Two adjacent manifests do not fit: wrong key, wrong hash, or overlapping ranges.
    ManifestChainBroken,
    /// A manifest is unreadable, contradicts itself, or is not signed by a key that counts for it.
    ManifestSignatureInvalid,
    /// The entries do not give the root the checkpoint states.
    RootMismatch,
    /// A checkpoint is unreadable or not signed by a key that counts for its size.
    CheckpointSignatureInvalid,
    /// Entries that were archived once are no longer there at the end.
    LogTruncated,
    /// An expiry note is unreadable, contradicts itself or its batch's manifest, or is not signed by a key that counts.
    ExpiryNoteInvalid,
    /// A warning: a file that no manifest names.
    ObjectUnlisted,
}

impl Reason {
    /// The stable name, as in the report and in the format's documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ObjectMissing => "object-missing",
            Self::ObjectHashMismatch => "object-hash-mismatch",
            Self::SidecarMissing => "sidecar-missing",
            Self::SidecarMismatch => "sidecar-mismatch",
            Self::TileMismatch => "tile-mismatch",
            Self::EntryMissing => "entry-missing",
            Self::EntryDuplicate => "entry-duplicate",
            Self::EntryChanged => "entry-changed",
            Self::ManifestMissing => "manifest-missing",
            Self::ManifestChainBroken => "manifest-chain-broken",
            Self::ManifestSignatureInvalid => "manifest-signature-invalid",
            Self::RootMismatch => "root-mismatch",
            Self::CheckpointSignatureInvalid => "checkpoint-signature-invalid",
            Self::LogTruncated => "log-truncated",
            Self::ExpiryNoteInvalid => "expiry-note-invalid",
            Self::ObjectUnlisted => "object-unlisted",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The first sequence number that is not proven because of this; for an object its first one.
    /// `None` where no single place can be named (a checkpoint from elsewhere that disagrees).
    pub seq: Option<u64>,
    /// What kind of finding it is.
    pub reason: Reason,
    /// The file it was found in, relative to the destination's prefix.
    pub key: Option<String>,
    /// What was expected and what was there, for people.
    pub message: String,
}

impl Problem {
    /// A finding about the file at `key`.
    pub fn at(reason: Reason, seq: u64, key: &str, message: impl Into<String>) -> Self {
        Self { seq: Some(seq), reason, key: Some(key.to_owned()), message: message.into() }
    }

    /// A finding that no single file stands for.
    pub fn general(reason: Reason, seq: Option<u64>, message: impl Into<String>) -> Self {
        Self { seq, reason, key: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.reason)?;
        if let Some(seq) = self.seq {
            write!(formatter, " at seq {seq}")?;
        }
        if let Some(key) = &self.key {
            write!(formatter, " in {key}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

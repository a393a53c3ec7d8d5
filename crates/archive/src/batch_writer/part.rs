//! One staged object: the members so far, their sums, and the hash of their bytes.

use std::path::{Path, PathBuf};

use event::{Day, Stream, Timestamp};
use sha2::{Digest as _, Sha256};

use super::StagingLimits;
use super::compressor::CompressedMember;
use crate::digest::Digest;
use crate::encryption::Recipients;
use crate::manifest::ManifestObject;
use crate::staged::StagedObject;

/// An object, or one part of an object that was split.
pub(super) struct Part {
    file: PathBuf,
    hasher: Sha256,
    bytes: u64,
    bytes_uncompressed: u64,
    entries: u64,
    last_seq: u64,
    first_occurred_at: Timestamp,
    last_occurred_at: Timestamp,
    members: Vec<(u64, u64)>,
}

impl Part {
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            hasher: Sha256::new(),
            bytes: 0,
            bytes_uncompressed: 0,
            entries: 0,
            last_seq: 0,
            first_occurred_at: Timestamp::MAX,
            last_occurred_at: Timestamp::MIN,
            members: Vec::new(),
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Whether the member may still go in here. The first one always may.
    pub(super) fn has_room(
        &self,
        member: &CompressedMember,
        limits: &StagingLimits,
        recipients: Option<&Recipients>,
    ) -> bool {
        let bytes = self.bytes + member.bytes.len() as u64;
        let stored = recipients.map_or(bytes, |recipients| recipients.stored_bytes_max(bytes));
        self.members.is_empty()
            || (stored <= limits.object_bytes_max
                && self.bytes_uncompressed + member.raw.bytes <= limits.object_bytes_uncompressed_max)
    }

    pub(super) fn add(&mut self, member: &CompressedMember) {
        let raw = &member.raw;
        self.members.push((self.bytes, raw.first_seq));
        self.hasher.update(&member.bytes);
        self.bytes += member.bytes.len() as u64;
        self.bytes_uncompressed += raw.bytes;
        self.entries += raw.entries;
        self.last_seq = raw.last_seq;
        self.first_occurred_at = self.first_occurred_at.min(raw.first_occurred_at);
        self.last_occurred_at = self.last_occurred_at.max(raw.last_occurred_at);
    }

    pub(super) fn into_object(
        self,
        key: String,
        part: Option<u16>,
        stream: Stream,
        tenant: &str,
        day: Day,
    ) -> StagedObject {
        let object = ManifestObject {
            key,
            stream,
            tenant: tenant.to_owned(),
            day,
            entries: self.entries,
            first_seq: self.members.first().map_or(0, |(_, seq)| *seq),
            last_seq: self.last_seq,
            first_occurred_at: self.first_occurred_at,
            last_occurred_at: self.last_occurred_at,
            bytes: self.bytes,
            bytes_uncompressed: self.bytes_uncompressed,
            sha256: Digest(self.hasher.finalize().into()),
            members: self.members,
        };
        StagedObject { object, file: self.file, part }
    }
}

//! The entries of one stream, tenant and day: lines that wait, then members, then one object or its parts.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use event::{Day, Stream, Timestamp};

use super::compressor::CompressedMember;
use super::part::Part;
use super::{MEMBER_BYTES_MAX, MEMBER_ENTRIES_MAX, StagingLimits, staging};
use crate::encryption::Recipients;
use crate::error::{Error, Result};
use crate::key::{BatchId, object_key};
use crate::staged::StagedObject;

/// What the name of a part has digits for.
const PARTS_MAX: usize = 9_999;

/// A member's lines and what a manifest says of them in sum.
#[derive(Clone, Debug)]
pub(super) struct RawMember {
    pub(super) number: u64,
    pub(super) lines: Vec<u8>,
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) first_occurred_at: Timestamp,
    pub(super) last_occurred_at: Timestamp,
}

impl RawMember {
    fn empty(number: u64) -> Self {
        Self {
            number,
            lines: Vec::new(),
            bytes: 0,
            entries: 0,
            first_seq: 0,
            last_seq: 0,
            first_occurred_at: Timestamp::MAX,
            last_occurred_at: Timestamp::MIN,
        }
    }

    pub(super) fn without_lines(mut self) -> Self {
        self.lines = Vec::new();
        self
    }
}

/// One stream, tenant and day.
pub(super) struct Group {
    number: usize,
    directory: PathBuf,
    stream: Stream,
    tenant: String,
    day: Day,
    waiting: RawMember,
    /// Members that came back before the one they follow.
    early: BTreeMap<u64, CompressedMember>,
    stored: u64,
    parts: Vec<Part>,
}

impl Group {
    pub(super) fn new(number: usize, directory: &Path, stream: Stream, tenant: &str, day: Day) -> Self {
        Self {
            number,
            directory: directory.to_owned(),
            stream,
            tenant: tenant.to_owned(),
            day,
            waiting: RawMember::empty(0),
            early: BTreeMap::new(),
            stored: 0,
            parts: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.entries == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.entries >= MEMBER_ENTRIES_MAX
    }

    pub(super) fn would_overflow(&self, bytes: u64) -> bool {
        !self.is_empty() && self.waiting.bytes + bytes > MEMBER_BYTES_MAX
    }

    pub(super) fn waiting_in_memory(&self) -> u64 {
        self.waiting.lines.len() as u64
    }

    pub(super) fn push(&mut self, seq: u64, occurred_at: Timestamp, line: &[u8]) {
        let waiting = &mut self.waiting;
        if waiting.entries == 0 {
            waiting.first_seq = seq;
        }
        waiting.last_seq = seq;
        waiting.entries += 1;
        waiting.bytes += line.len() as u64 + 1;
        waiting.first_occurred_at = waiting.first_occurred_at.min(occurred_at);
        waiting.last_occurred_at = waiting.last_occurred_at.max(occurred_at);
        waiting.lines.extend_from_slice(line);
        waiting.lines.push(b'\n');
    }

    /// Moves the lines that wait in memory to the end of this group's file.
    pub(super) fn spill(&mut self) -> Result<()> {
        let lines = std::mem::take(&mut self.waiting.lines);
        append(&self.spill_path(), &lines)
    }

    /// The member that waits, with what was spilled of it in front.
    pub(super) fn take_member(&mut self) -> Result<RawMember> {
        let next = RawMember::empty(self.waiting.number + 1);
        let mut member = std::mem::replace(&mut self.waiting, next);
        if member.bytes > member.lines.len() as u64 {
            let path = self.spill_path();
            let mut lines = Vec::with_capacity(member.bytes as usize);
            File::open(&path)
                .and_then(|mut file| file.read_to_end(&mut lines))
                .map_err(staging("read", &path))?;
            fs::remove_file(&path).map_err(staging("remove", &path))?;
            lines.append(&mut member.lines);
            member.lines = lines;
        }
        if member.bytes != member.lines.len() as u64 {
            return Err(Error::Internal(format!(
                "{} is not what was written to it",
                self.spill_path().display()
            )));
        }
        Ok(member)
    }

    /// Takes a compressed member back and writes all that are now in line.
    pub(super) fn store(
        &mut self,
        number: u64,
        member: CompressedMember,
        limits: &StagingLimits,
        recipients: Option<&Recipients>,
    ) -> Result<()> {
        self.early.insert(number, member);
        while let Some(member) = self.early.remove(&self.stored) {
            if self.parts.last().is_none_or(|part| !part.has_room(&member, limits, recipients)) {
                let file = self.directory.join(format!("{}-{}.gz", self.number, self.parts.len() + 1));
                self.parts.push(Part::new(file));
            }
            let Some(part) = self.parts.last_mut() else { break };
            append(part.file(), &member.bytes)?;
            part.add(&member);
            self.stored += 1;
        }
        Ok(())
    }

    /// The group's objects. Only now is it known whether there is more than one part, and then all of them
    /// carry a number.
    pub(super) fn into_objects(self, batch: &BatchId) -> Result<Vec<StagedObject>> {
        if self.parts.len() > PARTS_MAX {
            return Err(Error::Invalid(format!(
                "tenant `{}` would need {} objects for {}; archive fewer entries at once",
                self.tenant,
                self.parts.len(),
                self.day
            )));
        }
        let numbered = self.parts.len() > 1;
        let objects = self.parts.into_iter().zip(1_u16..).map(|(part, number)| {
            let number = numbered.then_some(number);
            let key = object_key(batch, self.stream, &self.tenant, self.day, number);
            part.into_object(key, number, self.stream, &self.tenant, self.day)
        });
        Ok(objects.collect())
    }

    fn spill_path(&self) -> PathBuf {
        self.directory.join(format!("{}.raw", self.number))
    }
}

/// Files are opened for each write: a batch can have more groups than a process may have open files.
fn append(path: &Path, bytes: &[u8]) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(staging("write", path))
}

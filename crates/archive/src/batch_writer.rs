//! Turns the entries of a batch into compressed objects in a staging directory.
//!
//! Entries come in seq order and belong to many objects at once: every tenant and stream of the range.
//! Lines wait per object until they fill a gzip member; what waits is bounded in memory and goes to files
//! beyond that. Where a member ends depends on the lines alone, so memory limits and thread counts never
//! show in the bytes.

mod compressor;
mod encrypting;
mod group;
mod part;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use event::{Day, Stream, Timestamp};

use crate::encryption::Recipients;
use crate::error::{Error, Result};
use crate::manifest::ManifestObject;
use crate::plan::BatchPlan;
use crate::staged::{StagedBatch, StagedObject};
use compressor::{Compressed, Compressor};
use encrypting::Encrypting;
use group::{Group, RawMember};

/// A gzip member ends after this many entries.
pub const MEMBER_ENTRIES_MAX: u64 = 4_096;

/// A gzip member ends before it would hold more than this many bytes of lines (unless one line alone does),
/// so that whoever handles a whole member knows how much memory that takes.
pub const MEMBER_BYTES_MAX: u64 = 16 << 20;

/// How much a batch in the making may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagingLimits {
    /// Lines that wait in memory for their member to fill, over all objects together, in bytes. On top
    /// come up to three members per thread that are being compressed. Never shows in the bytes written.
    pub memory_bytes_max: u64,
    /// An object is split before it holds more than this many bytes of lines.
    pub object_bytes_uncompressed_max: u64,
    /// An object is split before it is stored with more than this many bytes; also the largest single put.
    pub object_bytes_max: u64,
}

impl Default for StagingLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 << 20,
            object_bytes_uncompressed_max: 256 << 20,
            object_bytes_max: 128 << 20,
        }
    }
}

/// Collects the entries of one batch.
pub struct BatchWriter {
    plan: BatchPlan,
    directory: PathBuf,
    limits: StagingLimits,
    compressor: Compressor,
    groups: Vec<Group>,
    by_name: HashMap<(Stream, Day), HashMap<String, usize>>,
    next_seq: u64,
    waiting_bytes: u64,
    encrypting: Option<Encrypting>,
}

impl BatchWriter {
    /// Begins a batch in `<staging_directory>/<batch id>`, which is emptied if an earlier attempt left
    /// something there. `threads` (at least 1) compress in the background.
    pub fn create(
        plan: BatchPlan,
        staging_directory: &Path,
        limits: StagingLimits,
        threads: usize,
    ) -> Result<Self> {
        plan.check()?;
        let directory = staging_directory.join(plan.id.as_str());
        remove_directory(&directory)?;
        fs::create_dir_all(&directory).map_err(staging("create", &directory))?;
        Ok(Self {
            next_seq: plan.first_seq,
            plan,
            directory,
            limits,
            compressor: Compressor::start(threads.max(1))?,
            groups: Vec::new(),
            by_name: HashMap::new(),
            waiting_bytes: 0,
            encrypting: None,
        })
    }

    /// Encrypts the objects. Before it is, what was compressed is inflated again and each line compared with the one
    /// that was pushed: afterwards nobody without an identity could. Takes 32 bytes of memory an entry.
    #[must_use]
    pub fn encrypt_to(mut self, recipients: Recipients) -> Self {
        self.encrypting = Some(Encrypting::new(recipients, self.plan.first_seq));
        self
    }

    /// Adds the next entry. Entries come in order and without a gap from the plan's first to its last seq;
    /// `line` is the stored line without its newline.
    pub fn push(
        &mut self,
        seq: u64,
        stream: Stream,
        tenant: &str,
        recorded_at: Timestamp,
        occurred_at: Timestamp,
        line: &[u8],
    ) -> Result<()> {
        if seq != self.next_seq || seq > self.plan.last_seq {
            return Err(Error::Invalid(format!(
                "batch {} of the entries {} to {} expects entry {} and was given {seq}",
                self.plan.id, self.plan.first_seq, self.plan.last_seq, self.next_seq
            )));
        }
        if line.is_empty() || line.contains(&b'\n') {
            return Err(Error::Invalid(format!("the line of entry {seq} is empty or has a newline in it")));
        }
        if let Some(encrypting) = &mut self.encrypting {
            encrypting.remember(line);
        }
        let index = self.group(stream, tenant, recorded_at.day());
        let bytes = line.len() as u64 + 1;
        if self.groups[index].would_overflow(bytes) {
            self.end_member(index)?;
        }
        self.groups[index].push(seq, occurred_at, line);
        self.waiting_bytes += bytes;
        self.next_seq += 1;
        if self.groups[index].is_full() {
            self.end_member(index)?;
        } else if self.waiting_bytes > self.limits.memory_bytes_max {
            self.spill()?;
        }
        Ok(())
    }

    /// Compresses what still waits, names the objects and makes them durable. Every entry of the plan must have been
    /// pushed.
    pub fn finish(mut self) -> Result<StagedBatch> {
        if self.next_seq != self.plan.size() {
            return Err(Error::Invalid(format!(
                "batch {} was ended at entry {} of {} to {}",
                self.plan.id, self.next_seq, self.plan.first_seq, self.plan.last_seq
            )));
        }
        for index in 0..self.groups.len() {
            if !self.groups[index].is_empty() {
                self.end_member(index)?;
            }
        }
        while let Some(done) = self.compressor.wait()? {
            self.store(done)?;
        }
        let mut objects = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            objects.extend(group.into_objects(&self.plan.id)?);
        }
        if let Some(encrypting) = &self.encrypting {
            encrypting.encrypt(&self.plan.id, &mut objects)?;
        }
        objects.sort_unstable_by(|left, right| left.object.key.cmp(&right.object.key));
        let (objects, files): (Vec<ManifestObject>, Vec<PathBuf>) =
            objects.into_iter().map(|StagedObject { object, file, .. }| (object, file)).unzip();
        let staged = StagedBatch::new(self.plan, self.directory, objects, files);
        staged.mark(self.encrypting.as_ref().map(Encrypting::recipients))?;
        Ok(staged)
    }

    fn group(&mut self, stream: Stream, tenant: &str, day: Day) -> usize {
        let tenants = self.by_name.entry((stream, day)).or_default();
        if let Some(index) = tenants.get(tenant) {
            return *index;
        }
        let index = self.groups.len();
        tenants.insert(tenant.to_owned(), index);
        self.groups.push(Group::new(index, &self.directory, stream, tenant, day));
        index
    }

    /// Hands the waiting lines of a group to the compressor, and first takes back what it has done, so
    /// that no more than a fixed number of members is ever in flight.
    fn end_member(&mut self, index: usize) -> Result<()> {
        while let Some(done) = self.compressor.make_room()? {
            self.store(done)?;
        }
        let group = &mut self.groups[index];
        self.waiting_bytes -= group.waiting_in_memory();
        let member: RawMember = group.take_member()?;
        self.compressor.submit(index, member)
    }

    fn store(&mut self, done: Compressed) -> Result<()> {
        let recipients = self.encrypting.as_ref().map(Encrypting::recipients);
        self.groups[done.group].store(done.number, done.member, &self.limits, recipients)
    }

    /// Moves waiting lines to files, largest group first, until half of the memory is free: spilling to
    /// just below the limit would write a file for every line that follows.
    fn spill(&mut self) -> Result<()> {
        let mut by_size: Vec<usize> = (0..self.groups.len()).collect();
        by_size.sort_unstable_by_key(|index| std::cmp::Reverse(self.groups[*index].waiting_in_memory()));
        for index in by_size {
            if self.waiting_bytes <= self.limits.memory_bytes_max / 2 {
                break;
            }
            self.waiting_bytes -= self.groups[index].waiting_in_memory();
            self.groups[index].spill()?;
        }
        Ok(())
    }
}

pub(crate) fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(staging("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn staging(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Staging { path: path.clone(), action, source }
}

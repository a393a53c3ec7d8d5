//! The last step of staging where objects are encrypted: inflated and compared once more, then encrypted and named.

use std::fs::{self, File};

use merkle::{Hash, leaf_hash};

use super::staging;
use crate::body::{LineSink, check_body};
use crate::encryption::Recipients;
use crate::error::{Error, Result};
use crate::key::{BatchId, encrypted_object_key};
use crate::problem::{Problem, Reason};
use crate::staged::StagedObject;

/// To whom, and what was pushed.
pub(super) struct Encrypting {
    recipients: Recipients,
    first_seq: u64,
    /// The leaf hash of every line so far, from the first on.
    leaves: Vec<Hash>,
}

impl Encrypting {
    pub(super) fn new(recipients: Recipients, first_seq: u64) -> Self {
        Self { recipients, first_seq, leaves: Vec::new() }
    }

    pub(super) fn recipients(&self) -> &Recipients {
        &self.recipients
    }

    pub(super) fn remember(&mut self, line: &[u8]) {
        self.leaves.push(leaf_hash(line));
    }

    /// Encrypts the objects, which are in any order, and names them by what they have become.
    pub(super) fn encrypt(&self, batch: &BatchId, objects: &mut [StagedObject]) -> Result<()> {
        for staged in objects {
            self.compare(staged)?;
            let object = &mut staged.object;
            let target = staged.file.with_extension("gz.age");
            let (plain, bytes, sha256) = self.recipients.encrypt(&staged.file, &target)?;
            if plain != object.sha256 {
                let rotten = std::io::Error::other("its bytes are no longer those that were written");
                return Err(staging("read", &staged.file)(rotten));
            }
            fs::remove_file(&staged.file).map_err(staging("remove", &staged.file))?;
            let part = staged.part;
            let (stream, tenant, day) = (object.stream, &object.tenant, object.day);
            object.key = encrypted_object_key(batch, stream, tenant, day, part, &sha256);
            (object.bytes, object.sha256, staged.file) = (bytes, sha256, target);
        }
        Ok(())
    }

    /// What is about to be encrypted holds exactly the lines that were pushed.
    fn compare(&self, staged: &StagedObject) -> Result<()> {
        let body = File::open(&staged.file).map_err(staging("read", &staged.file))?;
        let mut sink = Comparison { leaves: &self.leaves, first_seq: self.first_seq, changed: None };
        let found = check_body(body, &staged.object, None, &mut sink);
        found.map_err(staging("read", &staged.file))??;
        match sink.changed {
            None => Ok(()),
            Some(seq) => {
                let message = "what was compressed is not the line that was given";
                Err(Error::from(Problem::at(Reason::EntryChanged, seq, &staged.object.key, message)))
            }
        }
    }
}

struct Comparison<'a> {
    leaves: &'a [Hash],
    first_seq: u64,
    changed: Option<u64>,
}

impl LineSink for Comparison<'_> {
    fn line(&mut self, seq: u64, leaf: Hash, _line: &[u8]) {
        let pushed = seq.checked_sub(self.first_seq).and_then(|offset| self.leaves.get(offset as usize));
        if pushed != Some(&leaf) {
            self.changed.get_or_insert(seq);
        }
    }
}

//! One batch: its objects read, its entries put in order.

use merkle::Hash;

use super::chain::Link;
use super::expiry::Leaves;
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};
use crate::reread::{ObjectContent, check_sidecar, read_object};

/// What reading one object gave. A finding about the checksum file leaves the entries good.
pub(super) struct ObjectRead {
    pub(super) object: ManifestObject,
    pub(super) content: Result<ObjectContent, Problem>,
    pub(super) sidecar: Option<Problem>,
    /// The entries are those that an expiry note lists, because the object is gone.
    pub(super) expired: bool,
}

/// Reads an object and its checksum file. Of one that a note names the leaf hashes there count when it is gone, and must
/// be its own as long as it is not.
pub(super) async fn read(
    destination: &Destination,
    object: ManifestObject,
    with_receipts: bool,
    noted: Option<Leaves>,
) -> Result<ObjectRead> {
    let mut content = finding(read_object(destination, &object, with_receipts).await)?;
    let mut sidecar = finding(check_sidecar(destination, &object).await)?.err();
    let mut expired = false;
    if let Some(noted) = noted {
        match &content {
            Err(problem) if problem.reason == Reason::ObjectMissing => {
                content = Ok(ObjectContent { leaves: noted.to_vec(), ..ObjectContent::default() });
                sidecar = sidecar.filter(|problem| problem.reason != Reason::SidecarMissing);
                expired = true;
            }
            Ok(found) if !found.unread && found.leaves[..] != noted[..] => {
                let message = "the object is there, and an expiry note lists other leaf hashes for it";
                let (seq, key) = (object.first_seq, &object.key);
                content = Err(Problem::at(Reason::ExpiryNoteInvalid, seq, key, message));
            }
            _ => {}
        }
    }
    Ok(ObjectRead { object, content, sidecar, expired })
}

/// Parts what is wrong with the archive from what is wrong with reading it.
fn finding<T>(outcome: Result<T>) -> Result<Result<T, Problem>> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Corrupt(problem)) => Ok(Err(problem)),
        Err(error) => Err(error),
    }
}

/// The entries of a batch while its objects come in.
#[derive(Default)]
pub(super) struct Entries {
    leaves: Vec<(u64, Hash)>,
    receipts: Vec<(u64, Vec<u8>)>,
    /// Entries in encrypted objects that nothing here opens.
    unread: u64,
    /// An object could not be read, so the entries it has are known to be missing here.
    incomplete: bool,
}

impl Entries {
    pub(super) fn add(&mut self, object: &ManifestObject, content: ObjectContent) {
        if content.unread {
            self.unread += object.entries;
        }
        self.leaves.extend(content.leaves);
        self.receipts.extend(content.receipts);
    }

    pub(super) fn mark_incomplete(&mut self) {
        self.incomplete = true;
    }

    /// The leaves of a batch whose every seq is there exactly once, as far as that could be read, and its receipts in
    /// order. `None` when an object was unreadable, which has been reported already.
    pub(super) fn in_order(mut self, link: &Link) -> Option<Result<Ordered, Problem>> {
        if self.incomplete {
            return None;
        }
        self.leaves.sort_unstable_by_key(|(seq, _)| *seq);
        self.receipts.sort_unstable_by_key(|(seq, _)| *seq);
        let problem = |reason, seq, what: &str| {
            Some(Err(Problem::at(reason, seq, &link.key, format!("entry {seq} {what} of the batch"))))
        };
        let mut leaves = Vec::with_capacity(self.leaves.len());
        let mut expected = link.first_seq;
        for (seq, leaf) in self.leaves {
            if seq < expected {
                return problem(Reason::EntryDuplicate, seq, "is in two objects");
            }
            if seq > expected && self.unread < seq - expected {
                return problem(Reason::EntryMissing, expected, "is in no object");
            }
            // A manifest states as many entries as its batch has, so what is not here is what was not read.
            self.unread -= seq - expected;
            leaves.resize(leaves.len() + (seq - expected) as usize, None);
            leaves.push(Some(leaf));
            expected = seq + 1;
        }
        if link.size - expected > self.unread {
            return problem(Reason::EntryMissing, expected, "is in no object");
        }
        leaves.resize((link.size - link.first_seq) as usize, None);
        Some(Ok(Ordered { leaves, receipts: self.receipts }))
    }
}

/// A batch's leaves from its first seq on, `None` for those that could not be read, and its receipts.
pub(super) struct Ordered {
    pub(super) leaves: Vec<Option<Hash>>,
    pub(super) receipts: Vec<(u64, Vec<u8>)>,
}

//! What a verification found.

use std::collections::BTreeMap;

use merkle::CompactRange;
use serde::Serialize;

use super::states::BatchStates;
use crate::plan::ManifestRef;
use crate::problem::{Problem, Reason};

/// Warnings of one reason that are listed one by one; with the key of another ledger every file is one.
const WARNINGS_OF_ONE_REASON_MAX: usize = 20;

/// What the manifests of an archive say there is, proven or not.
pub(super) struct Claim {
    /// Manifests found, those that did not verify included.
    pub(super) manifests: u64,
    /// Where the last batch ends, by the manifests that verified.
    pub(super) size: u64,
}

/// The result of [`verify`](crate::verify).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArchiveReport {
    /// Whether there is no problem and everything was read. An empty archive is `ok` with `entries: 0`; look at the counts.
    pub ok: bool,
    /// Manifests that verified.
    pub batches: u64,
    /// Objects read.
    pub objects: u64,
    /// Entries read and hashed.
    pub entries: u64,
    /// Entries in encrypted objects that could not be opened, for want of an identity: the stored bytes are those that
    /// the signed manifests state, and what is encrypted in them was not checked. Counts those of an earlier
    /// verification that this one went on from.
    pub unread: u64,
    /// Entries of objects that expired: gone, and proven by the leaf hashes in their signed notes.
    pub expired: u64,
    /// Stored bytes of the objects read.
    pub bytes: u64,
    /// Bytes of their lines.
    pub bytes_uncompressed: u64,
    /// The tree size that is proven: every entry before it is there, unchanged, in order, and signed for.
    pub covered: u64,
    /// The size an earlier verification had proven and this one did not read again.
    pub resumed_from: u64,
    /// The size of the checkpoint from elsewhere, if one was given and verified.
    pub checkpoint_size: Option<u64>,
    /// In a sentence, how far the result reaches and what it cannot exclude.
    pub complete_up_to: String,
    /// What is wrong, by the first entry each concerns.
    pub problems: Vec<Problem>,
    /// What is odd and proves nothing, such as files no manifest names. Of one reason 20 are listed, and the
    /// rest is counted in one more.
    pub warnings: Vec<Problem>,
    /// How the files of the proven batches stood in the listing that this verification began with.
    #[serde(skip)]
    pub states: BatchStates,
    /// The tree's compact range at `covered`, to resume from.
    #[serde(skip)]
    pub range: CompactRange,
    /// Keys of the objects that are gone and that a note names.
    #[serde(skip)]
    pub expired_objects: Vec<String>,
    /// The expiry notes that verified and fit their batches.
    #[serde(skip)]
    pub expiry_notes: Vec<ManifestRef>,
}

impl ArchiveReport {
    pub(super) fn empty() -> Self {
        Self {
            ok: false,
            batches: 0,
            objects: 0,
            entries: 0,
            unread: 0,
            bytes: 0,
            bytes_uncompressed: 0,
            covered: 0,
            resumed_from: 0,
            checkpoint_size: None,
            complete_up_to: String::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            states: BatchStates::new(),
            range: CompactRange::new(),
            expired: 0,
            expired_objects: Vec::new(),
            expiry_notes: Vec::new(),
        }
    }

    pub(super) fn finished(mut self, claim: &Claim) -> Self {
        // Stable: findings about one entry stay in the order they were made, cause before consequence.
        self.problems.sort_by_key(|problem| problem.seq.unwrap_or(u64::MAX));
        self.ok = self.problems.is_empty() && self.unread == 0;
        self.complete_up_to = self.sentence(claim);
        if self.unread > 0 {
            let unread = format!(
                "; {} entries are encrypted and were not read: their lines are checked with an identity only",
                self.unread
            );
            self.complete_up_to.push_str(&unread);
        }
        self.warnings = listed(self.warnings);
        self
    }

    fn sentence(&self, claim: &Claim) -> String {
        let covered = self.covered;
        if claim.manifests == 0 {
            let states = self.checkpoint_size.map(|size| format!("; the given checkpoint states {size}"));
            let empty = "the archive is empty: 0 entries, so nothing was checked";
            return empty.to_owned() + &states.unwrap_or_default();
        }
        if covered == 0 {
            return "nothing is proven".to_owned();
        }
        let ahead = self.checkpoint_size.filter(|size| *size > covered);
        let of = ahead.map(|size| format!(" of the {size} the given checkpoint states")).unwrap_or_default();
        let complete = format!("complete up to tree size {covered}{of}");
        // A manifest that does not verify may hold entries behind those that do.
        let stopped = covered < claim.size || self.batches < claim.manifests;
        let forked =
            self.problems.iter().any(|found| found.reason == Reason::RootMismatch && found.key.is_none());
        match self.checkpoint_size {
            _ if stopped => {
                format!(
                    "{complete}; the entries from seq {covered} on are not proven, because of the problems found"
                )
            }
            _ if forked => format!("{complete}; what is known from elsewhere is of another history"),
            Some(_) if ahead.is_some() => {
                format!("{complete}; the entries from seq {covered} on are not in this archive")
            }
            Some(size) => format!("{complete}, and the given checkpoint of size {size} is part of it"),
            None => {
                format!("{complete}; later batches cannot be excluded without a checkpoint from elsewhere")
            }
        }
    }
}

/// The warnings with no more than [`WARNINGS_OF_ONE_REASON_MAX`] of one reason; what is left out is counted.
fn listed(warnings: Vec<Problem>) -> Vec<Problem> {
    let mut counts = BTreeMap::new();
    let mut listed = Vec::new();
    for warning in warnings {
        let count = counts.entry(warning.reason).or_insert(0_usize);
        *count += 1;
        if *count <= WARNINGS_OF_ONE_REASON_MAX {
            listed.push(warning);
        }
    }
    for (reason, count) in counts {
        if let Some(more @ 1..) = count.checked_sub(WARNINGS_OF_ONE_REASON_MAX) {
            listed.push(Problem::general(reason, None, format!("{more} more like these are not listed")));
        }
    }
    listed
}

//! The archive run, in its fixed order: select, write, re-read, manifest, record, prune.

mod adopting;
mod batch;
mod completing;
mod discarding;
mod inspection;
mod last_run;
mod orphans;
mod proving;
mod run;
mod select;
mod staging;
mod under_way;

use event::{HotDays, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use batch::BatchRow;
pub use batch::BatchSummary;
pub(crate) use discarding::discarded_end;
pub use inspection::{BatchDetail, ManifestState};
pub use last_run::{DestinationError, DestinationState, LastRun, RunResult};
pub use orphans::OrphanedObject;
pub use under_way::RunUnderWay;
pub(crate) use under_way::{ARCHIVE_LEASE_KEY, RunState};

/// Which entries are old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// As the policy says.
    Policy,
    /// Recorded longer ago than so many days.
    HotDays(HotDays),
    /// Recorded before this instant, which is at most now: the operator's override.
    Before(Timestamp),
}

/// What a run is asked to do.
#[derive(Debug, Clone)]
pub struct ArchiveRun {
    /// Which entries are old enough.
    pub window: Window,
    /// Archive at most so many entries; the policy's limit still counts.
    pub limit: Option<u64>,
    /// Say what would happen, change nothing.
    pub dry_run: bool,
    /// By hand: runs although schedules are off, and although there is nothing but retention receipts.
    pub forced: bool,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchiveReport {
    /// Whether all that was to be done is done.
    pub ok: bool,
    /// The batch that was written or finished, or the last of them.
    pub batch: Option<String>,
    /// Entries past the window, within the limits of a run.
    pub considered: u64,
    /// Entries written to every destination.
    pub archived: u64,
    /// Entries read back from every destination and found equal to the tree.
    pub verified: u64,
    /// Of those, entries whose lines were not read back: they are encrypted, no identity is configured, and the SHA-256
    /// of what was encrypted was compared.
    pub unread: u64,
    /// Entries written but not proven.
    pub unverified: u64,
    /// Entries given up without a copy, because the destination is `null:`.
    pub discarded: u64,
    /// Hot copies deleted.
    pub pruned: u64,
    /// Entries kept hot by legal holds.
    pub held: u64,
    /// Actor directory entries swept.
    pub actors_deleted: u64,
    /// Batches completed.
    pub batches: u64,
    /// Stored bytes of the objects.
    pub bytes: u64,
    /// Bytes of the lines in them.
    pub bytes_uncompressed: u64,
    /// Entries recorded strictly before this were eligible.
    pub cutoff: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: u64,
    /// Whether nothing was changed on purpose.
    pub dry_run: bool,
}

impl ArchiveReport {
    /// Whether there is anything to tell of a run.
    fn began(&self) -> bool {
        self.considered > 0 || self.pruned > 0
    }
}

//! The steps of a run and how they end.

use archive::{MANIFEST_SUFFIX, StorageErrorKind};
use testkit::{Fault, StorageCall, StorageFault};

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The commit of the plan, the first.
    Select,
    Write,
    Reread,
    Tiles,
    Checkpoint,
    Manifest,
    /// The second commit.
    Record,
    /// The commits after it.
    Prune(usize),
}

impl Step {
    pub(crate) const ALL: [Self; 9] = [
        Self::Select,
        Self::Write,
        Self::Reread,
        Self::Tiles,
        Self::Checkpoint,
        Self::Manifest,
        Self::Record,
        Self::Prune(0),
        Self::Prune(2),
    ];

    /// Which commit of the run it is, if it is one.
    pub(crate) fn commit(self) -> Option<usize> {
        match self {
            Self::Select => Some(0),
            Self::Record => Some(1),
            Self::Prune(number) => Some(2 + number),
            _ => None,
        }
    }

    /// Which calls at the destination it makes.
    pub(crate) fn call(self) -> (StorageCall, &'static str) {
        match self {
            Self::Write => (StorageCall::Create, "audit/"),
            Self::Reread => (StorageCall::Read, "audit/"),
            Self::Tiles => (StorageCall::Create, "log/tile/"),
            Self::Checkpoint => (StorageCall::Create, "log/checkpoint/"),
            Self::Manifest => (StorageCall::Create, MANIFEST_SUFFIX),
            Self::Select | Self::Record | Self::Prune(_) => unreachable!("{self:?} is a commit"),
        }
    }
}

/// How a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Failed,
    FailedButApplied,
    /// Killed before the effect.
    Killed,
    /// Killed after it.
    KilledAfter,
}

impl Failure {
    pub(crate) const ALL: [Self; 4] = [Self::Failed, Self::FailedButApplied, Self::Killed, Self::KilledAfter];

    pub(crate) fn kills(self) -> bool {
        matches!(self, Self::Killed | Self::KilledAfter)
    }

    pub(crate) fn of_storage(self) -> StorageFault {
        match self {
            Self::Failed => StorageFault::Fails(StorageErrorKind::Denied),
            Self::FailedButApplied => StorageFault::AppliedUnknown,
            Self::Killed => StorageFault::HangsBefore,
            Self::KilledAfter => StorageFault::Hangs,
        }
    }

    pub(crate) fn of_store(self) -> Fault {
        match self {
            Self::Failed => Fault::Refused,
            Self::Killed => Fault::Lost,
            Self::FailedButApplied | Self::KilledAfter => Fault::AppliedUnknown,
        }
    }
}

//! The ledger at work: taking events, search, checkpoints, archive runs, pruning and verification.
//!
//! Everything here is written against traits: the [`store::Store`], a [`Clock`], a [`LastCheckpoint`], object
//! storage. One task, the sequencer, owns the head; it plans purely and commits once. Absent on purpose: HTTP,
//! settings files, command lines, SQL, and the byte layout of archives.

mod actor;
mod archiving;
mod attestation;
mod checkpointer;
mod clock;
mod cold;
mod cursor;
mod engine;
mod error;
mod expiring;
mod figures;
mod freeze;
mod gauges;
mod identity;
mod known_tokens;
mod lease;
mod ledger;
mod operations;
mod plan;
mod policy;
mod posting;
mod progress;
mod pruning;
mod restoring;
mod retention;
mod schedule;
mod search;
mod seq_set;
mod sequencer;
mod show;
mod state_change;
mod tail;
mod term_filter;
mod token;
mod tokens;
mod verify;

pub use actor::Actor;
pub use archiving::{
    ArchiveReport, ArchiveRun, BatchDetail, BatchSummary, DestinationError, DestinationState, LastRun,
    ManifestState, OrphanedObject, RunResult, RunUnderWay, Window,
};
pub use checkpointer::{CheckpointFile, LastCheckpoint, SignedCheckpoint};
pub use clock::{Clock, SystemClock};
pub use cursor::Page;
pub use engine::{Engine, EngineState, Parts};
pub use error::{Error, ErrorKind, Result};
pub use expiring::{ExpiredEntry, ExpiryReport, ExpiryRun, RefusedRemoval};
pub use figures::{Figures, Upkeep};
pub use freeze::Freeze;
pub use gauges::Histogram;
pub use identity::Identity;
pub use lease::Step;
pub use ledger::Ledger;
pub use operations::{BegunOperation, CompletedOperation, TimeOutReport};
pub use policy::{OperationPolicy, Policy, RunSchedule};
pub use progress::{NoProgress, Progress};
pub use restoring::{RESTORED_BY_FILTER_MAX, RestoreReport, RestoreRun, RestoreTarget};
pub use retention::{Backlog, RetentionPolicy, RetentionStatus, ScheduleStatus};
pub use search::{SearchPage, Tier};
pub use sequencer::{Appended, Receipt};
pub use show::ShownEntry;
pub use store::Order;
pub use token::{CreatedToken, LastSuperAdmin, NewToken, Principal, Role, TokenSummary};
pub use verify::{Finding, VerifyOptions, VerifyReport, VerifySubject, verify};

/// Entries in a segment: the unit of indexing and dropping, and a full level-1 tile of the tree.
pub const SEGMENT_ENTRIES: u64 = 65_536;

//! Objects, batches and manifests in object storage: writing them, reading them back, and verifying an
//! archive from nothing but its files and a public key.
//!
//! The format is documented in `docs/formats/archive.md`. A batch is written in this order, each step
//! create-only, durable and safe to repeat, so that a run that stops anywhere is resumed with the same
//! [`BatchPlan`] and arrives at the same bytes:
//!
//! 1. [`BatchWriter`] stages the objects locally, [`StagedBatch::upload`] writes them and their checksum files;
//! 2. [`reread`] reads each back; the caller compares the leaf hashes with the tree;
//! 3. [`write_log_copy`] writes the tiles and the batch's checkpoint;
//! 4. [`publish_manifest`] writes the manifest. Before it there is no batch; after it the batch is complete.
//!
//! An object whose time is up goes only after [`publish_expiry`] has written down what it held.
//!
//! Where the files are is behind one small trait, [`Storage`]: directories, S3, GCS and Azure are here, and others may
//! be brought along.
//!
//! Deliberately absent: the store and the engine (what to archive, when, and whether to prune), any way to
//! overwrite an object, schedules, randomness and the ledger's clock (a plan is handed in; encryption alone draws its
//! own randomness), and signing keys at rest (a signer is handed in).

mod batch_writer;
mod body;
#[cfg(feature = "conformance")]
pub mod conformance;
mod destination;
mod digest;
mod encryption;
mod error;
mod excerpt;
mod expiry;
mod key;
mod line;
mod log_copy;
mod manifest;
mod member;
mod orphans;
mod plan;
mod probe;
mod problem;
mod progress;
mod reread;
mod staged;
mod verify;

pub use batch_writer::{BatchWriter, MEMBER_BYTES_MAX, MEMBER_ENTRIES_MAX, StagingLimits};
pub use body::LineSink;
pub use destination::{
    Body, Created, CredentialSource, Credentials, Destination, DestinationOptions, Encryption, Kind,
    LockMode, ObjectLock, ObjectReader, ObjectState, Put, StartError, Storage, StorageError,
    StorageErrorKind, StorageResult, Stored, Timeouts,
};
pub use digest::Digest;
pub use encryption::{Identity, RECIPIENTS_MAX, Recipients};
pub use error::{Error, Result};
pub use excerpt::read_lines;
pub use expiry::{
    EXPIRY_NOTE_BYTES_MAX, EXPIRY_SUFFIX, ExpiredObject, ExpiryNote, ExpiryPlan, expiry_id, publish_expiry,
};
pub use key::{
    BATCHES_DIRECTORY, BatchId, ENCRYPTED_SUFFIX, LOG_CHECKPOINT_DIRECTORY, LOG_DIRECTORY, MANIFEST_SUFFIX,
    TENANT_BYTES_MAX, checkpoint_key, encrypted_object_key, object_key, sidecar_key, tenant_name, tile_key,
};
pub use line::LINE_BYTES_MAX;
pub use log_copy::{list_manifests, publish_manifest, tiles_of_batch, write_log_copy};
pub use manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestObject, ManifestProblem};
pub use member::scan_member;
pub use orphans::{Orphan, orphans};
pub use plan::{BatchPlan, ManifestRef};
pub use probe::{Finding, PROBE_DIRECTORY, ProbeReport, Verdict, inspect, probe, skew_seconds};
pub use problem::{Problem, Reason};
pub use progress::Progress;
pub use reread::{ObjectContent, reread, visit_lines};
pub use staged::{StagedBatch, copy_objects};
pub use verify::{ArchiveReport, BatchStates, VerifyOptions, verify};

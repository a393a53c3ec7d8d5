//! Verifying an archive from nothing but its files and the ledger's public key
//! (`docs/formats/archive.md`, "Verifying").

mod batch;
mod chain;
mod expiry;
mod listing;
mod log;
mod outside;
mod report;
mod resume;
mod run;
mod states;

use merkle::{CompactRange, KeyRing};

use crate::destination::Destination;
use crate::error::Result;
use crate::progress::Progress;
pub use report::ArchiveReport;
pub use states::BatchStates;

/// What a verification is asked beyond the archive itself.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// A checkpoint from elsewhere: a signed note, or the bytes of a manifest (whose checkpoint is meant).
    /// What an archive lost at its end cannot be seen in what is left of it; this is how it can.
    pub checkpoint: Option<Vec<u8>>,
    /// The tree size the caller knows to have been archived.
    pub expect_archived: Option<u64>,
    /// Where an earlier verification ended ([`ArchiveReport::range`]): objects of batches up to there are
    /// looked for but not read again. If that is not possible here (it is not the end of a batch, or
    /// `checkpoint` is of an earlier size) all is read, and the archive must still contain it.
    pub resume_from: Option<CompactRange>,
    /// How many entries before `resume_from` were encrypted and not read ([`ArchiveReport::unread`]).
    pub resumed_unread: u64,
    /// How the files of the batches that were proven then stood in a listing ([`ArchiveReport::states`]). A batch whose
    /// files stand otherwise now, or are not in here, is read again, and has to be what its manifest says.
    pub known_states: Option<BatchStates>,
}

/// Verifies a whole archive. Findings are in the report; an error means the check itself could not be made
/// (the destination could not be read), which says nothing about the archive.
///
/// Objects are read on as many threads as the machine has. Memory is bounded by the largest batch (about 40
/// bytes an entry), the listing and one member of each object being read.
pub async fn verify(
    destination: &Destination,
    keys: &KeyRing,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<ArchiveReport> {
    // Boxed: its steps are too large to be part of every future that awaits one.
    Box::pin(run::run(destination, keys, options, progress)).await
}

//! What a verification found.

use merkle::CompactRange;
use serde::Serialize;

use crate::problem::Problem;

/// The result of [`verify`](crate::verify).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArchiveReport {
    /// Whether there is no problem. An empty archive is `ok` with `entries: 0`; look at the counts.
    pub ok: bool,
    /// Manifests that verified.
    pub batches: u64,
    /// Objects read.
    pub objects: u64,
    /// Entries read and hashed.
    pub entries: u64,
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
    /// What is odd and proves nothing, such as files no manifest names.
    pub warnings: Vec<Problem>,
    /// The tree's compact range at `covered`, to resume from.
    #[serde(skip)]
    pub range: CompactRange,
}

impl ArchiveReport {
    pub(super) fn empty() -> Self {
        Self {
            ok: false,
            batches: 0,
            objects: 0,
            entries: 0,
            bytes: 0,
            bytes_uncompressed: 0,
            covered: 0,
            resumed_from: 0,
            checkpoint_size: None,
            complete_up_to: String::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            range: CompactRange::new(),
        }
    }

    pub(super) fn finished(mut self) -> Self {
        // Stable: findings about one entry stay in the order they were made, cause before consequence.
        self.problems.sort_by_key(|problem| problem.seq.unwrap_or(u64::MAX));
        self.ok = self.problems.is_empty();
        self.complete_up_to = match (self.covered, self.checkpoint_size) {
            (0, _) if !self.ok => "nothing is proven".to_owned(),
            (0, None) => "the archive is empty: 0 entries, so nothing was checked".to_owned(),
            (covered, Some(size)) if size > covered => format!(
                "complete up to tree size {covered} of the {size} the given checkpoint states; \
                 the entries after {covered} are not in this archive"
            ),
            (covered, Some(size)) => {
                format!(
                    "complete up to tree size {covered}, and the given checkpoint of size {size} is part of it"
                )
            }
            (covered, None) => format!(
                "complete up to tree size {covered}; later batches cannot be excluded \
                 without a checkpoint from elsewhere"
            ),
        };
        self
    }
}

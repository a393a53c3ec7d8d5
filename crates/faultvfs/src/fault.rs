use std::ops::Range;

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// A file is opened, or created. Not a step, as reads are none.
    Open,
    /// Bytes are read. Not a step: reads come from many threads in no fixed order.
    Read,
    /// Bytes are written.
    Write,
    /// A file is cut, or made longer.
    Truncate,
    /// What was written to a file is to be made durable.
    Sync,
    /// A file is removed.
    Delete,
}

impl Operation {
    /// Whether it counts as a step of the disk.
    pub(crate) fn is_step(self) -> bool {
        !matches!(self, Self::Open | Self::Read)
    }
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// An I/O error; nothing is done. For a sync: what was to be synced counts as clean from now on and is durable only
    /// by chance, write by write.
    Io,
    /// As [`Failure::Io`], and a sync that fails also drops its pages from the cache: what is read from now on is what
    /// the disk holds. For other operations the same as [`Failure::Io`].
    IoAndForgotten,
    /// An I/O error after all was done.
    IoAfterwards,
    /// An I/O error after a part of a write was done. For other operations the same as [`Failure::Io`].
    Torn,
    /// The disk is full; nothing is done. Only writes fail so.
    Full,
    /// The disk is full after a part of a write was done. Only writes fail so.
    FullAfterPart,
    /// The process ends in the middle of the operation: everything fails from now on. How it ended is for
    /// [`crate::Disk::restart`] to say.
    End,
}

impl Failure {
    /// Every way to fail that leaves the process alive.
    pub const SURVIVABLE: [Self; 6] =
        [Self::Io, Self::IoAndForgotten, Self::IoAfterwards, Self::Torn, Self::Full, Self::FullAfterPart];

    /// Whether an operation of this kind can fail so.
    pub fn is_possible_for(self, operation: Operation) -> bool {
        match self {
            Self::Full | Self::FullAfterPart | Self::Torn => operation == Operation::Write,
            Self::IoAndForgotten => operation == Operation::Sync,
            Self::IoAfterwards => !matches!(operation, Operation::Open | Operation::Read),
            Self::Io | Self::End => true,
        }
    }
}

/// When to fail, and how. The first rule that fits decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The kind of operation; any step where `None`.
    pub operation: Option<Operation>,
    /// The steps of the disk during which it holds, counted from the mount: see [`crate::Disk::steps`]. For reads and
    /// opens, the reads or opens since the mount.
    pub steps: Range<u64>,
    /// How it fails.
    pub failure: Failure,
}

impl Rule {
    pub(crate) fn fits(&self, operation: Operation, number: u64) -> bool {
        let is_meant = match self.operation {
            None => operation.is_step(),
            Some(meant) => meant == operation,
        };
        is_meant && self.steps.contains(&number) && self.failure.is_possible_for(operation)
    }
}

use std::error::Error as StdError;
use std::fmt;

use event::Violation;

/// The engine's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller should do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong; see the violations. Nothing was stored.
    Invalid,
    /// Producers may not write this (a reserved tenant or source). Nothing was stored.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The same key was used for other content. Nothing was stored.
    Conflict,
    /// More at once than the limits allow. Nothing was stored.
    TooLarge,
    /// The queue is full. Nothing was stored; retry later.
    Overloaded,
    /// The disk is full. Nothing was stored; make room.
    DiskFull,
    /// It may have been stored. Retry with the same event ids.
    OutcomeUnknown,
    /// The ledger takes no writes, or cannot be read, right now.
    Unavailable,
    /// Policy forbids it.
    Refused,
    /// The ledger holds less than what was signed: an older copy, or cut off.
    Truncated,
    /// What is stored is not what was written.
    Corrupt,
    /// A fault of this program.
    Internal,
}

/// A failed engine call: its kind, a message about this layer, the violations if any, and the cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    violations: Vec<Violation>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), violations: Vec::new(), source: None }
    }

    /// An error with its cause, which the edge prints once.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind, message) }
    }

    /// An error that names what is wrong, by position and member.
    pub fn with_violations(kind: ErrorKind, message: impl Into<String>, violations: Vec<Violation>) -> Self {
        Self { violations, ..Self::new(kind, message) }
    }

    /// The same of an event that stands alone, where a position says nothing.
    pub(crate) fn without_positions(mut self) -> Self {
        self.violations.iter_mut().for_each(|violation| violation.position = None);
        self
    }

    /// What the caller should do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong, by position and member; empty for most kinds.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let (kind, message) = match error.kind() {
            store::ErrorKind::Full => {
                (ErrorKind::DiskFull, "the disk is full: nothing was stored, make room")
            }
            store::ErrorKind::OutcomeUnknown => {
                (ErrorKind::OutcomeUnknown, "outcome unknown: retry with the same event_id")
            }
            store::ErrorKind::Corrupt => (ErrorKind::Corrupt, "the ledger's rows are damaged"),
            store::ErrorKind::Invalid => (ErrorKind::Internal, "the ledger's rows could not be used"),
            store::ErrorKind::RowMoved => {
                (ErrorKind::Conflict, "what this was decided on has changed meanwhile: nothing was stored")
            }
            store::ErrorKind::HeadMoved
            | store::ErrorKind::HoldsMoved
            | store::ErrorKind::Conflict
            | store::ErrorKind::Unavailable => (ErrorKind::Unavailable, "the ledger is not available now"),
        };
        Self::with_source(kind, message, error)
    }
}

impl From<archive::Error> for Error {
    fn from(error: archive::Error) -> Self {
        Self::with_source(ErrorKind::Unavailable, "the archive could not be used", error)
    }
}

impl From<merkle::TreeError> for Error {
    fn from(error: merkle::TreeError) -> Self {
        Self::with_source(ErrorKind::Corrupt, "the Merkle tree's tiles do not fit together", error)
    }
}

/// A failure of this program's own making: a row it wrote cannot be read back as what it is.
pub(crate) fn corrupt_row(table: &str, key: &str, source: serde_json::Error) -> Error {
    Error::with_source(ErrorKind::Corrupt, format!("row {key} of {table} cannot be read"), source)
}

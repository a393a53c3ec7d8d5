use std::error::Error as StdError;
use std::fmt;

/// A store's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller may assume, and so what it should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Not applied: the head is elsewhere. Read it and plan again.
    HeadMoved,
    /// Not applied: a hold was placed or released meanwhile. Evaluate the holds again.
    HoldsMoved,
    /// Not applied: a control row is not what the write was decided on. Read it and decide again.
    RowMoved,
    /// Not applied: a dedup key is already there. Look the keys up and plan again.
    Conflict,
    /// Not applied: the disk is full. Nothing is wrong with what is stored; retry when there is room.
    Full,
    /// It may or may not have been applied. Never guess: call [`crate::Store::recover`].
    OutcomeUnknown,
    /// Not applied: the store takes no writes now (poisoned, closed, opened for reading). Retry later.
    Unavailable,
    /// What is stored is not what was written. Stop and verify.
    Corrupt,
    /// The call itself is wrong, or the store is not one of ours. Do not retry.
    Invalid,
}

/// A failed store call: its kind, a message about this layer, and the cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// An error with its cause, which the edge prints once.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(source.into()) }
    }

    /// What the caller may assume.
    pub fn kind(&self) -> ErrorKind {
        self.kind
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

//! Why a place did not do what it was asked to.

use std::error::Error as StdError;
use std::fmt;

/// A call on a [`Storage`](crate::Storage) that failed.
///
/// The text goes into reports and logs: it holds no credential, no signed URL and nothing a server said beyond its code
/// and its message.
#[derive(Debug)]
pub struct StorageError {
    kind: StorageErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a failed call means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// The place refused: these credentials may not do that, or are none.
    Denied,
    /// There is no room, or a quota is used up.
    Full,
    /// The place was not reached, did not answer in time, or failed: what was asked may have happened.
    Unavailable,
    /// What was asked did not happen, or must not be taken to have happened whatever is read back: an fsync that
    /// failed, an answer that is none.
    Failed,
}

impl StorageError {
    /// An error of this kind; the message says what the place said.
    pub fn new(kind: StorageErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// With what was the cause. Its text must be fit for a report, too.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What it means for the caller.
    pub fn kind(&self) -> StorageErrorKind {
        self.kind
    }

    /// Whether what was asked for may have happened all the same, which reading back tells.
    pub fn outcome_is_unknown(&self) -> bool {
        self.kind == StorageErrorKind::Unavailable
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for StorageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<std::io::Error> for StorageError {
    /// Of a local file: what failed there did not happen, whatever the page cache shows.
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let (kind, message) = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                (StorageErrorKind::Full, "there is no room left")
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                (StorageErrorKind::Denied, "the file system refused")
            }
            _ => (StorageErrorKind::Failed, "the file system failed"),
        };
        Self::new(kind, message).with_source(error)
    }
}

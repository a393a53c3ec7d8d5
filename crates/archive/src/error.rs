//! What can go wrong, sorted by what the caller can do about it.

use std::io;
use std::path::PathBuf;

use crate::destination::StartError;
use crate::problem::Problem;

/// Why a call on an archive failed. Each variant says who has to act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call itself is wrong; repeating it gives the same answer.
    #[error("{0}")]
    Invalid(String),
    /// The destination is not described so that it can be used. Nothing was tried.
    #[error("{id}: {message}")]
    Start {
        /// Under what `docs/errors.md` says more.
        id: StartError,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The destination answered, and the key is not there.
    #[error("{key} is not in archive destination {destination}")]
    NotFound {
        /// The destination's name.
        destination: String,
        /// The key, relative to the destination's prefix.
        key: String,
    },
    /// A destination is to be read, and its directory does not exist: mistyped, or not mounted.
    #[error("there is no directory {}", path.display())]
    NoDirectory {
        /// The root that was named.
        path: PathBuf,
    },
    /// The key holds other bytes than ours. Nothing was written and nothing ever overwrites it:
    /// a person has to look.
    #[error("{key} in archive destination {destination} already holds different bytes; it was left alone")]
    Conflict {
        /// The destination's name.
        destination: String,
        /// The key, relative to the destination's prefix.
        key: String,
    },
    /// The stored bytes are more than the format allows at this key; they were not read into memory.
    #[error("{key} in archive destination {destination} is larger than the {bytes_max} bytes allowed there")]
    TooLarge {
        /// The destination's name.
        destination: String,
        /// The key, relative to the destination's prefix.
        key: String,
        /// The limit that was passed.
        bytes_max: u64,
    },
    /// The destination could not be reached, read or written. Retry later: every write of this crate
    /// may be repeated.
    #[error("archive destination {destination}: cannot {action} {key}")]
    Unavailable {
        /// The destination's name.
        destination: String,
        /// What was tried: `read`, `write`, `list`, `sync`.
        action: &'static str,
        /// The key, relative to the destination's prefix; a path for a local root.
        key: String,
        /// What the layer below said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The local staging directory could not be read or written. Start the batch again.
    #[error("cannot {action} the staging file {}", path.display())]
    Staging {
        /// The staged file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// What is stored is not what the manifest, the tree or the format says.
    #[error("{0}")]
    Corrupt(Problem),
    /// A worker of this process ended without a result. A defect, not the archive's fault.
    #[error("a worker of the archive ended early: {0}")]
    Internal(String),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn start(id: StartError, message: impl Into<String>) -> Self {
        Self::Start { id, message: message.into() }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Corrupt(problem)
    }
}

impl From<tokio::task::JoinError> for Error {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Internal(error.to_string())
    }
}

//! Why a task ended without success, and the exit code that says so.

use std::fmt;
use std::process::ExitCode;

/// The two ways in which a task fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The task did its work and found a fault in the repository. Exit code 1.
    Found(String),
    /// The task could not do its work: bad arguments, a missing tool, an unreadable file. Exit code 2.
    CouldNotRun(String),
}

impl Failure {
    /// Bad arguments: what is wrong with them, then how it is done.
    pub(crate) fn usage(problem: &str, usage: &str) -> Self {
        Self::CouldNotRun(format!("{problem}\n\n{usage}"))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Found(_) => ExitCode::from(1),
            Self::CouldNotRun(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(message) | Self::CouldNotRun(message) => formatter.write_str(message),
        }
    }
}

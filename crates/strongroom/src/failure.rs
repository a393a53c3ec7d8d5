//! Why a command stopped: a message, its causes, what to do, and the exit code.

use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::io;

use event::Violation;

/// How a command ended. The numbers are the process's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It ran, and what it checked is not as it should be.
    Found = 1,
    /// It could not run, or not to its end.
    CouldNotRun = 2,
    /// A policy forbids it.
    Refused = 3,
}

/// A violation with the code of its rule, which does not change with the wording.
pub(crate) fn violation_text(violation: &Violation) -> String {
    format!("{violation} [{}]", violation.rule)
}

/// Violations shown in full; the rest is counted.
const VIOLATIONS_SHOWN_MAX: usize = 20;

/// A command that did not reach its end.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    account: Option<String>,
    hint: Option<String>,
    silent: bool,
}

impl Failure {
    /// It could not run.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::CouldNotRun,
            message: message.into(),
            source: None,
            account: None,
            hint: None,
            silent: false,
        }
    }

    /// It could not run, because of `source`.
    pub(crate) fn caused(
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), ..Self::new(message) }
    }

    /// Several things that are wrong with one input, one a line.
    pub(crate) fn listing(message: &str, problems: impl IntoIterator<Item = String>) -> Self {
        let mut text = message.to_owned();
        let mut more = 0_usize;
        for (index, problem) in problems.into_iter().enumerate() {
            if index < VIOLATIONS_SHOWN_MAX {
                let _ = write!(text, "\n  {problem}");
            } else {
                more += 1;
            }
        }
        if more > 0 {
            let _ = write!(text, "\n  and {more} more");
        }
        Self::new(text)
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says where it happened.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Adds a line on what was done nevertheless. A pipe that was closed early is told then, too: what was asked for was
    /// not done to its end.
    pub(crate) fn after(mut self, account: &str) -> Self {
        if self.silent {
            self.silent = false;
            self.exit = Exit::CouldNotRun;
        }
        self.account = Some(account.to_owned());
        self
    }

    /// Stdout could not be written. A reader that has seen enough (`| head`) is no error of ours.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Done, silent: true, ..Self::new("stdout was closed") };
        }
        Self::caused("cannot write to stdout", error)
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }
}

impl fmt::Display for Failure {
    /// The whole chain once, then the hint on a line of its own.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.message)?;
        let mut said = self.message.clone();
        let mut next = self.source.as_deref().map(|source| source as &(dyn StdError + 'static));
        while let Some(error) = next {
            let text = error.to_string();
            // Some libraries repeat their source in their own text.
            if !said.contains(&text) {
                write!(formatter, ": {text}")?;
            }
            said = text;
            next = error.source();
        }
        if let Some(account) = &self.account {
            write!(formatter, "\n{account}")?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        let exit = match error.kind() {
            engine::ErrorKind::Refused => Exit::Refused,
            _ => Exit::CouldNotRun,
        };
        let hint = hint_for(error.kind());
        let violations: Vec<String> = error.violations().iter().map(violation_text).collect();
        let listed = Self::listing(&error.to_string(), violations);
        let source = cause_of(&error);
        Self { exit, hint: hint.map(str::to_owned), source, ..listed }
    }
}

/// The causes of an engine's error, as text: the error itself is the message already.
fn cause_of(error: &engine::Error) -> Option<Box<dyn StdError + Send + Sync>> {
    let mut texts = Vec::new();
    let mut next = StdError::source(error);
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    (!texts.is_empty()).then(|| texts.join(": ").into())
}

fn hint_for(kind: engine::ErrorKind) -> Option<&'static str> {
    match kind {
        engine::ErrorKind::DiskFull => Some("make room on the disk; nothing that was acknowledged is lost"),
        engine::ErrorKind::OutcomeUnknown => Some("send the same events again with the same event_id"),
        engine::ErrorKind::Truncated => Some(
            "an older copy of the ledger was put in place: put the newest one back, or verify the archive \
             with the newest checkpoint you hold",
        ),
        engine::ErrorKind::Corrupt => Some("strongroom verify says what is damaged and from which entry on"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_printed_once() {
        let inner = io::Error::other("the disk is on fire");
        let failure = Failure::caused("cannot open the ledger", inner).hint("call someone");
        assert_eq!(
            failure.to_string(),
            "error: cannot open the ledger: the disk is on fire\nhint: call someone"
        );
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let failure = Failure::listing("bad", (0..23).map(|number| number.to_string()));
        let text = failure.to_string();
        assert!(text.ends_with("\n  19\n  and 3 more"), "{text}");
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let failure = Failure::output(io::ErrorKind::BrokenPipe.into());
        assert!(failure.is_silent());
        assert_eq!(failure.exit(), Exit::Done);
    }
}

//! Errors for the caller to act on: repair the event, wait, make room, or fix the set-up.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::prepared::PreparedEvent;

/// Why a call did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client cannot be set up like this.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// Final: the same call will be refused again. Nothing of it was stored.
    #[error(transparent)]
    Refused(#[from] Box<Refusal>),
    /// The server could not be reached, or could not answer, until the deadline. What was sent may have arrived all the
    /// same: append the same events again and each is taken once.
    #[error(transparent)]
    Unavailable(#[from] Box<Unavailable>),
    /// The spool did not take the events.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The server was unavailable, and the spool did not take the events either.
    #[error("{unavailable}; and the events were not spooled")]
    NotSpooled {
        /// Why they are not in the spool.
        #[source]
        spool: SpoolError,
        /// The events, and why they are not in the ledger.
        unavailable: Box<Unavailable>,
    },
    /// The deadline of a flush passed while events waited in the spool. They stay there.
    #[error("{events} events are still in the spool{}", because(.reason.as_deref()))]
    Pending {
        /// How many.
        events: u64,
        /// What keeps them, if anything went wrong.
        reason: Option<String>,
    },
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// An error's message and those of its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Error {
    /// The server's refusal, if that is what it is.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConfigurationError {
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ConfigurationError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(crate) fn caused(message: impl Into<String>, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { message: message.into(), source: Some(Box::new(source)) }
    }
}

/// What kind of refusal it is, as the HTTP status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// 400: it cannot be read.
    Malformed,
    /// 401: the token is not known, has expired or was revoked.
    Unauthenticated,
    /// 403: the token may not do this, or not for this tenant.
    Forbidden,
    /// 404.
    NotFound,
    /// 409: the same id with other content.
    Conflict,
    /// 413: more events or bytes than the server takes.
    TooLarge,
    /// 422: an event breaks a rule; the violations say which.
    Invalid,
    /// Any other status that is final.
    Other,
}

/// The server, or a rule that needs no server, refused for good.
#[derive(Clone, Debug)]
pub struct Refusal {
    kind: RefusalKind,
    status: Option<u16>,
    /// Somebody else than Strongroom answered: a proxy, or whatever stands at a wrong address.
    is_foreign: bool,
    body: RefusalBody,
}

/// `error` of the server's answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct RefusalBody {
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default)]
    details: Vec<Violation>,
}

#[derive(Deserialize)]
struct AnswerBody {
    error: RefusalBody,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// The event's place in the call, from 0; `None` when it is about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// The member's path, such as `actor.id`; empty for the event as a whole.
    #[serde(default)]
    pub member: String,
    /// The rule's stable code.
    #[serde(default)]
    pub rule: String,
    /// What to do about it.
    #[serde(default)]
    pub message: String,
}

impl From<event::Violation> for Violation {
    fn from(violation: event::Violation) -> Self {
        Self {
            position: violation.position,
            member: violation.member,
            rule: violation.rule.to_owned(),
            message: violation.message,
        }
    }
}

impl Refusal {
    /// Reads a server's answer; one that is not in the server's form still has its status.
    pub(crate) fn of(status: u16, body: &[u8]) -> Self {
        let answer = serde_json::from_slice::<AnswerBody>(body).ok();
        let is_foreign = answer.is_none();
        let body = answer.map_or_else(
            || RefusalBody {
                code: format!("http_{status}"),
                message: format!(
                    "the answer {status} is not Strongroom's: is the address right, is there a proxy?"
                ),
                ..RefusalBody::default()
            },
            |answer| answer.error,
        );
        let kind = match status {
            400 => RefusalKind::Malformed,
            401 => RefusalKind::Unauthenticated,
            403 => RefusalKind::Forbidden,
            404 => RefusalKind::NotFound,
            409 => RefusalKind::Conflict,
            413 => RefusalKind::TooLarge,
            422 => RefusalKind::Invalid,
            _ => RefusalKind::Other,
        };
        Self { kind, status: Some(status), is_foreign, body }
    }

    /// A refusal before anything was sent.
    pub(crate) fn local(kind: RefusalKind, message: impl Into<String>, details: Vec<Violation>) -> Self {
        let code = match kind {
            RefusalKind::Invalid => "event_invalid",
            RefusalKind::Forbidden => "forbidden",
            RefusalKind::TooLarge => "too_large",
            _ => "malformed",
        };
        let body = RefusalBody { code: code.to_owned(), message: message.into(), request_id: None, details };
        Self { kind, status: None, is_foreign: false, body }
    }

    /// The same, about the event at this place of the call.
    pub(crate) fn at(mut self, position: usize) -> Self {
        for violation in &mut self.body.details {
            violation.position = Some(position);
        }
        self
    }

    pub(crate) fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// What kind it is.
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The HTTP status; `None` when it was refused before anything was sent.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The server's stable code, such as `event_invalid`.
    pub fn code(&self) -> &str {
        &self.body.code
    }

    /// What people are told.
    pub fn message(&self) -> &str {
        &self.body.message
    }

    /// The request's id, by which the server's operator finds it.
    pub fn request_id(&self) -> Option<&str> {
        self.body.request_id.as_deref()
    }

    /// Which rules were broken by which event, as far as it is about events.
    pub fn violations(&self) -> &[Violation] {
        &self.body.details
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.message(), self.code())?;
        if let Some(first) = self.violations().first() {
            write!(formatter, "; {}: {}", first.member, first.message)?;
        }
        match self.request_id() {
            Some(request_id) => write!(formatter, "; request {request_id}"),
            None => Ok(()),
        }
    }
}

impl StdError for Refusal {}

/// The deadline passed without an answer that settles anything.
#[derive(Debug, thiserror::Error)]
#[error("no answer after {attempts} attempts in {waited:.1?}: {reason}")]
pub struct Unavailable {
    /// The events of the call, with the ids under which they were sent. Append these again, not new ones.
    pub events: Vec<PreparedEvent>,
    /// How often it was tried.
    pub attempts: u32,
    /// How long, from the call on.
    pub waited: Duration,
    /// How long the server asked to wait, if it did.
    pub retry_after: Option<Duration>,
    /// What the last attempt met.
    pub reason: String,
}

impl Unavailable {
    /// The ids under which the events were sent.
    pub fn event_ids(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(PreparedEvent::event_id)
    }
}

/// The spool cannot do its work. Nothing of the call is in it, unless its directory is damaged beyond that.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The client was built without a spool.
    #[error("this client has no spool: give its builder a directory")]
    Absent,
    /// Another process, or another client of this one, has the directory.
    #[error("the spool directory {} is in use by {holder}: each process needs one of its own", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// Who has it, as far as that can be told.
        holder: String,
    },
    /// There is no room for these events below the spool's bound.
    #[error("the spool is full: {bytes_used} of {bytes_max} bytes are in use")]
    Full {
        /// What the spool's files hold, those with refused events included.
        bytes_used: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// The file system failed.
    #[error("the spool cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl SpoolError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_the_servers_form_is_read_whole() {
        let body = br#"{"error":{"code":"event_invalid","message":"1 of 2","request_id":"r","details":[{"position":1,"member":"actor.id","rule":"required","message":"is missing"}]}}"#;
        let refusal = Refusal::of(422, body);
        assert_eq!(refusal.kind(), RefusalKind::Invalid);
        assert_eq!((refusal.code(), refusal.request_id()), ("event_invalid", Some("r")));
        assert_eq!(refusal.violations()[0].position, Some(1));
        assert_eq!(refusal.to_string(), "1 of 2 (event_invalid); actor.id: is missing; request r");
    }

    #[test]
    fn an_answer_of_somebody_else_keeps_its_status() {
        let refusal = Refusal::of(418, b"<html>teapot</html>");
        assert_eq!(
            (refusal.kind(), refusal.code(), refusal.status()),
            (RefusalKind::Other, "http_418", Some(418))
        );
    }
}

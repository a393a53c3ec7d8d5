//! The fields of an entry that search, retention and dedup look at, read from its line.

use std::borrow::Cow;

use serde::Deserialize;

use crate::Timestamp;
use crate::json::Text;
use crate::kinds::{ActorType, Outcome, Stream};
use crate::term::{Field, Terms, term};
use crate::written_line;

/// Why bytes are not an entry's line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// They are not UTF-8.
    #[error("is not UTF-8 and so not the line of an entry")]
    Utf8(#[from] std::str::Utf8Error),
    /// They are not JSON, or a member of every entry is missing or of another type.
    #[error("is not the line of an entry")]
    Json(#[from] serde_json::Error),
}

/// An entry's fields, borrowed from its line wherever a string has no escape. Members it does not name are skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFields<'a> {
    /// Place in the ledger, from 0.
    pub seq: u64,
    /// When the ledger took it in.
    pub recorded_at: Timestamp,
    /// The stream it belongs to.
    pub stream: Stream,
    /// The idempotency key, submitted or assigned.
    pub event_id: Cow<'a, str>,
    /// When it happened, as the producer claims.
    pub occurred_at: Timestamp,
    /// When the operation began that the entry is the end of; absent in other entries.
    pub started_at: Option<Timestamp>,
    /// Organisation, workspace or silo.
    pub tenant: Cow<'a, str>,
    /// What kind of subject acted.
    pub actor_type: ActorType,
    /// Who acted; absent only for system and anonymous actors.
    pub actor_id: Option<Cow<'a, str>>,
    /// The dotted verb.
    pub action: Cow<'a, str>,
    /// What kind of thing it was done to.
    pub target_type: Option<Cow<'a, str>>,
    /// Which thing it was done to.
    pub target_id: Option<Cow<'a, str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// The source surface.
    pub source: Option<Cow<'a, str>>,
    /// The id at the source.
    pub external_id: Option<Cow<'a, str>>,
    /// The request it belongs to.
    pub request_id: Option<Cow<'a, str>>,
    /// The trace it belongs to.
    pub trace_id: Option<Cow<'a, str>>,
    /// The conversation (discovery only).
    pub conversation_id: Option<Cow<'a, str>>,
    /// The message (discovery only).
    pub message_id: Option<Cow<'a, str>>,
    /// Until when it must be kept at least; absent where the stream was kept for ever when it was recorded, and then the
    /// policy decides.
    pub retention_until: Option<Timestamp>,
}

impl<'a> EntryFields<'a> {
    /// Reads the fields out of a line. What is not looked at is only checked for being JSON.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        // One pass over all bytes costs less than checking every string by itself.
        let raw: RawLine<'a> = serde_json::from_str(std::str::from_utf8(line)?)?;
        let (target_type, target_id) = raw.target.map_or((None, None), |target| (target.r#type, target.id));
        Ok(Self {
            seq: raw.seq,
            recorded_at: raw.recorded_at,
            stream: raw.stream,
            event_id: raw.event_id.0,
            occurred_at: raw.occurred_at,
            started_at: raw.started_at,
            tenant: raw.tenant.0,
            actor_type: raw.actor.r#type,
            actor_id: raw.actor.id.map(cow),
            action: raw.action.0,
            target_type: target_type.map(cow),
            target_id: target_id.map(cow),
            outcome: raw.outcome,
            source: raw.source.map(cow),
            external_id: raw.external_id.map(cow),
            request_id: raw.request_id.map(cow),
            trace_id: raw.trace_id.map(cow),
            conversation_id: raw.conversation_id.map(cow),
            message_id: raw.message_id.map(cow),
            retention_until: raw.retention_until,
        })
    }

    /// Reads the fields of a line that is as the ledger wrote it: the caller has compared its leaf hash. The same answer as
    /// [`parse`](Self::parse) gives, at a fraction of the cost, because what is not looked at is not read.
    pub fn of_written(line: &'a [u8]) -> Result<Self, LineError> {
        let text = std::str::from_utf8(line)?;
        written_line::read(text).map_or_else(|| Self::parse(line), Ok)
    }

    /// The value of a searchable field.
    pub fn value(&self, field: Field) -> Option<&str> {
        match field {
            Field::Stream => Some(self.stream.as_str()),
            Field::Tenant => Some(&self.tenant),
            Field::ActorId => self.actor_id.as_deref(),
            Field::Action => Some(&self.action),
            Field::TargetType => self.target_type.as_deref(),
            Field::TargetId => self.target_id.as_deref(),
            Field::Outcome => Some(self.outcome.as_str()),
            Field::Source => self.source.as_deref(),
            Field::RequestId => self.request_id.as_deref(),
            Field::TraceId => self.trace_id.as_deref(),
            Field::ConversationId => self.conversation_id.as_deref(),
            Field::MessageId => self.message_id.as_deref(),
            Field::EventId => Some(&self.event_id),
        }
    }

    /// The index terms, equal to those of the event the line was made from.
    pub fn terms(&self) -> Terms {
        Field::ALL.map(|field| self.value(field).map_or(0, |value| term(field, value)))
    }
}

fn cow(text: Text<'_>) -> Cow<'_, str> {
    text.0
}

#[derive(Deserialize)]
struct RawLine<'a> {
    seq: u64,
    recorded_at: Timestamp,
    stream: Stream,
    #[serde(borrow)]
    event_id: Text<'a>,
    occurred_at: Timestamp,
    started_at: Option<Timestamp>,
    #[serde(borrow)]
    tenant: Text<'a>,
    #[serde(borrow)]
    actor: RawActor<'a>,
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    target: Option<RawTarget<'a>>,
    outcome: Outcome,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    external_id: Option<Text<'a>>,
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
    #[serde(borrow)]
    trace_id: Option<Text<'a>>,
    retention_until: Option<Timestamp>,
    #[serde(borrow)]
    conversation_id: Option<Text<'a>>,
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawActor<'a> {
    r#type: ActorType,
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawTarget<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

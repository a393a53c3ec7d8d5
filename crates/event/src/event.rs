//! A validated event, rendered once and ready to become a line.

use sha2::{Digest, Sha256};

use crate::json::{self, Members, Value};
use crate::key::{self, Keys};
use crate::kinds::{ActorType, Outcome, Stream};
use crate::path::Path;
use crate::schema::{ACTOR, EVENT, TARGET, place};
use crate::term::{Field, Terms, term};
use crate::violation::{Violation, rule};
use crate::walk::{Layout, Walk};
use crate::{Limits, RESERVED_SOURCE, RESERVED_TENANT, Timestamp, canonical, digits, text_rules};

const STREAM: usize = place(EVENT, "stream");
const EVENT_ID: usize = place(EVENT, "event_id");
const OCCURRED_AT: usize = place(EVENT, "occurred_at");
const TENANT: usize = place(EVENT, "tenant");
const ACTOR_OBJECT: usize = place(EVENT, "actor");
const ACTION: usize = place(EVENT, "action");
const TARGET_OBJECT: usize = place(EVENT, "target");
const OUTCOME: usize = place(EVENT, "outcome");
const ERROR: usize = place(EVENT, "error");
const SOURCE: usize = place(EVENT, "source");
const EXTERNAL_ID: usize = place(EVENT, "external_id");
const REQUEST_ID: usize = place(EVENT, "request_id");
const TRACE_ID: usize = place(EVENT, "trace_id");
const RETENTION_UNTIL: usize = place(EVENT, "retention_until");
const CONVERSATION_ID: usize = place(EVENT, "conversation_id");
const MESSAGE_ID: usize = place(EVENT, "message_id");
const ACTOR_TYPE: usize = place(ACTOR, "type");
const ACTOR_ID: usize = place(ACTOR, "id");
const TARGET_TYPE: usize = place(TARGET, "type");
const TARGET_ID: usize = place(TARGET, "id");

/// What a producer submitted, validated. It is kept as the bytes of its line, so that making the line under the
/// ledger's lock costs a few copies.
#[derive(Clone, Debug)]
pub struct Event {
    stream: Stream,
    occurred_at: Timestamp,
    started_at: Option<Timestamp>,
    retention_until: Option<Timestamp>,
    tenant: Box<str>,
    id: Option<Box<str>>,
    source: Option<Box<str>>,
    external_id: Option<Box<str>>,
    /// The members in the line's order, without braces and without anything assigned or defaulted.
    members: Vec<u8>,
    /// `,"event_id":"…"` when the id was assigned, else empty.
    assigned_id: Vec<u8>,
    /// Where in `members` an assigned `event_id` goes.
    id_offset: usize,
    /// `,"trace_id":"…"` when that of the request was taken, else empty.
    default_trace_id: Vec<u8>,
    /// Where in `members` a default `trace_id` goes.
    trace_offset: usize,
    /// Where in `members` a default `retention_until` goes.
    retention_offset: usize,
    content_hash: [u8; 16],
    terms: Terms,
}

impl Event {
    /// Reads and validates one submitted event, reporting every violation at once (up to a bound; only one when the
    /// bytes are not JSON or too many). `now` is what `occurred_at` is held against.
    pub fn parse(json: &[u8], limits: &Limits, now: Timestamp) -> Result<Self, Vec<Violation>> {
        let mut members = object(json, limits)?;
        Self::from_members(&mut members, json.len(), limits, now, None)
    }

    /// Validates and renders what was read from about so many bytes. When an operation ends (`begun`), the members do
    /// not have its `retention_until`.
    pub(crate) fn from_members(
        members: &mut Members<'_>,
        bytes: usize,
        limits: &Limits,
        now: Timestamp,
        begun: Option<Begun>,
    ) -> Result<Self, Vec<Violation>> {
        let stream = members.iter().find(|(name, _)| name.0 == "stream").and_then(|(_, value)| match value {
            Value::String(text) => text.parse().ok(),
            _ => None,
        });
        let mut walk = Walk::new(limits, stream, bytes + 64);
        let layout = walk.members(EVENT, members, Path::Whole);
        let times = between_members(&mut walk, members, &layout, now);
        if walk.out.len() + 2 > limits.event_bytes_max {
            let message = text_rules::too_long(walk.out.len() + 2, limits.event_bytes_max);
            walk.violation(Path::Whole, rule::TOO_LONG, message);
        }
        let mut rendered = walk.finish()?;
        // With no violation the stream and the time are there; the branch exists because the types cannot say so.
        let (Some(stream), (Some(occurred_at), retention_until)) = (stream, times) else {
            return Err(whole(rule::REQUIRED, "has no stream or no occurred_at".to_owned()));
        };
        let (mut trace_offset, mut retention_offset) =
            (layout.offsets[TRACE_ID], layout.offsets[RETENTION_UNTIL]);
        if let Some(begun) = begun {
            let member = format!(",\"started_at\":\"{}\"", begun.started_at);
            rendered.splice(layout.offsets[TENANT]..layout.offsets[TENANT], member.bytes());
            trace_offset += member.len();
            retention_offset += member.len();
        }
        let boxed = |place| layout.text(members, place).map(Box::from);
        Ok(Self {
            stream,
            occurred_at,
            started_at: begun.map(|begun| begun.started_at),
            retention_until: begun.map_or(retention_until, |begun| begun.retention_until),
            tenant: boxed(TENANT).unwrap_or_default(),
            id: boxed(EVENT_ID),
            source: boxed(SOURCE),
            external_id: boxed(EXTERNAL_ID),
            content_hash: content_hash(&rendered),
            members: rendered,
            assigned_id: Vec::new(),
            id_offset: layout.offsets[EVENT_ID],
            default_trace_id: Vec::new(),
            trace_offset,
            retention_offset,
            terms: terms(members, &layout),
        })
    }

    /// Gives the event an id if the producer gave none; otherwise nothing happens. The content hash stays as it is: a
    /// retry without an id must be found equal to the first try.
    pub fn assign_event_id(&mut self, id: String) {
        if self.id.is_some() {
            return;
        }
        self.assigned_id.extend_from_slice(b",\"event_id\":");
        canonical::push_string(&id, &mut self.assigned_id);
        self.terms[usize::from(Field::EventId.number())] = term(Field::EventId, &id);
        self.id = Some(id.into());
    }

    /// Gives the event the trace of the request that brought it, if the producer named none; otherwise nothing happens.
    /// `id` has to be an identifier. The content hash stays as it is: a retry is another request, often with another
    /// trace, and must be found equal to the first try.
    pub fn default_trace_id(&mut self, id: &str) {
        let index = usize::from(Field::TraceId.number());
        if self.terms[index] != 0 {
            return;
        }
        self.default_trace_id.extend_from_slice(b",\"trace_id\":");
        canonical::push_string(id, &mut self.default_trace_id);
        self.terms[index] = term(Field::TraceId, id);
    }

    /// The first 16 bytes of SHA-256 of the canonical event (in braces, without `seq` and `recorded_at`) before
    /// defaults and without an assigned `event_id`; a submitted one is in it.
    pub const fn content_hash(&self) -> [u8; 16] {
        self.content_hash
    }

    /// The idempotency keys; see [`Keys`] for when they are absent.
    pub fn keys(&self) -> Keys {
        let external = self.source.as_deref().zip(self.external_id.as_deref());
        Keys::new(&self.tenant, self.id.as_deref(), external)
    }

    /// Appends the canonical line, without a newline. `default_retention_until` counts when the event has none of its
    /// own; with an operation, also when its own is shorter: when it began, that was long enough.
    pub fn write_line(
        &self,
        seq: u64,
        recorded_at: Timestamp,
        default_retention_until: Option<Timestamp>,
        out: &mut Vec<u8>,
    ) {
        out.reserve(self.members.len() + self.assigned_id.len() + self.default_trace_id.len() + 160);
        out.extend_from_slice(b"{\"seq\":");
        digits::push_u64(seq, out);
        out.extend_from_slice(b",\"recorded_at\":\"");
        recorded_at.write(out);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(&self.members[..self.id_offset]);
        out.extend_from_slice(&self.assigned_id);
        out.extend_from_slice(&self.members[self.id_offset..self.trace_offset]);
        out.extend_from_slice(&self.default_trace_id);
        out.extend_from_slice(&self.members[self.trace_offset..self.retention_offset]);
        let until = match (self.started_at, self.retention_until) {
            // What was submitted stands among the members.
            (None, Some(_)) => None,
            (_, None) => default_retention_until,
            (Some(_), Some(own)) => default_retention_until.map(|until| until.max(own)),
        };
        if let Some(until) = until {
            out.extend_from_slice(b",\"retention_until\":\"");
            until.write(out);
            out.push(b'"');
        }
        out.extend_from_slice(&self.members[self.retention_offset..]);
        out.push(b'}');
    }

    /// The index terms; that of the event id is 0 until an id is there.
    pub const fn terms(&self) -> Terms {
        self.terms
    }

    /// Approximate bytes of memory, for bounds on queues.
    pub fn bytes(&self) -> usize {
        let texts = [self.id.as_deref(), self.source.as_deref(), self.external_id.as_deref()];
        let texts_bytes: usize = texts.into_iter().flatten().map(str::len).sum();
        size_of::<Self>()
            + self.members.capacity()
            + self.assigned_id.capacity()
            + self.default_trace_id.capacity()
            + self.tenant.len()
            + texts_bytes
    }

    /// The stream it belongs to.
    pub const fn stream(&self) -> Stream {
        self.stream
    }

    /// Organisation, workspace or silo.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The idempotency key, submitted or assigned.
    pub fn event_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The source surface.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The id at the source; there is none without a source.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// When it happened, as the producer claims.
    pub const fn occurred_at(&self) -> Timestamp {
        self.occurred_at
    }

    /// When it began, if it is the second step of an operation; then `occurred_at` is when it ended.
    pub const fn started_at(&self) -> Option<Timestamp> {
        self.started_at
    }

    /// The event as one JSON object in canonical form, with its id, before defaults.
    pub(crate) fn text(&self) -> String {
        let mut text = vec![b'{'];
        text.extend_from_slice(&self.members[..self.id_offset]);
        text.extend_from_slice(&self.assigned_id);
        text.extend_from_slice(&self.members[self.id_offset..]);
        text.push(b'}');
        String::from_utf8(text).unwrap_or_else(|_| unreachable!("members are written from texts"))
    }

    /// Until when the producer wants it kept; whether that is long enough depends on `recorded_at` and is not checked
    /// here.
    pub const fn retention_until(&self) -> Option<Timestamp> {
        self.retention_until
    }

    /// Whether it claims the ledger's own tenant or source, which no producer may.
    pub fn is_reserved(&self) -> bool {
        self.tenant.as_ref() == RESERVED_TENANT || self.source.as_deref() == Some(RESERVED_SOURCE)
    }
}

/// What the first step of an operation leaves to the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) started_at: Timestamp,
    pub(crate) retention_until: Option<Timestamp>,
}

/// Reads one JSON object of at most the size of an event.
pub(crate) fn object<'a>(json: &'a [u8], limits: &Limits) -> Result<Members<'a>, Vec<Violation>> {
    if json.len() > limits.event_bytes_max {
        return Err(whole(rule::TOO_LONG, text_rules::too_long(json.len(), limits.event_bytes_max)));
    }
    match json::parse(json).map_err(|violation| vec![violation])? {
        Value::Object(members) => Ok(members),
        value => Err(whole(rule::TYPE, format!("is {} and must be an object", value.kind()))),
    }
}

fn whole(rule: &'static str, message: String) -> Vec<Violation> {
    vec![Violation::new("", rule, message)]
}

/// The rules that hold between members. Returns `occurred_at` and `retention_until` as far as they can be read.
fn between_members(
    walk: &mut Walk<'_>,
    members: &Members<'_>,
    layout: &Layout,
    now: Timestamp,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let time = |place| layout.text(members, place).and_then(|text| Timestamp::parse_rfc3339(text).ok());
    let whole = Path::Whole;
    let occurred_at = time(OCCURRED_AT);
    let seconds_max = walk.limits.future_seconds_max;
    let latest_micros = now.micros().saturating_add(i64::from(seconds_max) * 1_000_000);
    if occurred_at.is_some_and(|at| at.micros() > latest_micros) {
        let message = format!(
            "lies more than {seconds_max} seconds in the future; check the sender's clock and offset"
        );
        walk.violation(whole.member("occurred_at"), rule::IN_FUTURE, message);
    }
    let outcome = layout.text(members, OUTCOME).and_then(|text| text.parse::<Outcome>().ok());
    if layout.value(members, ERROR).is_some() && matches!(outcome, Some(Outcome::Success | Outcome::Unknown))
    {
        let message = "goes only with outcome failure or denied; leave it out or correct the outcome";
        walk.violation(whole.member("error"), rule::OUTCOME, message);
    }
    if layout.value(members, EXTERNAL_ID).is_some() && layout.value(members, SOURCE).is_none() {
        let message = "is missing and is required beside external_id, which is unique only within its source";
        walk.violation(whole.member("source"), rule::REQUIRED, message);
    }
    if let Some(Value::Object(actor)) = layout.value(members, ACTOR_OBJECT)
        && let Some(actor_type) =
            member(actor, ACTOR[ACTOR_TYPE].name).and_then(|text| text.parse::<ActorType>().ok())
        && actor_type.needs_id()
        && !actor.iter().any(|(name, _)| name.0 == ACTOR[ACTOR_ID].name)
    {
        let message = format!("is missing and is required for an actor of type {actor_type}");
        walk.violation(whole.member("actor").member("id"), rule::REQUIRED, message);
    }
    (occurred_at, time(RETENTION_UNTIL))
}

fn member<'m>(members: &'m Members<'_>, name: &str) -> Option<&'m str> {
    members.iter().find(|(found, _)| found.0 == name).and_then(|(_, value)| match value {
        Value::String(text) => Some(text.as_ref()),
        _ => None,
    })
}

fn content_hash(members: &[u8]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"{");
    hasher.update(members);
    hasher.update(b"}");
    key::first_16(&hasher.finalize())
}

fn terms(members: &Members<'_>, layout: &Layout) -> Terms {
    let nested = |object, name| match layout.value(members, object) {
        Some(Value::Object(nested)) => member(nested, name),
        _ => None,
    };
    Field::ALL.map(|field| {
        let text = match field {
            Field::Stream => layout.text(members, STREAM),
            Field::Tenant => layout.text(members, TENANT),
            Field::ActorId => nested(ACTOR_OBJECT, ACTOR[ACTOR_ID].name),
            Field::Action => layout.text(members, ACTION),
            Field::TargetType => nested(TARGET_OBJECT, TARGET[TARGET_TYPE].name),
            Field::TargetId => nested(TARGET_OBJECT, TARGET[TARGET_ID].name),
            Field::Outcome => layout.text(members, OUTCOME),
            Field::Source => layout.text(members, SOURCE),
            Field::RequestId => layout.text(members, REQUEST_ID),
            Field::TraceId => layout.text(members, TRACE_ID),
            Field::ConversationId => layout.text(members, CONVERSATION_ID),
            Field::MessageId => layout.text(members, MESSAGE_ID),
            Field::EventId => layout.text(members, EVENT_ID),
        };
        text.map_or(0, |text| term(field, text))
    })
}

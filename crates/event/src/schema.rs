//! The members an event may have, as data. The order here is the order of the line.

use crate::kinds::{ActorType, Outcome, Stream};

/// What a member's value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// One word of a closed set.
    Choice(&'static [&'static str]),
    /// A short string without control characters.
    Identifier,
    /// An identifier of at least two parts with a dot between them.
    Action,
    /// An identifier or a whole number, as sources have versions and status codes in either form.
    Label,
    /// A string of any characters.
    Free,
    /// A free string, or `{"sealed":"<base64>"}` in its place.
    Personal,
    /// An RFC 3339 date-time; stored in UTC with microseconds.
    Time,
    /// A whole number from 0.
    Count,
    /// A number from 0.
    Amount,
    /// 64 lower-case hexadecimal digits.
    Sha256,
    /// An object with these members and no others.
    Object(&'static [Member]),
    /// An array of such objects.
    List(&'static [Member]),
    /// An object with any members; in tool events, flat and without payload.
    Metadata,
    /// `{field: {before?, after?}}`, or `{field: "<redacted>"}`.
    Changes,
    /// A string, or an object or array with anything in it.
    Content,
}

/// One member of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// The only stream that has this member; `None` for all.
    pub(crate) stream: Option<Stream>,
}

const fn required(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: true, stream: None }
}

const fn optional(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: false, stream: None }
}

const fn only(stream: Stream, member: Member) -> Member {
    Member { stream: Some(stream), ..member }
}

/// Members the ledger writes itself. A submitted one is refused with its own message, not as unknown.
pub(crate) const RESERVED: &[&str] = &["seq", "recorded_at", "started_at"];

/// An event.
pub(crate) const EVENT: &[Member] = &[
    required("stream", Kind::Choice(Stream::WORDS)),
    optional("event_id", Kind::Identifier),
    required("occurred_at", Kind::Time),
    required("tenant", Kind::Identifier),
    required("actor", Kind::Object(ACTOR)),
    required("action", Kind::Action),
    optional("target", Kind::Object(TARGET)),
    required("outcome", Kind::Choice(Outcome::WORDS)),
    optional("error", Kind::Object(ERROR)),
    optional("source", Kind::Identifier),
    optional("external_id", Kind::Identifier),
    optional("request_id", Kind::Identifier),
    optional("trace_id", Kind::Identifier),
    optional("evidence", Kind::Free),
    optional("retention_until", Kind::Time),
    optional("metadata", Kind::Metadata),
    only(Stream::Audit, optional("changes", Kind::Changes)),
    only(Stream::Discovery, required("conversation_id", Kind::Identifier)),
    only(Stream::Discovery, optional("message_id", Kind::Identifier)),
    only(Stream::Discovery, optional("parent_message_id", Kind::Identifier)),
    only(Stream::Discovery, optional("message_role", Kind::Identifier)),
    only(Stream::Discovery, optional("message_version", Kind::Label)),
    only(Stream::Discovery, optional("content", Kind::Content)),
    only(Stream::Discovery, optional("attachments", Kind::List(ATTACHMENT))),
    only(Stream::Discovery, optional("model", Kind::Object(MODEL))),
    only(Stream::Discovery, optional("tool_call", Kind::Object(TOOL_CALL))),
    only(Stream::Discovery, optional("resume_id", Kind::Identifier)),
    only(Stream::Tool, required("tool", Kind::Identifier)),
    only(Stream::Tool, optional("duration_ms", Kind::Amount)),
    only(Stream::Tool, optional("in_size", Kind::Count)),
    only(Stream::Tool, optional("out_size", Kind::Count)),
    only(Stream::Tool, optional("input_hash", Kind::Identifier)),
    only(Stream::Tool, optional("graph_run_id", Kind::Identifier)),
    only(Stream::Tool, optional("graph_node", Kind::Identifier)),
    only(Stream::Tool, optional("job_id", Kind::Identifier)),
];

/// `actor`; whether `id` is required depends on the type.
pub(crate) const ACTOR: &[Member] = &[
    required("type", Kind::Choice(ActorType::WORDS)),
    optional("id", Kind::Identifier),
    optional("name", Kind::Personal),
    optional("email", Kind::Personal),
    optional("ip", Kind::Personal),
    optional("user_agent", Kind::Personal),
    optional("auth_method", Kind::Identifier),
    optional("credential_id", Kind::Identifier),
];

/// `target`.
pub(crate) const TARGET: &[Member] =
    &[required("type", Kind::Identifier), required("id", Kind::Identifier), optional("name", Kind::Free)];

const ERROR: &[Member] =
    &[optional("code", Kind::Label), optional("message", Kind::Free), optional("status", Kind::Label)];

const ATTACHMENT: &[Member] = &[
    required("name", Kind::Free),
    optional("media_type", Kind::Identifier),
    optional("size_bytes", Kind::Count),
    optional("sha256", Kind::Sha256),
    optional("pointer", Kind::Free),
];

const MODEL: &[Member] = &[optional("provider", Kind::Identifier), required("name", Kind::Identifier)];

const TOOL_CALL: &[Member] = &[
    optional("server", Kind::Identifier),
    required("tool", Kind::Identifier),
    optional("arguments_sha256", Kind::Sha256),
    optional("status", Kind::Identifier),
];

/// The largest number of members any of these objects has.
pub(crate) const MEMBERS_MAX: usize = EVENT.len();

/// The place of a member that is known to be there. Meant for constants, so that a wrong name does not compile.
pub(crate) const fn place(members: &[Member], name: &str) -> usize {
    let mut index = 0;
    while index < members.len() {
        if same(members[index].name.as_bytes(), name.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("no member of that name")
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

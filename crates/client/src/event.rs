//! Events as values: what `docs/formats/event.md` describes, with its names.

use event::{ActorType, Outcome, Stream, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::prepared;

/// An event under construction.
///
/// It gets its id and its time when it is made: appending the same value twice is a repetition, which the ledger answers
/// with the receipt of the first time. Nothing is checked here; what is wrong is found all at once when it is appended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Event {
    members: Map<String, Value>,
    #[serde(skip)]
    has_own_id: bool,
}

impl Event {
    /// Who did what to what: the record of account. `action` is a stable verb such as `session.create`.
    pub fn audit(tenant: impl Into<String>, actor: Actor, action: impl Into<String>) -> Self {
        Self::new(Stream::Audit, tenant.into(), actor, action.into())
    }

    /// A part of a conversation.
    pub fn discovery(
        tenant: impl Into<String>,
        actor: Actor,
        action: impl Into<String>,
        conversation_id: impl Into<String>,
    ) -> Self {
        Self::new(Stream::Discovery, tenant.into(), actor, action.into())
            .member("conversation_id", conversation_id.into())
    }

    /// A call of a tool: sizes, durations and hashes, never payload.
    pub fn tool(
        tenant: impl Into<String>,
        actor: Actor,
        action: impl Into<String>,
        tool: impl Into<String>,
    ) -> Self {
        Self::new(Stream::Tool, tenant.into(), actor, action.into()).member("tool", tool.into())
    }

    fn new(stream: Stream, tenant: String, actor: Actor, action: String) -> Self {
        Self { members: Map::new(), has_own_id: false }
            .member("stream", stream.as_str())
            .member("event_id", prepared::new_event_id())
            .member("occurred_at", prepared::now().to_string())
            .member("tenant", tenant)
            .member("actor", actor.0)
            .member("action", action)
    }

    /// An id of the caller's, the idempotency key within the tenant, in place of the one it got.
    #[must_use]
    pub fn event_id(mut self, event_id: impl Into<String>) -> Self {
        self.has_own_id = true;
        self.member("event_id", event_id.into())
    }

    /// When it happened, in place of when this value was made.
    #[must_use]
    pub fn occurred_at(self, at: Timestamp) -> Self {
        self.member("occurred_at", at.to_string())
    }

    /// What it was done to.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        self.member("target", target.0)
    }

    /// How it ended. Every event needs one, unless it begins an operation.
    #[must_use]
    pub fn outcome(self, outcome: Outcome) -> Self {
        self.member("outcome", outcome.as_str())
    }

    /// What went wrong; goes with the outcomes `failure` and `denied`.
    #[must_use]
    pub fn error(self, error: EventError) -> Self {
        self.member("error", error.0)
    }

    /// The surface it came from.
    #[must_use]
    pub fn source(self, source: impl Into<String>) -> Self {
        self.member("source", source.into())
    }

    /// The surface it came from and its id there. Unless the caller chose an event id, it follows from these two and the
    /// tenant: the same external event is the same event, however often it is delivered.
    #[must_use]
    pub fn external(mut self, source: impl Into<String>, external_id: impl Into<String>) -> Self {
        if !self.has_own_id {
            self.members.remove("event_id");
        }
        self.source(source).member("external_id", external_id.into())
    }

    /// The request that caused it.
    #[must_use]
    pub fn request_id(self, request_id: impl Into<String>) -> Self {
        self.member("request_id", request_id.into())
    }

    /// The trace it belongs to.
    #[must_use]
    pub fn trace_id(self, trace_id: impl Into<String>) -> Self {
        self.member("trace_id", trace_id.into())
    }

    /// One more member of the free-form `metadata`.
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let metadata = self.members.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        // A caller may have set the whole member to something else: that is the event that was asked for.
        if let Value::Object(metadata) = metadata {
            metadata.insert(name.into(), value.into());
        }
        self
    }

    /// Any other member, by its name in the format: `changes`, `message_id`, `duration_ms` and so on.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(transparent)]
        pub struct $name(Map<String, Value>);

        impl $name {
            fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
                self.0.insert(name.to_owned(), value.into());
                self
            }
        }
    };
}

object! {
    /// Who acted.
    Actor
}

impl Actor {
    /// A subject of this type with its stable identifier.
    pub fn new(actor_type: ActorType, id: impl Into<String>) -> Self {
        Self(Map::new()).with("type", actor_type.as_str()).with("id", id.into())
    }

    /// A person.
    pub fn user(id: impl Into<String>) -> Self {
        Self::new(ActorType::User, id)
    }

    /// A program with its own credentials.
    pub fn service(id: impl Into<String>) -> Self {
        Self::new(ActorType::Service, id)
    }

    /// An automated agent acting for somebody.
    pub fn agent(id: impl Into<String>) -> Self {
        Self::new(ActorType::Agent, id)
    }

    /// The platform itself.
    pub fn system() -> Self {
        Self(Map::new()).with("type", ActorType::System.as_str())
    }

    /// Nobody known.
    pub fn anonymous() -> Self {
        Self(Map::new()).with("type", ActorType::Anonymous.as_str())
    }

    /// A personal field: the address it acted from.
    #[must_use]
    pub fn ip(self, ip: impl Into<String>) -> Self {
        self.with("ip", ip.into())
    }

    /// A personal field: the name people know it by.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// A personal field.
    #[must_use]
    pub fn email(self, email: impl Into<String>) -> Self {
        self.with("email", email.into())
    }

    /// A personal field: the program it used.
    #[must_use]
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        self.with("user_agent", user_agent.into())
    }

    /// How it proved who it is, such as `passkey`.
    #[must_use]
    pub fn auth_method(self, auth_method: impl Into<String>) -> Self {
        self.with("auth_method", auth_method.into())
    }

    /// Which of its credentials it used: an id, never the credential.
    #[must_use]
    pub fn credential_id(self, credential_id: impl Into<String>) -> Self {
        self.with("credential_id", credential_id.into())
    }
}

object! {
    /// What was acted on.
    Target
}

impl Target {
    /// A kind of thing and the identifier of one.
    pub fn new(target_type: impl Into<String>, id: impl Into<String>) -> Self {
        Self(Map::new()).with("type", target_type.into()).with("id", id.into())
    }

    /// What people call it.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }
}

object! {
    /// Why an action failed or was denied.
    EventError
}

impl EventError {
    /// A stable code.
    pub fn new(code: impl Into<String>) -> Self {
        Self(Map::new()).with("code", code.into())
    }

    /// What people are told.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Self {
        self.with("message", message.into())
    }

    /// A number such as an HTTP status.
    #[must_use]
    pub fn status(self, status: u32) -> Self {
        self.with("status", status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepared::PreparedEvent;

    fn parse(event: &Event) -> Result<event::Event, Vec<event::Violation>> {
        let prepared = PreparedEvent::of(event, prepared::now()).unwrap();
        event::Event::parse(prepared.json().as_bytes(), &event::Limits::default(), prepared::now())
    }

    #[test]
    fn what_the_builder_makes_is_an_event_of_its_stream() {
        let audit = Event::audit("7", Actor::user("user-81").ip("192.0.2.1"), "role.grant")
            .target(Target::new("user", "user-93").name("Bo"))
            .outcome(Outcome::Denied)
            .error(EventError::new("policy").message("not on call").status(403))
            .request_id("req-1")
            .trace_id("trace-1")
            .metadata("attempt", 1)
            .member("changes", serde_json::json!({"role": {"after": "editor"}}));
        assert_eq!(parse(&audit).unwrap().stream(), Stream::Audit);
        let discovery = Event::discovery("7", Actor::agent("a"), "message.create", "conversation-1")
            .outcome(Outcome::Success)
            .member("content", "hello");
        assert_eq!(parse(&discovery).unwrap().stream(), Stream::Discovery);
        let tool = Event::tool("7", Actor::service("runner"), "tool.call", "search")
            .outcome(Outcome::Success)
            .member("duration_ms", 12.5);
        assert_eq!(parse(&tool).unwrap().stream(), Stream::Tool);
    }

    #[test]
    fn a_value_that_is_sent_twice_is_the_same_event() {
        let event = Event::audit("7", Actor::system(), "a.b").outcome(Outcome::Success);
        assert_eq!(parse(&event).unwrap().content_hash(), parse(&event).unwrap().content_hash());
        let other = Event::audit("7", Actor::system(), "a.b").outcome(Outcome::Success);
        assert_ne!(parse(&event).unwrap().event_id(), parse(&other).unwrap().event_id());
    }

    #[test]
    fn the_id_of_an_external_event_follows_from_its_origin_unless_the_caller_chose_one() {
        let id = |event: Event| parse(&event).unwrap().event_id().unwrap().to_owned();
        let base = || Event::audit("7", Actor::system(), "a.b").outcome(Outcome::Success);
        assert_eq!(id(base().external("github", "1")), id(base().external("github", "1")));
        assert_ne!(id(base().external("github", "1")), id(base().external("github", "2")));
        assert_eq!(id(base().event_id("mine").external("github", "1")), "mine");
        assert_eq!(id(base().external("github", "1").event_id("mine")), "mine");
    }
}

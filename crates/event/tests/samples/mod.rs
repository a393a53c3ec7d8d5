//! Events to start from, and the shortest way to a parsed one.

#![allow(dead_code, reason = "each test file takes what it needs")]

use event::{Event, Limits, Timestamp, Violation};
use serde_json::{Value, json};

/// A time after every `occurred_at` here.
pub(crate) fn now() -> Timestamp {
    time("2026-11-22T01:33:00.123456Z")
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub(crate) fn parse(event: &Value) -> Result<Event, Vec<Violation>> {
    parse_text(&event.to_string())
}

pub(crate) fn parse_text(json: &str) -> Result<Event, Vec<Violation>> {
    Event::parse(json.as_bytes(), &Limits::default(), now())
}

/// The line at seq 1042, with nothing assigned or defaulted.
pub(crate) fn line(event: &Event) -> String {
    let mut out = Vec::new();
    event.write_line(1_042, now(), None, &mut out);
    String::from_utf8(out).unwrap()
}

/// What `members` (an object) changes about `base`; a null takes a member away.
pub(crate) fn with(base: &Value, members: &Value) -> Value {
    let mut event = base.clone();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            event.as_object_mut().unwrap().remove(name);
        } else {
            event[name] = value.clone();
        }
    }
    event
}

pub(crate) fn audit() -> Value {
    json!({
        "stream": "audit", "occurred_at": "2026-11-22T01:32:59Z", "tenant": "7",
        "actor": {"type": "user", "id": "user-1"}, "action": "session.create", "outcome": "success",
    })
}

pub(crate) fn discovery() -> Value {
    with(
        &audit(),
        &json!({"stream": "discovery", "conversation_id": "conversation-1", "action": "message.create"}),
    )
}

pub(crate) fn tool() -> Value {
    with(&audit(), &json!({"stream": "tool", "tool": "search", "action": "tool.call"}))
}

//! The fields of a line that is known to be as it was written, without a look at the rest of it.
//!
//! A line's members stand in one order, without white space, and all that search and the archive ask for stand before
//! `metadata`; only discovery has more of them behind. So a walk along the first members does, at a fraction of what a
//! JSON parser takes. It gives up at whatever it does not expect, escapes included, and the parser reads the line then.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::entry::EntryFields;
use crate::kinds::Stream;
use crate::timestamp::Timestamp;

/// The fields, or `None` where the line has to be parsed.
pub(crate) fn read(line: &str) -> Option<EntryFields<'_>> {
    let mut rest = Rest(line);
    rest.take("{\"seq\":")?;
    let seq = rest.digits()?.parse().ok()?;
    let recorded_at = rest.member("recorded_at").and_then(time)?;
    let stream: Stream = rest.member("stream")?.parse().ok()?;
    if stream == Stream::Discovery {
        return None;
    }
    let event_id = rest.member("event_id")?;
    let occurred_at = rest.member("occurred_at").and_then(time)?;
    let started_at = rest.time_if_there("started_at")?;
    let tenant = rest.member("tenant")?;
    rest.take(",\"actor\":{\"type\":")?;
    let actor_type = rest.string()?.parse().ok()?;
    let actor_id = rest.member_if_there("id")?;
    rest.leave_object()?;
    let action = rest.member("action")?;
    let (mut target_type, mut target_id) = (None, None);
    if rest.take(",\"target\":{\"type\":").is_some() {
        target_type = Some(rest.string()?);
        target_id = rest.member_if_there("id")?;
        rest.leave_object()?;
    }
    let outcome = rest.member("outcome")?.parse().ok()?;
    if rest.take(",\"error\":{").is_some() {
        rest.leave_object()?;
    }
    let source = rest.member_if_there("source")?;
    let external_id = rest.member_if_there("external_id")?;
    let request_id = rest.member_if_there("request_id")?;
    let trace_id = rest.member_if_there("trace_id")?;
    rest.member_if_there("evidence")?;
    let retention_until = rest.time_if_there("retention_until")?;
    // Anything but what may follow here could be a member that was looked for too early.
    if !(rest.0 == "}" || FOLLOWING.iter().any(|member| rest.0.starts_with(member))) {
        return None;
    }
    Some(EntryFields {
        seq,
        recorded_at,
        stream,
        event_id: Cow::Borrowed(event_id),
        occurred_at,
        started_at,
        tenant: Cow::Borrowed(tenant),
        actor_type,
        actor_id: actor_id.map(Cow::Borrowed),
        action: Cow::Borrowed(action),
        target_type: target_type.map(Cow::Borrowed),
        target_id: target_id.map(Cow::Borrowed),
        outcome,
        source: source.map(Cow::Borrowed),
        external_id: external_id.map(Cow::Borrowed),
        request_id: request_id.map(Cow::Borrowed),
        trace_id: trace_id.map(Cow::Borrowed),
        conversation_id: None,
        message_id: None,
        retention_until,
    })
}

/// What may stand behind the members that are read: the free-form part, and the first members of the two streams.
const FOLLOWING: [&str; 3] = [",\"metadata\":{", ",\"changes\":{", ",\"tool\":\""];

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).ok()
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Goes past these characters, if they are next.
    fn take(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn digits(&mut self) -> Option<&'a str> {
        let end = self.0.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(digits)
    }

    /// A string, from its first quote on, that stands for itself.
    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.strip_prefix('"')?;
        let end = memchr2(b'"', b'\\', text.as_bytes())?;
        let (value, rest) = text.split_at(end);
        self.0 = rest.strip_prefix('"')?;
        Some(value)
    }

    /// The value of the next member, which has this name.
    fn member(&mut self, name: &str) -> Option<&'a str> {
        let text = self.0.strip_prefix(",\"")?.strip_prefix(name)?;
        self.0 = text.strip_prefix("\":")?;
        self.string()
    }

    /// The value of the next member, if it has this name. The outer `None` is to give up.
    #[expect(clippy::option_option, reason = "giving up is not the same as not being there")]
    fn member_if_there(&mut self, name: &str) -> Option<Option<&'a str>> {
        let named = self.0.strip_prefix(",\"").and_then(|text| text.strip_prefix(name));
        if named.is_some_and(|text| text.starts_with("\":")) {
            self.member(name).map(Some)
        } else {
            Some(None)
        }
    }

    #[expect(clippy::option_option, reason = "giving up is not the same as not being there")]
    fn time_if_there(&mut self, name: &str) -> Option<Option<Timestamp>> {
        match self.member_if_there(name)? {
            None => Some(None),
            Some(text) => time(text).map(Some),
        }
    }

    /// Goes to the end of the object that is under way. One that holds another object, or an escape, is left to the
    /// parser.
    fn leave_object(&mut self) -> Option<()> {
        let bytes = self.0.as_bytes();
        let end = memchr(b'}', bytes)?;
        // With neither, quotes come in pairs; between pairs the brace ends the object, within one it would be text.
        let inside = &bytes[..end];
        let quotes = memchr::memchr_iter(b'"', inside).count();
        if memchr2(b'{', b'\\', inside).is_some() || quotes % 2 == 1 {
            return None;
        }
        self.0 = &self.0[end + 1..];
        Some(())
    }
}

//! One pass over a submitted event that checks it against the schema and renders it canonically. It goes on after a
//! violation, so that a sender learns all of them at once; what was rendered is then thrown away.

use crate::canonical;
use crate::digits;
use crate::json::{Members, Value};
use crate::kinds::Stream;
use crate::path::Path;
use crate::schema::{Kind, MEMBERS_MAX, Member, RESERVED};
use crate::text_rules;
use crate::violation::{VIOLATIONS_MAX, Violation, rule};
use crate::{Limits, Timestamp};

pub(crate) struct Walk<'w> {
    pub(crate) limits: &'w Limits,
    /// `None` when the event does not say a known one: then members of every stream are let through.
    pub(crate) stream: Option<Stream>,
    pub(crate) out: Vec<u8>,
    violations: Vec<Violation>,
    unlisted: usize,
}

/// Where the members of an object are: by place in the schema, their index among the submitted members, and the offset
/// in the output at which the member begins or, when absent, would begin.
pub(crate) struct Layout {
    indices: [Option<u32>; MEMBERS_MAX],
    pub(crate) offsets: [usize; MEMBERS_MAX],
}

impl Layout {
    /// The value at a place of the schema.
    pub(crate) fn value<'m, 'a>(&self, members: &'m Members<'a>, place: usize) -> Option<&'m Value<'a>> {
        self.indices[place].map(|index| &members[index as usize].1)
    }

    /// The value at a place of the schema when it is a string.
    pub(crate) fn text<'m>(&self, members: &'m Members<'_>, place: usize) -> Option<&'m str> {
        match self.value(members, place) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

impl<'w> Walk<'w> {
    pub(crate) fn new(limits: &'w Limits, stream: Option<Stream>, capacity: usize) -> Self {
        Self { limits, stream, out: Vec::with_capacity(capacity), violations: Vec::new(), unlisted: 0 }
    }

    pub(crate) fn violation(&mut self, path: Path<'_>, rule: &'static str, message: impl Into<String>) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation::new(path.to_string(), rule, message));
        } else {
            self.unlisted += 1;
        }
    }

    /// The rendered bytes, or everything that is wrong.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Vec<Violation>> {
        if self.violations.is_empty() {
            return Ok(self.out);
        }
        if self.unlisted > 0 {
            let message = format!("{} more violations are not listed; repair these first", self.unlisted);
            self.violations.push(Violation::new("", rule::MORE, message));
        }
        Err(self.violations)
    }

    /// Renders the members of an object in the schema's order, without the braces.
    pub(crate) fn members(&mut self, schema: &[Member], members: &mut Members<'_>, path: Path<'_>) -> Layout {
        let mut layout = Layout { indices: self.places(schema, members, path), offsets: [0; MEMBERS_MAX] };
        let start = self.out.len();
        for (place, member) in schema.iter().enumerate() {
            layout.offsets[place] = self.out.len();
            if let Some(index) = layout.indices[place] {
                if self.out.len() > start {
                    self.out.push(b',');
                }
                self.out.push(b'"');
                self.out.extend_from_slice(member.name.as_bytes());
                self.out.extend_from_slice(b"\":");
                self.value(member.kind, &mut members[index as usize].1, path.member(member.name));
            } else if member.required && (member.stream.is_none() || member.stream == self.stream) {
                self.violation(path.member(member.name), rule::REQUIRED, "is missing and is required");
            }
        }
        layout
    }

    /// Finds each submitted member's place in the schema.
    fn places(
        &mut self,
        schema: &[Member],
        members: &Members<'_>,
        path: Path<'_>,
    ) -> [Option<u32>; MEMBERS_MAX] {
        let mut indices = [None; MEMBERS_MAX];
        let mut expected = 0;
        for (index, (name, _)) in members.iter().enumerate() {
            // Senders mostly follow the documented order, so the search starts where the last one ended.
            let (before, after) = schema.split_at(expected);
            let found = (after.iter().zip(expected..).chain(before.iter().zip(0..)))
                .find(|(member, _)| member.name == name.0.as_ref());
            let Some((member, place)) = found else {
                self.unknown(schema, &name.0, path);
                continue;
            };
            expected = place + 1;
            if indices[place].is_some() {
                self.violation(path.member(&name.0), rule::DUPLICATE_MEMBER, "stands twice; send it once");
            }
            indices[place] = Some(index as u32);
            if let (Some(owner), Some(stream)) = (member.stream, self.stream)
                && owner != stream
            {
                let message = format!("belongs to {owner} events, not to {stream} events; leave it out");
                self.violation(path.member(&name.0), rule::UNKNOWN_MEMBER, message);
            }
        }
        indices
    }

    fn unknown(&mut self, schema: &[Member], name: &str, path: Path<'_>) {
        if matches!(path, Path::Whole) && RESERVED.contains(&name) {
            let message = "is written by the ledger and cannot be submitted; leave it out";
            self.violation(path.member(name), rule::RESERVED_MEMBER, message);
            return;
        }
        let message = if matches!(path, Path::Whole) {
            "is not a member of an event; put free-form data into metadata".to_owned()
        } else {
            let known = schema.iter().map(|member| member.name).collect::<Vec<_>>().join(", ");
            format!("is not known here; accepted are {known}")
        };
        self.violation(path.member(name), rule::UNKNOWN_MEMBER, message);
    }

    fn value(&mut self, kind: Kind, value: &mut Value<'_>, path: Path<'_>) {
        match kind {
            Kind::Choice(words) => self.choice(words, value, path),
            Kind::Identifier => self.identifier(value, path),
            Kind::Action => self.action(value, path),
            Kind::Label => self.label(value, path),
            Kind::Free => self.free_string(value, path),
            Kind::Personal => self.personal(value, path),
            Kind::Time => self.time(value, path),
            Kind::Count => self.count(value, path),
            Kind::Amount => self.amount(value, path),
            Kind::Sha256 => self.sha256(value, path),
            Kind::Object(schema) => self.object(schema, value, path),
            Kind::List(schema) => self.list(schema, value, path),
            Kind::Metadata => self.metadata(value, path),
            Kind::Changes => self.changes(value, path),
            Kind::Content => self.content(value, path),
        }
    }

    pub(crate) fn wrong_type(&mut self, wanted: &str, value: &Value<'_>, path: Path<'_>) {
        let hint = if matches!(value, Value::Null) { "; leave it out when there is no value" } else { "" };
        self.violation(path, rule::TYPE, format!("is {} and must be {wanted}{hint}", value.kind()));
    }

    /// The text of a value that must be a string.
    fn string<'v>(&mut self, value: &'v Value<'_>, path: Path<'_>) -> Option<&'v str> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.wrong_type("a string", value, path);
        None
    }

    fn choice(&mut self, words: &[&str], value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        if words.contains(&text) {
            canonical::push_string(text, &mut self.out);
        } else {
            self.violation(path, rule::CHOICE, format!("must be one of {}", words.join(", ")));
        }
    }

    fn identifier(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        if let Err((rule, message)) = text_rules::identifier(text, self.limits.identifier_bytes_max) {
            self.violation(path, rule, message);
        }
        canonical::push_string(text, &mut self.out);
    }

    fn action(&mut self, value: &Value<'_>, path: Path<'_>) {
        self.identifier(value, path);
        if let Value::String(text) = value
            && text.split_once('.').is_none_or(|(first, rest)| first.is_empty() || rest.is_empty())
        {
            self.violation(path, rule::FORMAT, "must be a dotted verb such as session.create");
        }
    }

    fn label(&mut self, value: &Value<'_>, path: Path<'_>) {
        match value {
            Value::String(_) => self.identifier(value, path),
            Value::Integer(_) | Value::Float(_) => match whole(value) {
                Some(integer) => digits::push_i64(integer, &mut self.out),
                None => self.violation(path, rule::INTEGER_RANGE, NOT_WHOLE),
            },
            _ => self.wrong_type("a string or a whole number", value, path),
        }
    }

    fn free_string(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        self.bounded(text, self.limits.string_bytes_max, path);
        canonical::push_string(text, &mut self.out);
    }

    pub(crate) fn bounded(&mut self, text: &str, bytes_max: usize, path: Path<'_>) {
        if text.len() > bytes_max {
            self.violation(path, rule::TOO_LONG, text_rules::too_long(text.len(), bytes_max));
        }
    }

    fn personal(&mut self, value: &Value<'_>, path: Path<'_>) {
        if self.stream == Some(Stream::Tool) {
            let message = "is personal data, which tool events do not carry; leave it out";
            self.violation(path, rule::PERSONAL_DATA, message);
            return;
        }
        let Value::Object(members) = value else {
            self.free_string(value, path);
            return;
        };
        match members.as_slice() {
            [(name, Value::String(sealed))] if name.0 == "sealed" && text_rules::is_base64(sealed) => {
                self.bounded(sealed, self.limits.string_bytes_max, path.member("sealed"));
                self.out.extend_from_slice(b"{\"sealed\":");
                canonical::push_string(sealed, &mut self.out);
                self.out.push(b'}');
            }
            _ => {
                let message = "must be a string, or {\"sealed\":\"<base64>\"} with padding and nothing else";
                self.violation(path, rule::FORMAT, message);
            }
        }
    }

    fn time(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        match Timestamp::parse_rfc3339(text) {
            Ok(time) => {
                self.out.push(b'"');
                time.write(&mut self.out);
                self.out.push(b'"');
            }
            Err(error) => self.violation(path, rule::FORMAT, error.to_string()),
        }
    }

    fn count(&mut self, value: &Value<'_>, path: Path<'_>) {
        if !matches!(value, Value::Integer(_) | Value::Float(_)) {
            self.wrong_type("a whole number", value, path);
            return;
        }
        match whole(value) {
            Some(integer) if integer >= 0 => digits::push_i64(integer, &mut self.out),
            _ => self.violation(path, rule::INTEGER_RANGE, "must be a whole number from 0 to 2^53-1"),
        }
    }

    fn amount(&mut self, value: &Value<'_>, path: Path<'_>) {
        if !matches!(value, Value::Integer(_) | Value::Float(_)) {
            self.wrong_type("a number", value, path);
        } else if matches!(value, Value::Integer(..0)) || matches!(value, Value::Float(float) if *float < 0.0)
        {
            self.violation(path, rule::INTEGER_RANGE, "must not be below zero");
        } else {
            self.number(value, path);
        }
    }

    /// Renders a number within ±(2^53−1).
    pub(crate) fn number(&mut self, value: &Value<'_>, path: Path<'_>) {
        if !canonical::is_in_range(value) {
            let message =
                "is a number beyond ±(2^53-1), which not every reader keeps exactly; send it as a string";
            self.violation(path, rule::INTEGER_RANGE, message);
            return;
        }
        match value {
            Value::Integer(integer) => digits::push_i64(*integer, &mut self.out),
            Value::Float(float) => canonical::push_float(*float, &mut self.out),
            _ => {}
        }
    }

    fn sha256(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            canonical::push_string(text, &mut self.out);
        } else {
            self.violation(path, rule::FORMAT, "must be a SHA-256 as 64 lower-case hexadecimal digits");
        }
    }

    fn object(&mut self, schema: &[Member], value: &mut Value<'_>, path: Path<'_>) {
        let Value::Object(members) = value else {
            self.wrong_type("an object", value, path);
            return;
        };
        self.out.push(b'{');
        self.members(schema, members, path);
        self.out.push(b'}');
    }

    fn list(&mut self, schema: &[Member], value: &mut Value<'_>, path: Path<'_>) {
        let Value::Array(items) = value else {
            self.wrong_type("an array of objects", value, path);
            return;
        };
        self.out.push(b'[');
        for (index, item) in items.iter_mut().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.object(schema, item, path.item(index));
        }
        self.out.push(b']');
    }
}

const NOT_WHOLE: &str = "must be a whole number within ±(2^53-1), or a string";

/// A number without a fraction within ±(2^53−1), also when it was written `1.0` or `1e3`.
fn whole(value: &Value<'_>) -> Option<i64> {
    match value {
        _ if !canonical::is_in_range(value) => None,
        Value::Integer(integer) => Some(*integer),
        Value::Float(float) if float.fract() == 0.0 => Some(*float as i64),
        _ => None,
    }
}

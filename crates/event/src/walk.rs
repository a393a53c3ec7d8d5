//! One pass over a submitted event that checks it against the schema and renders it canonically. It goes on after a
//! violation, so that a sender learns all of them at once; what was rendered is then thrown away.

use crate::Limits;
use crate::json::{Members, Value};
use crate::kinds::Stream;
use crate::path::Path;
use crate::schema::{Kind, MEMBERS_MAX, Member, RESERVED};
use crate::violation::{VIOLATIONS_MAX, Violation, rule};

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
            self.violations.push(Violation::at_path(&path, rule, message));
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

//! Writes the event, in the order of the format's tables.

use std::borrow::Cow;
use std::str::FromStr;

use event::{ActorType, Outcome, Timestamp};

use crate::MapError;
use crate::identifier::fit;
use crate::plan::{Optional, Plan, Scope, Text};
use crate::record::{Value, write_text};
use crate::rule::Rule;

/// `text` is the record as received, `record` the same parsed.
pub(crate) fn event(
    plan: &Plan,
    text: &str,
    record: &Value<'_>,
    tenant: Option<&str>,
) -> Result<Vec<u8>, MapError> {
    let scope = Scope::new(plan, text, record);
    let members = &plan.event;
    let occurred_at = time(&members.occurred_at, &scope)?;
    let tenant = match (tenant, &members.tenant) {
        (Some(tenant), _) => Cow::Borrowed(tenant),
        (None, Some(rule)) => required("tenant", rule, &scope)?,
        (None, None) => {
            return Err(MapError::Missing {
                member: "tenant",
                sources: "a tenant named by the caller".to_owned(),
            });
        }
    };
    let outcome: Outcome = word("outcome", &members.outcome, &scope)?;

    let mut object = Object::open(Vec::with_capacity(text.len() + 1_024));
    object.member("stream", "audit");
    object.member("occurred_at", &occurred_at.to_string());
    object.member("tenant", &fit(tenant));
    write_actor(&mut object, &scope)?;
    object.member("action", &fit(required("action", &members.action, &scope)?));
    write_target(&mut object, &scope);
    object.member("outcome", outcome.as_str());
    if matches!(outcome, Outcome::Failure | Outcome::Denied) {
        write_error(&mut object, &scope);
    }
    object.member("source", &fit(required("source", &members.source, &scope)?));
    object.member("external_id", &fit(required("external_id", &members.external_id, &scope)?));
    write_optional(&mut object, &members.rest, &scope);
    object.name("metadata");
    record.write(&mut object.out);
    Ok(object.close())
}

fn write_actor(object: &mut Object, scope: &Scope<'_>) -> Result<(), MapError> {
    let members = &scope.plan.event;
    let kind: ActorType = word("actor.type", &members.actor_type, scope)?;
    let id = members.actor_id.as_ref().and_then(|rule| rule.resolve(scope));
    if id.is_none() && kind.needs_id() {
        let sources = members.actor_id.as_ref().map_or_else(|| "actor.id".to_owned(), Rule::sources);
        return Err(MapError::Missing { member: "actor.id", sources });
    }
    object.begin("actor");
    object.member("type", kind.as_str());
    if let Some(id) = id {
        object.member("id", &fit(id));
    }
    write_optional(object, &members.actor, scope);
    object.end();
    Ok(())
}

fn write_target(object: &mut Object, scope: &Scope<'_>) {
    let found = scope.plan.event.targets.iter().find_map(|target| {
        let (kind, id) = target
            .when
            .hold(scope)
            .then(|| Some((target.kind.resolve(scope)?, target.id.resolve(scope)?)))??;
        Some((kind, id, target.name.as_ref().and_then(|rule| rule.resolve(scope))))
    });
    let Some((kind, id, name)) = found else { return };
    object.begin("target");
    object.member("type", &fit(kind));
    object.member("id", &fit(id));
    if let Some(name) = name {
        object.member("name", &name);
    }
    object.end();
}

fn write_error(object: &mut Object, scope: &Scope<'_>) {
    let errors = &scope.plan.event.error;
    if errors.iter().any(|optional| optional.rule.resolve(scope).is_some()) {
        object.begin("error");
        write_optional(object, errors, scope);
        object.end();
    }
}

fn write_optional<'s>(object: &mut Object, members: &'s [Optional], scope: &Scope<'s>) {
    for Optional { name, text, rule } in members {
        if let Some(value) = rule.resolve(scope) {
            object.member(name, &if *text == Text::Identifier { fit(value) } else { value });
        }
    }
}

fn required<'s>(member: &'static str, rule: &'s Rule, scope: &Scope<'s>) -> Result<Cow<'s, str>, MapError> {
    rule.resolve(scope).ok_or_else(|| MapError::Missing { member, sources: rule.sources() })
}

fn word<'s, T: FromStr<Err: ToString>>(
    member: &'static str,
    rule: &'s Rule,
    scope: &Scope<'s>,
) -> Result<T, MapError> {
    let word = required(member, rule, scope)?;
    word.parse().map_err(|error: T::Err| MapError::Word { member, reason: error.to_string() })
}

/// The first choice that is a time with an offset. Sources put a zoneless local time beside a zoned one; taking it for
/// UTC would move the event by hours, so it is passed over.
fn time<'s>(rule: &'s Rule, scope: &Scope<'s>) -> Result<Timestamp, MapError> {
    let mut refused = Vec::new();
    let mut reason = String::new();
    for (source, value) in rule.candidates(scope) {
        match Timestamp::parse_rfc3339(&value) {
            Ok(time) => return Ok(time),
            Err(error) => {
                if refused.is_empty() {
                    reason = error.to_string();
                }
                refused.push(source);
            }
        }
    }
    if refused.is_empty() {
        return Err(MapError::Missing { member: "occurred_at", sources: rule.sources() });
    }
    Err(MapError::Time { sources: refused.join(" or "), reason })
}

/// A JSON object being written.
struct Object {
    out: Vec<u8>,
}

impl Object {
    fn open(mut out: Vec<u8>) -> Self {
        out.push(b'{');
        Self { out }
    }

    fn name(&mut self, name: &str) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        write_text(name, &mut self.out);
        self.out.push(b':');
    }

    fn member(&mut self, name: &str, value: &str) {
        self.name(name);
        write_text(value, &mut self.out);
    }

    fn begin(&mut self, name: &str) {
        self.name(name);
        self.out.push(b'{');
    }

    fn end(&mut self) {
        self.out.push(b'}');
    }

    fn close(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

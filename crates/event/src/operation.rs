//! Events in two steps: begun before the work, completed after it, or timed out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::event::{self, Begun};
use crate::json::{Members, Text, Value};
use crate::kinds::Outcome;
use crate::path::Path;
use crate::schema::EVENT;
use crate::violation::{Violation, rule};
use crate::walk::Walk;
use crate::{Event, Limits, LineError, Timestamp};

/// What is known only when the work is done.
const OF_THE_END: [&str; 2] = ["outcome", "error"];

/// What says which event it is, and so cannot change between the steps.
const OF_THE_BEGINNING: [&str; 8] =
    ["stream", "event_id", "tenant", "actor", "action", "source", "external_id", "retention_until"];

/// Objects that both steps add to.
const MERGED: &[&str] = &["metadata"];

/// Written by the ledger into a line.
const OF_THE_LEDGER: [&str; 3] = ["seq", "recorded_at", "started_at"];

/// The first step: an event whose outcome is not known yet.
#[derive(Clone, Debug)]
pub struct Operation {
    /// As it stands if nothing more is heard: with outcome `unknown`.
    event: Event,
}

impl Operation {
    /// Reads and validates a begun operation: an event without `outcome` and `error`, under the same rules otherwise.
    pub fn begin(json: &[u8], limits: &Limits, now: Timestamp) -> Result<Self, Vec<Violation>> {
        let mut members = event::object(json, limits)?;
        let mut violations = Vec::new();
        for name in OF_THE_END.into_iter().filter(|name| find(&members, name).is_some()) {
            let message = "is said when the operation is completed; leave it out when it begins";
            violations.push(Violation::new(name, rule::STEP, message));
        }
        members.retain(|(name, _)| !OF_THE_END.contains(&name.0.as_ref()));
        members.push(text_member("outcome", Outcome::Unknown.as_str()));
        match Event::from_members(&mut members, json.len(), limits, now, None) {
            Ok(event) if violations.is_empty() => Ok(Self { event }),
            Ok(_) => Err(violations),
            Err(more) => {
                violations.extend(more);
                Err(violations)
            }
        }
    }

    /// The operation whose [`Operation::text`] this is. No limits count: it was accepted under those of its time.
    pub fn restore(text: &str) -> Result<Self, Vec<Violation>> {
        Event::parse(text.as_bytes(), &Limits::NONE, Timestamp::MAX).map(|event| Self { event })
    }

    /// What it is kept as: the canonical event that it becomes if nothing more is heard, as if that were submitted now
    /// with the id it has. Two operations with the same text are the same.
    pub fn text(&self) -> String {
        self.event.text()
    }

    /// Gives it an id if its producer gave none.
    pub fn assign_event_id(&mut self, id: String) {
        self.event.assign_event_id(id);
    }

    /// The event as it stands if nothing more is heard.
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// When the work began, as the producer claims: its `occurred_at`.
    pub const fn started_at(&self) -> Timestamp {
        self.event.occurred_at()
    }

    /// The second step. What the completion says takes the place of what the beginning said; `metadata` is taken member
    /// by member. `occurred_at` is `now` where the completion does not say when.
    pub fn complete(
        &self,
        completion: &Completion<'_>,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Event, Vec<Violation>> {
        self.end(completion.members.clone(), limits, now)
    }

    /// What enters the ledger when nothing more was heard: outcome `unknown`, ended `now`. Fails only for an operation
    /// that was restored from something that never was one.
    pub fn time_out(&self, now: Timestamp) -> Result<Event, Vec<Violation>> {
        self.end(vec![text_member("outcome", Outcome::Unknown.as_str())], &Limits::NONE, now)
    }

    fn end(&self, said: Members<'_>, limits: &Limits, now: Timestamp) -> Result<Event, Vec<Violation>> {
        let text = self.text();
        let mut members = event::object(text.as_bytes(), &Limits::NONE)?;
        // Under a policy that has become longer since, its own time must not keep it out: it is held back and used if
        // it is the longer one.
        members.retain(|(name, _)| !OF_THE_END.contains(&name.0.as_ref()) && name.0 != "retention_until");
        lay_over(&mut members, vec![text_member("occurred_at", now.to_string())], &[]);
        lay_over(&mut members, said, MERGED);
        let begun = Begun { started_at: self.started_at(), retention_until: self.event.retention_until() };
        Event::from_members(&mut members, text.len(), limits, now, Some(begun))
    }
}

/// The second step as submitted: the outcome, and what else has become known.
#[derive(Clone, Debug)]
pub struct Completion<'a> {
    members: Members<'a>,
}

impl<'a> Completion<'a> {
    /// Reads a completion and checks what can be checked without the operation: that the outcome is there and is one
    /// that somebody can know, and that nothing is said which was fixed by the beginning. All else is checked by
    /// [`Operation::complete`].
    pub fn parse(json: &'a [u8], limits: &Limits) -> Result<Self, Vec<Violation>> {
        let members = event::object(json, limits)?;
        let mut violations = Vec::new();
        for name in OF_THE_BEGINNING.into_iter().filter(|name| find(&members, name).is_some()) {
            let message = "was settled when the operation began; leave it out";
            violations.push(Violation::new(name, rule::STEP, message));
        }
        match find(&members, "outcome") {
            None => {
                violations.push(Violation::new("outcome", rule::REQUIRED, "is missing and is required"));
            }
            Some(Value::String(text)) if text == Outcome::Unknown.as_str() => {
                let message =
                    "is what an operation gets that nobody completes; say success, failure or denied";
                violations.push(Violation::new("outcome", rule::OUTCOME, message));
            }
            Some(_) => {}
        }
        if violations.is_empty() { Ok(Self { members }) } else { Err(violations) }
    }

    /// Whether everything it says stands in this entry's line.
    pub fn agrees_with(&self, line: &[u8]) -> Result<bool, LineError> {
        let mut members: Members<'_> =
            serde_json::from_str::<Value<'_>>(std::str::from_utf8(line)?).map(|value| match value {
                Value::Object(members) => members,
                _ => Members::new(),
            })?;
        members.retain(|(name, _)| !OF_THE_LEDGER.contains(&name.0.as_ref()));
        let mut over = members.clone();
        lay_over(&mut over, self.members.clone(), MERGED);
        let as_it_stands = canonical(&mut members);
        Ok(as_it_stands.is_some() && as_it_stands == canonical(&mut over))
    }
}

/// The canonical members of an event; `None` for what is none.
fn canonical(members: &mut Members<'_>) -> Option<Vec<u8>> {
    let stream = match find(members, "stream") {
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let mut walk = Walk::new(&Limits::NONE, stream, 1_024);
    walk.members(EVENT, members, Path::Whole);
    walk.finish().ok()
}

/// Lays members over others of the same names; of those in `merged`, the members of the objects. A member that is said
/// twice stays so, for validation to find.
fn lay_over<'a>(base: &mut Members<'a>, over: Members<'a>, merged: &[&str]) {
    let mut places: BTreeMap<Text<'a>, usize> =
        base.iter().zip(0..).map(|((name, _), place)| (name.clone(), place)).collect();
    for (name, value) in over {
        // Once laid over, the place is no longer there to be laid over again.
        let Some(place) = places.remove(&name) else {
            base.push((name, value));
            continue;
        };
        match (&mut base[place].1, value) {
            (Value::Object(old), Value::Object(new)) if merged.contains(&name.0.as_ref()) => {
                lay_over(old, new, &[]);
            }
            (old, value) => *old = value,
        }
    }
}

fn find<'m, 'a>(members: &'m Members<'a>, wanted: &str) -> Option<&'m Value<'a>> {
    members.iter().find(|(name, _)| name.0 == wanted).map(|(_, value)| value)
}

fn text_member<'a>(name: &'a str, text: impl Into<Cow<'a, str>>) -> (Text<'a>, Value<'a>) {
    (Text(Cow::Borrowed(name)), Value::String(text.into()))
}

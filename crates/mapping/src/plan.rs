//! A mapping file with its templates read and its names resolved.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::MappingError;
use crate::condition::Conditions;
use crate::definition::{self, Definition};
use crate::record::Value;
use crate::rule::Rule;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    absent: Vec<String>,
    values: Vec<Rule>,
    pub(crate) tables: Vec<BTreeMap<String, String>>,
    pub(crate) event: Event,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) occurred_at: Rule,
    pub(crate) tenant: Option<Rule>,
    pub(crate) actor_type: Rule,
    pub(crate) actor_id: Option<Rule>,
    pub(crate) actor: Vec<Optional>,
    pub(crate) action: Rule,
    pub(crate) targets: Vec<Target>,
    pub(crate) outcome: Rule,
    pub(crate) error: Vec<Optional>,
    pub(crate) source: Rule,
    pub(crate) external_id: Rule,
    pub(crate) rest: Vec<Optional>,
}

/// A member that is left out when it has no value.
#[derive(Debug, Clone)]
pub(crate) struct Optional {
    pub(crate) name: &'static str,
    pub(crate) text: Text,
    pub(crate) rule: Rule,
}

/// What an event takes as the member's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Identifier,
    Free,
}

#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) when: Conditions,
    pub(crate) kind: Rule,
    pub(crate) id: Rule,
    pub(crate) name: Option<Rule>,
}

/// What a rule is resolved in: one record.
pub(crate) struct Scope<'s> {
    pub(crate) plan: &'s Plan,
    pub(crate) text: &'s str,
    pub(crate) record: &'s Value<'s>,
    /// Named values already found: conditions ask for the same few again and again.
    named: Vec<OnceCell<Option<Cow<'s, str>>>>,
}

impl<'s> Scope<'s> {
    /// `text` is the record as received, `record` the same parsed.
    pub(crate) fn new(plan: &'s Plan, text: &'s str, record: &'s Value<'s>) -> Self {
        Self { plan, text, record, named: vec![OnceCell::new(); plan.values.len()] }
    }

    /// The named value at `index`. The plan has no cycles, so a cell is never asked for while it is being filled.
    pub(crate) fn named(&self, index: usize) -> Option<Cow<'s, str>> {
        self.named[index].get_or_init(|| self.plan.values[index].resolve(self)).clone()
    }
}

/// The names a template may use, sorted; a name's place is its index.
pub(crate) struct Names<'n> {
    values: Vec<&'n str>,
    tables: Vec<&'n str>,
}

impl Names<'_> {
    pub(crate) fn value(&self, name: &str) -> Result<usize, String> {
        self.values.binary_search(&name).map_err(|_| format!("there is no `{name}` in [values]"))
    }

    pub(crate) fn table(&self, name: &str) -> Result<usize, String> {
        self.tables.binary_search(&name).map_err(|_| format!("there is no [tables.{name}]"))
    }
}

impl Plan {
    pub(crate) fn compile(definition: Definition) -> Result<Self, MappingError> {
        let Definition { name, absent, values, tables, event } = definition;
        if name.is_empty()
            || name.contains(|byte: char| !(byte.is_ascii_alphanumeric() || "_-.".contains(byte)))
        {
            return Err(MappingError::rule("name", "letters, digits, `_`, `-` and `.` make a name"));
        }
        let value_names: Vec<String> = values.keys().cloned().collect();
        let names = Names {
            values: value_names.iter().map(String::as_str).collect(),
            tables: tables.keys().map(String::as_str).collect(),
        };
        let values = values
            .into_iter()
            .map(|(name, rule)| Rule::parse(rule, &format!("values.{name}"), &names))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_cycles(&values, &value_names)?;
        let event = Event::compile(event, &names)?;
        Ok(Self { name, absent, values, tables: tables.into_values().collect(), event })
    }

    /// Whether a text of the record means that there is no value.
    pub(crate) fn is_absent(&self, text: &str) -> bool {
        text.is_empty() || self.absent.iter().any(|absent| absent == text)
    }
}

impl Event {
    fn compile(event: definition::Event, names: &Names<'_>) -> Result<Self, MappingError> {
        let rule = |rule, place: &str| Rule::parse(rule, &format!("event.{place}"), names);
        let maybe = |found: Option<_>, place: &str| found.map(|found| rule(found, place)).transpose();
        let optional = |group: &str, members: Vec<(&'static str, Text, Option<definition::Rule>)>| {
            let present = members.into_iter().filter_map(|(name, text, found)| Some((name, text, found?)));
            present
                .map(|(name, text, found)| {
                    Ok(Optional { name, text, rule: rule(found, &format!("{group}{name}"))? })
                })
                .collect::<Result<Vec<_>, MappingError>>()
        };
        let actor = event.actor;
        let (error, targets) = (event.error, event.target.0);
        Ok(Self {
            occurred_at: rule(event.occurred_at, "occurred_at")?,
            tenant: maybe(event.tenant, "tenant")?,
            actor_type: rule(actor.r#type, "actor.type")?,
            actor_id: maybe(actor.id, "actor.id")?,
            actor: optional(
                "actor.",
                vec![
                    ("name", Text::Free, actor.name),
                    ("email", Text::Free, actor.email),
                    ("ip", Text::Free, actor.ip),
                    ("user_agent", Text::Free, actor.user_agent),
                    ("auth_method", Text::Identifier, actor.auth_method),
                    ("credential_id", Text::Identifier, actor.credential_id),
                ],
            )?,
            action: rule(event.action, "action")?,
            targets: targets
                .into_iter()
                .map(|target| Target::compile(target, names))
                .collect::<Result<_, MappingError>>()?,
            outcome: rule(event.outcome, "outcome")?,
            error: optional(
                "error.",
                vec![
                    ("code", Text::Identifier, error.code),
                    ("message", Text::Free, error.message),
                    ("status", Text::Identifier, error.status),
                ],
            )?,
            source: rule(event.source, "source")?,
            external_id: rule(event.external_id, "external_id")?,
            rest: optional(
                "",
                vec![
                    ("request_id", Text::Identifier, event.request_id),
                    ("trace_id", Text::Identifier, event.trace_id),
                    ("evidence", Text::Free, event.evidence),
                ],
            )?,
        })
    }
}

impl Target {
    fn compile(target: definition::Target, names: &Names<'_>) -> Result<Self, MappingError> {
        let when = Conditions::parse(target.when, names)
            .map_err(|reason| MappingError::rule("event.target.when", reason))?;
        let kind = Rule::parse(target.r#type, "event.target.type", names)?;
        let id = Rule::parse(target.id, "event.target.id", names)?;
        let name = target.name.map(|name| Rule::parse(name, "event.target.name", names)).transpose()?;
        Ok(Self { when, kind, id, name })
    }
}

/// A value that needs itself would never be found; the parser says so, rather than the stack of the first record.
fn refuse_cycles(values: &[Rule], names: &[String]) -> Result<(), MappingError> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Unseen,
        Open,
        Done,
    }

    fn visit(at: usize, values: &[Rule], states: &mut [State]) -> Result<(), usize> {
        match states[at] {
            State::Done => return Ok(()),
            State::Open => return Err(at),
            State::Unseen => states[at] = State::Open,
        }
        for needed in values[at].fields().filter_map(crate::field::Field::needs) {
            visit(needed, values, states)?;
        }
        states[at] = State::Done;
        Ok(())
    }

    let mut states = vec![State::Unseen; values.len()];
    for at in 0..values.len() {
        visit(at, values, &mut states)
            .map_err(|at| MappingError::rule(&format!("values.{}", names[at]), "this value needs itself"))?;
    }
    Ok(())
}

//! A mapping file as it is written, before its templates are read. Every table refuses keys it does not know.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

pub(crate) type Rule = Alternatives<Choice>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    #[serde(default)]
    pub(crate) values: BTreeMap<String, Rule>,
    #[serde(default)]
    pub(crate) tables: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) event: Event,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) occurred_at: Rule,
    pub(crate) tenant: Option<Rule>,
    pub(crate) actor: Actor,
    pub(crate) action: Rule,
    #[serde(default)]
    pub(crate) target: Alternatives<Target>,
    pub(crate) outcome: Rule,
    #[serde(default)]
    pub(crate) error: Failure,
    pub(crate) source: Rule,
    pub(crate) external_id: Rule,
    pub(crate) request_id: Option<Rule>,
    pub(crate) trace_id: Option<Rule>,
    pub(crate) evidence: Option<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Actor {
    pub(crate) r#type: Rule,
    pub(crate) id: Option<Rule>,
    pub(crate) name: Option<Rule>,
    pub(crate) email: Option<Rule>,
    pub(crate) ip: Option<Rule>,
    pub(crate) user_agent: Option<Rule>,
    pub(crate) auth_method: Option<Rule>,
    pub(crate) credential_id: Option<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) r#type: Rule,
    pub(crate) id: Rule,
    pub(crate) name: Option<Rule>,
    #[serde(default)]
    pub(crate) when: Conditions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    pub(crate) code: Option<Rule>,
    pub(crate) message: Option<Rule>,
    pub(crate) status: Option<Rule>,
}

pub(crate) type Conditions = BTreeMap<String, Expected>;

/// One choice of a rule: a bare template, or one with conditions.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) when: Conditions,
}

/// The right side of a condition.
#[derive(Debug)]
pub(crate) enum Expected {
    Present(bool),
    Patterns(Vec<String>),
}

/// One, or a list of several in order of preference.
#[derive(Debug)]
pub(crate) struct Alternatives<T>(pub(crate) Vec<T>);

impl<T> Default for Alternatives<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

// Written out rather than derived as untagged enums: those answer every mistake with "matched no variant", where the
// author of a mapping needs to hear which key is wrong.

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Alternatives<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Alternatives<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a template, a table, or a list of them")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(text))
                    .map(|one| Alternatives(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(access)).map(Alternatives)
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(access)).map(|one| Alternatives(vec![one]))
            }
        }
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Conditional {
            value: String,
            #[serde(default)]
            when: Conditions,
        }

        struct ChoiceVisitor;
        impl<'de> Visitor<'de> for ChoiceVisitor {
            type Value = Choice;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a template, or a table with `value` and `when`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Choice, E> {
                Ok(Choice { value: text.to_owned(), when: Conditions::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Choice, A::Error> {
                let Conditional { value, when } =
                    Conditional::deserialize(MapAccessDeserializer::new(access))?;
                Ok(Choice { value, when })
            }
        }
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ExpectedVisitor;
        impl<'de> Visitor<'de> for ExpectedVisitor {
            type Value = Expected;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a pattern, a list of patterns, true or false")
            }

            fn visit_bool<E: Error>(self, present: bool) -> Result<Expected, E> {
                Ok(Expected::Present(present))
            }

            fn visit_str<E: Error>(self, pattern: &str) -> Result<Expected, E> {
                Ok(Expected::Patterns(vec![pattern.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Expected, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(access)).map(Expected::Patterns)
            }
        }
        deserializer.deserialize_any(ExpectedVisitor)
    }
}

//! Choices in order of preference; the first that yields a value wins.

use std::borrow::Cow;

use crate::MappingError;
use crate::condition::Conditions;
use crate::definition;
use crate::field::Field;
use crate::plan::{Names, Scope};
use crate::template::Template;

#[derive(Debug, Clone)]
pub(crate) struct Rule(Vec<Choice>);

#[derive(Debug, Clone)]
struct Choice {
    value: Template,
    when: Conditions,
}

impl Rule {
    pub(crate) fn parse(
        rule: definition::Rule,
        place: &str,
        names: &Names<'_>,
    ) -> Result<Self, MappingError> {
        if rule.0.is_empty() {
            return Err(MappingError::rule(place, "an empty list has no value; leave the key out"));
        }
        let choices = rule.0.into_iter().map(|choice| {
            Ok(Choice {
                value: Template::parse(&choice.value, names)?,
                when: Conditions::parse(choice.when, names)?,
            })
        });
        choices.collect::<Result<_, String>>().map(Self).map_err(|reason| MappingError::rule(place, reason))
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().flat_map(|choice| choice.value.fields().chain(choice.when.fields()))
    }

    pub(crate) fn resolve<'s>(&'s self, scope: &Scope<'s>) -> Option<Cow<'s, str>> {
        self.candidates(scope).next().map(|(_, value)| value)
    }

    /// Every choice that yields a value, in order, with its template's text.
    pub(crate) fn candidates<'s>(
        &'s self,
        scope: &Scope<'s>,
    ) -> impl Iterator<Item = (&'s str, Cow<'s, str>)> {
        self.0.iter().filter_map(|choice| {
            let value = choice.when.hold(scope).then(|| choice.value.resolve(scope))??;
            Some((choice.value.text.as_str(), value))
        })
    }

    /// The templates as written, for a message that says where a value was looked for.
    pub(crate) fn sources(&self) -> String {
        self.0.iter().map(|choice| choice.value.text.as_str()).collect::<Vec<_>>().join(" or ")
    }
}

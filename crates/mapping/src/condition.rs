//! When a choice applies.

use crate::definition::{self, Expected};
use crate::field::Field;
use crate::plan::{Names, Scope};

#[derive(Debug, Clone)]
pub(crate) struct Conditions(Vec<(Field, Test)>);

#[derive(Debug, Clone)]
enum Test {
    Present(bool),
    Matches(Vec<String>),
}

impl Conditions {
    pub(crate) fn parse(conditions: definition::Conditions, names: &Names<'_>) -> Result<Self, String> {
        let parsed = conditions.into_iter().map(|(field, expected)| {
            let test = match expected {
                Expected::Present(present) => Test::Present(present),
                Expected::Patterns(patterns) if patterns.is_empty() => {
                    return Err(format!("the condition on `{field}` has no pattern, so it could never hold"));
                }
                Expected::Patterns(patterns) => Test::Matches(patterns),
            };
            Ok((Field::parse(&field, names)?, test))
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().map(|(field, _)| field)
    }

    pub(crate) fn hold<'s>(&'s self, scope: &Scope<'s>) -> bool {
        self.0.iter().all(|(field, test)| {
            let value = field.resolve(scope);
            match test {
                Test::Present(present) => value.is_some() == *present,
                Test::Matches(patterns) => {
                    value.is_some_and(|value| patterns.iter().any(|pattern| matches(pattern, &value)))
                }
            }
        })
    }
}

/// Whether `*` in the pattern can stand for parts of the text so that they are equal.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        // The leftmost place is always enough: what follows then has the most text left to match.
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_characters_and_nothing_else_is_special() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*.UnauthorizedOperation", "Client.UnauthorizedOperation"),
            ("a*", "a"),
            ("a*c*e", "abcde"),
            ("*ab*ab", "abab"),
            ("S-1-5-90-*", "S-1-5-90-0-2"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a", "A"), ("a*a", "a"), ("*ab*ab", "ab"), ("a.c", "abc"), ("*$", "host"), ("a*b", "ba")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}

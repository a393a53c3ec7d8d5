//! Filters: what a search, a hold or an export asks for.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::needle::Needle;
use crate::term::{Field, term};
use crate::violation::Violation;
use crate::{EntryFields, Stream, Timestamp};

/// Conditions on an entry, all of which must hold. The filter without conditions matches everything.
///
/// Serialised as an object of names and texts, the same pairs [`Filter::from_pairs`] reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Exact values, by field number.
    pub(crate) exact: [Option<Box<str>>; Field::COUNT],
    pub(crate) action_prefix: Option<Box<str>>,
    pub(crate) actor_like: Option<Needle>,
    pub(crate) text: Option<Needle>,
    pub(crate) occurred: Range,
    pub(crate) recorded: Range,
}

/// A half-open range of time: the start is in it, the end is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Range {
    fn contains(self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }
}

impl Filter {
    /// Reads names and values as the command line and the API give them (in `snake_case`). An unknown or repeated name,
    /// an empty or impossible value is a violation: a bad filter is never everything and never nothing. Names that are
    /// not conditions (limit, cursor, order, tier, held) are the caller's to take out before.
    pub fn from_pairs<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> Result<Self, Vec<Violation>> {
        crate::filter_pairs::read(pairs)
    }

    /// The conditions in canonical form and order. [`Filter::from_pairs`] reads them back.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        self.pairs_with(Needle::given)
    }

    fn pairs_with(&self, needle_text: impl Fn(&Needle) -> &str) -> Vec<(&'static str, String)> {
        let exact = Field::ALL.into_iter().zip(&self.exact);
        let exact = exact.filter_map(|(field, value)| Some((field.as_str(), value.as_deref()?.to_owned())));
        let time = |name, time: Option<Timestamp>| time.map(|time| (name, time.to_string()));
        let others = [
            self.action_prefix.as_ref().map(|prefix| ("action", format!("{prefix}*"))),
            self.actor_like.as_ref().map(|needle| ("actor_like", needle_text(needle).to_owned())),
            self.text.as_ref().map(|needle| ("text", needle_text(needle).to_owned())),
            time("from", self.occurred.from),
            time("to", self.occurred.to),
            time("recorded_from", self.recorded.from),
            time("recorded_to", self.recorded.to),
        ];
        exact.chain(others.into_iter().flatten()).collect()
    }

    /// Whether the entry matches, exactly. `fields` must be those of `line`.
    pub fn matches(&self, fields: &EntryFields<'_>, line: &[u8]) -> bool {
        self.recorded.contains(fields.recorded_at)
            && self.occurred.contains(fields.occurred_at)
            && self.exact_values().all(|(field, value)| fields.value(field) == Some(value))
            && self.action_prefix.as_deref().is_none_or(|prefix| fields.action.starts_with(prefix))
            && self.actor_like.as_ref().is_none_or(|needle| {
                fields.actor_id.as_deref().is_some_and(|actor_id| needle.is_in(actor_id))
            })
            && self.text.as_ref().is_none_or(|needle| needle.is_in_line(line))
    }

    fn exact_values(&self) -> impl Iterator<Item = (Field, &str)> {
        Field::ALL.into_iter().zip(&self.exact).filter_map(|(field, value)| Some((field, value.as_deref()?)))
    }

    /// The terms every matching entry has: what the index can answer. The rest needs the line.
    pub fn exact_terms(&self) -> Vec<(Field, u64)> {
        self.exact_values().map(|(field, value)| (field, term(field, value))).collect()
    }

    /// The exact value asked of a field.
    pub fn exact(&self, field: Field) -> Option<&str> {
        self.exact[usize::from(field.number())].as_deref()
    }

    /// The tenant asked for.
    pub fn tenant(&self) -> Option<&str> {
        self.exact(Field::Tenant)
    }

    /// The stream asked for.
    pub fn stream(&self) -> Option<Stream> {
        self.exact(Field::Stream).and_then(|word| word.parse().ok())
    }

    /// The range asked of `occurred_at`: start inclusive, end exclusive.
    pub const fn occurred_range(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.occurred.from, self.occurred.to)
    }

    /// The range asked of `recorded_at`: start inclusive, end exclusive.
    pub const fn recorded_range(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.recorded.from, self.recorded.to)
    }

    /// Whether there is no condition, so that everything matches.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same filter bound to one more exact value; `None` when it already asks for another one, so that nothing can
    /// match. This is how a caller is held to its tenant.
    #[must_use]
    pub fn narrowed(mut self, field: Field, value: &str) -> Option<Self> {
        match self.exact(field) {
            Some(asked) if asked != value => None,
            _ => {
                self.exact[usize::from(field.number())] = Some(value.into());
                Some(self)
            }
        }
    }

    /// Eight bytes that stay the same for the same conditions, in whatever order and case they were given: the first of
    /// SHA-256 over the canonical pairs, each text with its length before it as a big-endian u32. Binds cursors.
    pub fn fingerprint(&self) -> [u8; 8] {
        let mut hasher = Sha256::new();
        for (name, value) in self.pairs_with(Needle::folded) {
            for text in [name, &value] {
                hasher.update((text.len() as u32).to_be_bytes());
                hasher.update(text);
            }
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize()[..8]);
        first
    }
}

/// `tenant=7 action=session.*`, for people.
impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.pairs().iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(formatter, "{separator}{name}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pairs())
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
        let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self::from_pairs(pairs).map_err(|violations| {
            let all: Vec<_> = violations.iter().map(ToString::to_string).collect();
            D::Error::custom(all.join("; "))
        })
    }
}

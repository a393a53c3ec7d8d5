//! What can be wrong with a mapping file, and with a record. Neither repeats a value of a record: it may be personal.

/// Why a mapping file was refused. The author of the file repairs it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// Not TOML, an unknown or missing key, or a value of the wrong type; the text has line, column and key.
    #[error("{0}")]
    Syntax(String),
    /// A rule that means nothing.
    #[error("{place}: {reason}")]
    Rule {
        /// Dotted path of the key, such as `event.action`.
        place: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
}

impl MappingError {
    pub(crate) fn rule(place: &str, reason: impl Into<String>) -> Self {
        Self::Rule { place: place.to_owned(), reason: reason.into() }
    }
}

/// Why a record could not be mapped. The caller knows the line and adds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// Not one JSON value in UTF-8 (RFC 8259).
    #[error("the record is not one JSON value: {reason}")]
    Json {
        /// The parser's words, with the column where it has one.
        reason: String,
    },
    /// JSON, but no object.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// A string or member name that is no Unicode text: half of a surrogate pair.
    #[error("{path}: has a lone surrogate, which no UTF-8 text can hold")]
    LoneSurrogate {
        /// Where in the record; the object itself if it is one of its member names.
        path: String,
    },
    /// The same member twice in one object: two readers would see two different records.
    #[error("{path}: this member stands twice in its object")]
    DuplicateMember {
        /// Where in the record.
        path: String,
    },
    /// Deeper than an event's metadata may nest.
    #[error("{path}: nested deeper than {depth_max} objects and arrays")]
    TooDeep {
        /// Where in the record.
        path: String,
        /// The deepest that is taken; the record itself is 1.
        depth_max: usize,
    },
    /// A member every event needs, for which the record holds no value.
    #[error("{member}: the record has no value for {sources}")]
    Missing {
        /// The event's member, such as `actor.id`.
        member: &'static str,
        /// The mapping's choices, in order.
        sources: String,
    },
    /// No choice is a time with an offset.
    #[error("occurred_at: {sources} {reason}")]
    Time {
        /// The mapping's choices that had a value.
        sources: String,
        /// What is wrong with the first of them.
        reason: String,
    },
    /// The mapping gave a word outside a closed set: a mistake in the mapping.
    #[error("{member}: the mapping's value {reason}")]
    Word {
        /// The event's member.
        member: &'static str,
        /// Which words there are.
        reason: String,
    },
}

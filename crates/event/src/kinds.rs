//! The small closed sets of words an event is made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is not in its closed set; the message lists the set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not one of {accepted}")]
pub struct UnknownWord {
    accepted: &'static str,
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident, $accepted:literal, { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every member, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words, in declaration order, as they stand in lines.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as it stands in a line.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { accepted: $accepted }),
                }
            }
        }
    };
}

closed_set! {
    /// Which schema and which policy an event follows.
    Stream, "audit, discovery, tool", {
        /// Who did what to what: the record of account.
        Audit = "audit",
        /// Conversations and their content, for legal discovery.
        Discovery = "discovery",
        /// Calls of tools: sizes, durations and hashes, never payload.
        Tool = "tool",
    }
}

closed_set! {
    /// How the action ended.
    Outcome, "success, failure, denied, unknown", {
        /// It was done.
        Success = "success",
        /// It was tried and went wrong.
        Failure = "failure",
        /// It was refused.
        Denied = "denied",
        /// Nobody knows: what an operation gets that was begun and never completed.
        Unknown = "unknown",
    }
}

closed_set! {
    /// What kind of subject acted.
    ActorType, "user, service, agent, system, anonymous", {
        /// A person.
        User = "user",
        /// A program with its own credentials.
        Service = "service",
        /// An automated agent acting for somebody.
        Agent = "agent",
        /// The platform itself; needs no id.
        System = "system",
        /// Nobody known; needs no id.
        Anonymous = "anonymous",
    }
}

impl ActorType {
    /// Whether an actor of this type must be named by an id.
    pub const fn needs_id(self) -> bool {
        !matches!(self, Self::System | Self::Anonymous)
    }
}

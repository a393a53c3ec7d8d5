//! The searchable fields and the terms the index is made of.

use twox_hash::XxHash3_64;

/// A field that can be searched for an exact value. The numbers are on disk, in index blocks: they never change, and a
/// new field takes the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// `stream`.
    Stream = 0,
    /// `tenant`.
    Tenant = 1,
    /// `actor.id`.
    ActorId = 2,
    /// `action`.
    Action = 3,
    /// `target.type`.
    TargetType = 4,
    /// `target.id`.
    TargetId = 5,
    /// `outcome`.
    Outcome = 6,
    /// `source`.
    Source = 7,
    /// `request_id`.
    RequestId = 8,
    /// `trace_id`.
    TraceId = 9,
    /// `conversation_id`.
    ConversationId = 10,
    /// `message_id`.
    MessageId = 11,
    /// `event_id`.
    EventId = 12,
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = 13;

    /// Every field, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Stream,
        Self::Tenant,
        Self::ActorId,
        Self::Action,
        Self::TargetType,
        Self::TargetId,
        Self::Outcome,
        Self::Source,
        Self::RequestId,
        Self::TraceId,
        Self::ConversationId,
        Self::MessageId,
        Self::EventId,
    ];

    /// The number on disk; also the field's place in [`Terms`].
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The field of a number on disk.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The name by which a filter asks for an exact value of this field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Tenant => "tenant",
            Self::ActorId => "actor",
            Self::Action => "action",
            Self::TargetType => "target_type",
            Self::TargetId => "target_id",
            Self::Outcome => "outcome",
            Self::Source => "source",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::ConversationId => "conversation_id",
            Self::MessageId => "message_id",
            Self::EventId => "event_id",
        }
    }
}

/// The terms of one entry by field number; 0 where the entry has no such field.
pub type Terms = [u64; Field::COUNT];

/// The term of a value: XXH3-64 with the field's number as seed, without the top bit (so that it fits the signed
/// integers of SQL), and never 0. Terms collide: who finds one reads the line and compares.
pub fn term(field: Field, value: &str) -> u64 {
    let hash = XxHash3_64::oneshot_with_seed(u64::from(field.number()), value.as_bytes());
    (hash & i64::MAX as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_terms_never_change() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(field.number()), index);
            assert_eq!(Field::from_number(index as u8), Some(field));
        }
        assert_eq!(Field::from_number(13), None);
        assert_eq!(term(Field::Stream, ""), GOLDEN[0]);
        assert_eq!(term(Field::Tenant, "7"), GOLDEN[1]);
        assert_eq!(term(Field::EventId, "0198f3c0-0000-7000-8000-000000000000"), GOLDEN[2]);
        assert_eq!(term(Field::Action, &"x".repeat(300)), GOLDEN[3]);
    }

    const GOLDEN: [u64; 4] =
        [0x2d06_8005_38d3_94c2, 0x36e4_451c_d671_299b, 0x2347_14a8_0fe2_facc, 0x497e_3826_18bd_ee48];
}

//! What is wrong with an event or a filter, so that its sender can repair it.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// Violations reported for one event; what goes beyond is summed up in one more. Without a bound, an event of 256 KiB
/// could be answered with many times its own size.
pub const VIOLATIONS_MAX: usize = 64;

/// Bytes of a member's path that are shown; a sender can choose names of any length.
const MEMBER_BYTES_MAX: usize = 256;

/// One broken rule. Messages never repeat a submitted value: it may be personal or secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Index of the event in its batch, from 0; `None` outside a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// Path of the member, such as `actor.id` or `attachments[2].sha256`; empty for the event as a whole.
    pub member: String,
    /// Stable code of the rule, one of [`rule`].
    pub rule: &'static str,
    /// What is wrong, where, and what to do about it.
    pub message: String,
}

impl Violation {
    /// A violation outside any batch. A path longer than 256 bytes is cut.
    pub fn new(member: impl AsRef<str>, rule: &'static str, message: impl Into<String>) -> Self {
        Self::at_path(&member.as_ref(), rule, message)
    }

    /// The same, of a path that is not written out further than it is shown.
    pub(crate) fn at_path(path: &dyn fmt::Display, rule: &'static str, message: impl Into<String>) -> Self {
        let mut member = Shown(String::new());
        // An error says that the rest is left out, which the ellipsis says already.
        let _ = write!(member, "{path}");
        Self { position: None, member: member.0, rule, message: message.into() }
    }

    /// The same violation, of the event at `position` of a batch.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }
}

/// The beginning of a path. A name of 256 KiB above 64 broken rules would otherwise be written 64 times.
struct Shown(String);

impl fmt::Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MEMBER_BYTES_MAX - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let boundary = (0..=room).rev().find(|at| text.is_char_boundary(*at));
        self.0.push_str(&text[..boundary.unwrap_or(0)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(formatter, "event {position}: ")?;
        }
        if !self.member.is_empty() {
            write!(formatter, "{}: ", self.member)?;
        }
        formatter.write_str(&self.message)
    }
}

/// The stable codes of the rules. Clients may branch on them, so a code never changes its meaning.
pub mod rule {
    /// The bytes are not one JSON value (RFC 8259), or hold a lone surrogate.
    pub const JSON: &str = "json";
    /// The value has another JSON type than the member takes.
    pub const TYPE: &str = "type";
    /// A member that must be there is not.
    pub const REQUIRED: &str = "required";
    /// The member belongs to no event, or not to events of this stream.
    pub const UNKNOWN_MEMBER: &str = "unknown_member";
    /// The same member stands twice in one object.
    pub const DUPLICATE_MEMBER: &str = "duplicate_member";
    /// The member is written by the ledger and cannot be submitted.
    pub const RESERVED_MEMBER: &str = "reserved_member";
    /// An identifier without a character.
    pub const EMPTY: &str = "empty";
    /// More bytes than the limit.
    pub const TOO_LONG: &str = "too_long";
    /// An identifier with a control character.
    pub const CONTROL_CHARACTER: &str = "control_character";
    /// A word outside its closed set.
    pub const CHOICE: &str = "choice";
    /// The text has not the form the member asks for.
    pub const FORMAT: &str = "format";
    /// `occurred_at` lies too far after now.
    pub const IN_FUTURE: &str = "in_future";
    /// An integer beyond ±(2^53−1), or below zero where that makes no sense.
    pub const INTEGER_RANGE: &str = "integer_range";
    /// Objects and arrays nested too deep.
    pub const DEPTH: &str = "depth";
    /// The member may not stand beside this outcome.
    pub const OUTCOME: &str = "outcome";
    /// The member belongs to the other step of an operation.
    pub const STEP: &str = "step";
    /// A tool event that carries payload.
    pub const PAYLOAD: &str = "payload";
    /// A tool event that carries personal data.
    pub const PERSONAL_DATA: &str = "personal_data";
    /// More violations than are listed.
    pub const MORE: &str = "more";
    /// A time range that ends before it begins.
    pub const RANGE: &str = "range";
}

#[cfg(test)]
mod tests {
    use super::{MEMBER_BYTES_MAX, Violation, rule};

    #[test]
    fn a_path_is_cut_at_a_character_and_not_kept_beyond() {
        for (length, shown) in
            [(127, 254), (128, 256), (129, 256 + '…'.len_utf8()), (130_000, 256 + '…'.len_utf8())]
        {
            let violation = Violation::new("é".repeat(length), rule::TYPE, "");
            assert_eq!(violation.member.len(), shown, "{length}");
            assert_eq!(violation.member.ends_with('…'), length > 128);
            assert!(
                violation.member.capacity() <= 2 * MEMBER_BYTES_MAX + 8,
                "{}",
                violation.member.capacity()
            );
        }
        let odd = Violation::new(format!("a{}", "é".repeat(128)), rule::TYPE, "");
        assert_eq!(odd.member.len(), 255 + '…'.len_utf8());
    }
}

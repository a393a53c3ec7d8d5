//! Two-step operations: begun before the work, completed after it.

use std::fmt;

use event::{Outcome, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::Receipt;
use crate::event::{EventError, Target};
use crate::prepared;

/// An operation that was begun and waits for its completion.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(String);

impl OperationId {
    /// The id as text, as the server gave it. Keep it where a restart finds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In a path: what is not unreserved in RFC 3986, section 2.3, is written as percent and two digits.
    pub(crate) fn in_path(&self) -> String {
        use fmt::Write;
        let mut path = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                path.push(byte as char);
            } else {
                let _ = write!(path, "%{byte:02X}");
            }
        }
        path
    }
}

impl From<String> for OperationId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A begin that is durable: the work may start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Begun {
    /// What to complete.
    pub operation_id: OperationId,
    /// It had been begun before, by the same event.
    #[serde(default)]
    pub duplicate: bool,
}

/// How an operation ended. It gets its time when it is made, so that the same value is the same completion.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Completion {
    members: Map<String, Value>,
}

impl Completion {
    /// With this outcome, now.
    pub fn new(outcome: Outcome) -> Self {
        Self { members: Map::new() }
            .member("outcome", outcome.as_str())
            .member("occurred_at", prepared::now().to_string())
    }

    /// When it ended, in place of when this value was made.
    #[must_use]
    pub fn occurred_at(self, at: Timestamp) -> Self {
        self.member("occurred_at", at.to_string())
    }

    /// What went wrong; goes with the outcomes `failure` and `denied`.
    #[must_use]
    pub fn error(self, error: EventError) -> Self {
        self.member("error", serde_json::to_value(error).unwrap_or_default())
    }

    /// What it was done to, where only the work could tell.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        self.member("target", serde_json::to_value(target).unwrap_or_default())
    }

    /// Any other member of the event that was not given at the begin: `metadata`, `changes`, `duration_ms` and so on.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }
}

/// What became of a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The operation is in the ledger as this completion says.
    Recorded(Receipt),
    /// It came too late: the operation had timed out, and is in the ledger with the outcome `unknown`.
    TimedOut {
        /// Where, if the server says so.
        seq: Option<u64>,
    },
}

impl Completed {
    /// Reads the answer to a completion; `None` when it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Shape {
            #[serde(default)]
            timed_out: bool,
            seq: Option<u64>,
        }
        let shape: Shape = serde_json::from_slice(body).ok()?;
        if shape.timed_out {
            return Some(Self::TimedOut { seq: shape.seq });
        }
        crate::answer::receipt(body, "").map(Self::Recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_a_completion_is_a_receipt_or_too_late() {
        let receipt = br#"{"event_id":"e","seq":3,"leaf_hash":"x","duplicate":false}"#;
        assert!(matches!(Completed::read(receipt), Some(Completed::Recorded(receipt)) if receipt.seq == 3));
        let late = br#"{"timed_out":true,"seq":9}"#;
        assert_eq!(Completed::read(late), Some(Completed::TimedOut { seq: Some(9) }));
        assert_eq!(Completed::read(b"{}"), None);
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert_eq!(OperationId::from("op_1/../x?y".to_owned()).in_path(), "op_1%2F..%2Fx%3Fy");
    }
}

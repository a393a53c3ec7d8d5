//! What an answer says about the events that were sent.

use memchr::memmem;
use serde::Deserialize;

/// What became of the events of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All are durable; so many of them were there before.
    Acknowledged { duplicates: u64 },
    /// None was stored, and the answer says so.
    Refused,
    /// They may or may not be stored.
    Unknown,
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) fate: Fate,
    /// The status, and the error's code where there is one: what is counted by.
    pub(crate) label: String,
}

impl Answer {
    /// Reads the answer to a request of `events` events.
    pub(crate) fn read(status: u16, body: &[u8], events: u64) -> Self {
        match status {
            201 => Self::acknowledged(body, events),
            // A spooled event is durable where it is, and has no receipt yet.
            202 => Self { fate: Fate::Acknowledged { duplicates: 0 }, label: "202".to_owned() },
            _ => Self::refused(status, body),
        }
    }

    /// Receipts are counted and not parsed: a generator that parsed a thousand of them for every request would
    /// take the server's processor. A quotation mark within a value is escaped, so the count is exact.
    fn acknowledged(body: &[u8], events: u64) -> Self {
        let count = |needle: &str| memmem::find_iter(body, needle).count() as u64;
        let duplicates = count(r#""duplicate":true"#);
        let receipts = duplicates + count(r#""duplicate":false"#);
        if receipts == events {
            Self { fate: Fate::Acknowledged { duplicates }, label: "201".to_owned() }
        } else {
            Self { fate: Fate::Unknown, label: "201 with receipts missing".to_owned() }
        }
    }

    fn refused(status: u16, body: &[u8]) -> Self {
        let code = serde_json::from_slice::<Body<'_>>(body).ok().map(|body| body.error.code);
        let fate = match (status, code) {
            (_, Some("outcome_unknown")) => Fate::Unknown,
            // Anything else that failed inside may have failed after the commit.
            (400..=499 | 503 | 507, _) => Fate::Refused,
            _ => Fate::Unknown,
        };
        let label = code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
        Self { fate, label }
    }
}

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    error: Shown<'b>,
}

#[derive(Deserialize)]
struct Shown<'b> {
    code: &'b str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str, events: u64) -> (Fate, String) {
        let answer = Answer::read(status, body.as_bytes(), events);
        (answer.fate, answer.label)
    }

    fn failed(code: &str) -> String {
        format!(r#"{{"error":{{"code":"{code}","message":"m","request_id":"1","details":[]}}}}"#)
    }

    #[test]
    fn every_event_needs_a_receipt() {
        let body = r#"{"receipts":[{"event_id":"a","seq":1,"leaf_hash":"h","duplicate":false},{"event_id":"b","seq":0,"leaf_hash":"h","duplicate":true}],"tree_size":2}"#;
        assert_eq!(read(201, body, 2), (Fate::Acknowledged { duplicates: 1 }, "201".to_owned()));
        assert_eq!(read(201, body, 3).0, Fate::Unknown);
        assert_eq!(read(201, "", 1).0, Fate::Unknown);
    }

    #[test]
    fn a_refusal_says_that_nothing_was_stored() {
        assert_eq!(read(503, &failed("overloaded"), 1), (Fate::Refused, "503 overloaded".to_owned()));
        assert_eq!(read(422, &failed("event_invalid"), 1).0, Fate::Refused);
        assert_eq!(read(413, "plain text", 1), (Fate::Refused, "413".to_owned()));
    }

    #[test]
    fn what_may_have_been_stored_is_unknown() {
        assert_eq!(read(503, &failed("outcome_unknown"), 1).0, Fate::Unknown);
        assert_eq!(read(500, &failed("internal"), 1), (Fate::Unknown, "500 internal".to_owned()));
        assert_eq!(read(502, "", 1).0, Fate::Unknown);
        assert_eq!(read(200, "", 1).0, Fate::Unknown);
    }
}

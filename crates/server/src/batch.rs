//! From a body to events: one JSON object, an array of them, or one a line.

mod split;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use event::{Event, Limits, Timestamp, Violation, rule};
use serde::de::IgnoredAny;

use self::split::{Split, split, trim};
use crate::failure::{DETAILS_MAX, Failure};

/// How a body holds its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/json`: an object or an array of objects.
    Json,
    /// `application/x-ndjson`: an object a line; blank lines are passed over.
    Lines,
}

impl Format {
    /// The format that the content type names; parameters such as a charset do not matter.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" => Ok(Self::Lines),
            _ => Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content_type_unsupported",
                "send application/json (one event or an array) or application/x-ndjson (one event a line)",
            )),
        }
    }
}

/// Reads all events of a body, or says what is wrong with every one that is not right.
pub(crate) fn parse(
    body: &[u8],
    format: Format,
    limits: &Limits,
    now: Timestamp,
) -> Result<Vec<Event>, Failure> {
    let submitted = match format {
        Format::Json => items(body, limits.batch_events_max)?,
        Format::Lines => lines(body, limits.batch_events_max)?,
    };
    if submitted.is_empty() {
        let message = "there is no event in the body";
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "event_invalid", message));
    }
    let mut events = Vec::with_capacity(submitted.len());
    let mut refused = Refused::default();
    for (position, json) in submitted.iter().enumerate() {
        match Event::parse(json, limits, now) {
            // Once one is refused, none is kept: the batch is all or nothing.
            Ok(event) if refused.events == 0 => events.push(event),
            Ok(_) => {}
            Err(violations) => {
                events = Vec::new();
                refused.add(position, violations);
                if refused.details.len() >= DETAILS_MAX {
                    break;
                }
            }
        }
    }
    if refused.events == 0 { Ok(events) } else { Err(refused.into_failure(submitted.len())) }
}

#[derive(Default)]
struct Refused {
    events: usize,
    details: Vec<Violation>,
}

impl Refused {
    fn add(&mut self, position: usize, violations: Vec<Violation>) {
        self.events += 1;
        self.details.extend(violations.into_iter().map(|violation| violation.at(position)));
    }

    fn into_failure(self, submitted: usize) -> Failure {
        let (events, details) = (self.events, self.details);
        let more = if details.len() >= DETAILS_MAX { " or more" } else { "" };
        let message = format!("{events}{more} of {submitted} events are refused; nothing was stored");
        refused(message, details)
    }
}

/// What is said of violations, with the status of the gravest.
pub(crate) fn refused(message: impl Into<String>, details: Vec<Violation>) -> Failure {
    let is_whole = |violation: &Violation| violation.member.is_empty();
    let (status, code) = if details.iter().any(|violation| violation.rule == rule::JSON) {
        (StatusCode::BAD_REQUEST, "malformed")
    } else if details.iter().any(|violation| is_whole(violation) && violation.rule == rule::TOO_LONG) {
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "event_invalid")
    };
    Failure::new(status, code, message).detailed(details)
}

fn too_many(events_max: usize) -> Failure {
    Failure::too_large(format!("a batch has at most {events_max} events; nothing was stored"))
}

fn lines(body: &[u8], events_max: usize) -> Result<Vec<&[u8]>, Failure> {
    let lines = body.split(|byte| *byte == b'\n').map(trim).filter(|line| !line.is_empty());
    let lines: Vec<&[u8]> = lines.take(events_max + 1).collect();
    if lines.len() > events_max { Err(too_many(events_max)) } else { Ok(lines) }
}

/// The bytes of each item of an array; anything but an array is one item.
fn items(body: &[u8], events_max: usize) -> Result<Vec<&[u8]>, Failure> {
    if !trim(body).starts_with(b"[") {
        return Ok(vec![body]);
    }
    match split(body, events_max) {
        Split::Items(items) => Ok(items),
        Split::TooMany => Err(too_many(events_max)),
        Split::TooDeep(position) => Err(too_deep(position)),
        // Where exactly is for a parser to say; nothing that is deeper than it reads comes this far.
        Split::Broken => match serde_json::from_slice::<IgnoredAny>(body) {
            Err(error) => {
                Err(Failure::malformed(format!("the body {}", event::malformed(body, &error).message)))
            }
            Ok(_) => Err(Failure::malformed("the body is not a JSON array from its first byte to its last")),
        },
    }
}

fn too_deep(position: usize) -> Failure {
    let message = "is nested too deep to be read, and does not end; flatten it";
    let violation = Violation::new("", rule::DEPTH, message).at(position);
    let message = "1 event or more is refused; nothing was stored";
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "event_invalid", message).detailed(vec![violation])
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn status(found: Result<Vec<&[u8]>, Failure>) -> StatusCode {
        found.unwrap_err().into_response().status()
    }

    fn texts(found: Result<Vec<&[u8]>, Failure>) -> Option<Vec<&str>> {
        found.ok().map(|items| items.into_iter().map(|item| std::str::from_utf8(item).unwrap()).collect())
    }

    #[test]
    fn items_are_taken_byte_for_byte() {
        assert_eq!(
            texts(items(b" [ {\"a\": 1.0} , [2],\"]\" ] ", 9)),
            Some(vec!["{\"a\": 1.0}", "[2]", "\"]\""])
        );
        assert_eq!(texts(items(b"{\"a\":1}", 9)), Some(vec!["{\"a\":1}"]));
        assert_eq!(texts(items(b"[]", 9)), Some(vec![]));
        for broken in ["[1,]", "[1", "[1]]", "[1] x", "[{]"] {
            assert_eq!(texts(items(broken.as_bytes(), 9)), None, "{broken}");
        }
    }

    #[test]
    fn a_batch_stops_at_its_bound() {
        assert_eq!(texts(items(b"[1,2]", 2)), Some(vec!["1", "2"]));
        assert_eq!(status(items(b"[1,2,3, broken", 2)), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(status(lines(b"1\n2\n3\n", 2)), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn blank_lines_and_carriage_returns_are_passed_over() {
        assert_eq!(texts(lines(b"\r\n1\r\n\n  \n2", 2)), Some(vec!["1", "2"]));
    }
}

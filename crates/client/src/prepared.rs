//! From what a caller gives to what is sent: one line of JSON with an id and a time, settled before the first attempt.

use std::borrow::Cow;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use event::{Limits, RESERVED_SOURCE, RESERVED_TENANT, Stream, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Refusal, RefusalKind, Violation};

/// An event as it is sent and spooled: compact JSON on one line, with its id and its time.
///
/// It serialises as itself, so that whoever gets one back in an error can append it again, or keep it.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedEvent {
    json: Box<str>,
    event_id: Box<str>,
    stream: Option<Stream>,
}

impl PreparedEvent {
    /// The JSON, on one line, without a newline.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The id under which the ledger takes it once.
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// The stream it names, if it names one.
    pub fn stream(&self) -> Option<Stream> {
        self.stream
    }

    /// Makes one line of any value, and fills in `event_id` and `occurred_at` where they are absent.
    pub(crate) fn of<E: Serialize + ?Sized>(event: &E, now: Timestamp) -> Result<Self, Refusal> {
        let text = serde_json::to_string(event).map_err(|error| {
            Refusal::local(
                RefusalKind::Malformed,
                format!("the event cannot be written as JSON: {error}"),
                Vec::new(),
            )
        })?;
        let mut json = compact(text);
        let Ok(head) = serde_json::from_str::<Head<'_>>(&json) else { return Err(unreadable(&json, now)) };
        let stream = head.stream.as_deref().and_then(|stream| stream.parse().ok());
        let event_id = head.event_id.as_deref().map_or_else(|| head.new_event_id(), str::to_owned);
        let mut filled = String::new();
        if head.event_id.is_none() {
            filled = format!("\"event_id\":\"{event_id}\",");
        }
        if head.occurred_at.is_none() {
            filled = format!("{filled}\"occurred_at\":\"{now}\",");
        }
        // `{}` takes no comma. It is no event either, but that is for the rules to say.
        if json == "{}" {
            filled.pop();
        }
        json.insert_str(1, &filled);
        Ok(Self { json: json.into(), event_id: event_id.into(), stream })
    }

    /// All of the rules that need no ledger. `position` is its place among the events of the call, from 0.
    pub(crate) fn validate(
        &self,
        position: usize,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Stream, Refusal> {
        match event::Event::parse(self.json.as_bytes(), limits, now) {
            Ok(event) if event.is_reserved() => {
                let message = format!(
                    "the tenant {RESERVED_TENANT} and the source {RESERVED_SOURCE} are the ledger's own"
                );
                Err(Refusal::local(RefusalKind::Forbidden, message, Vec::new()))
            }
            Ok(event) => Ok(event.stream()),
            Err(violations) => {
                let violations =
                    violations.into_iter().map(|violation| Violation::from(violation.at(position)));
                let message = "the event breaks rules; nothing was sent or stored";
                Err(Refusal::local(RefusalKind::Invalid, message, violations.collect()))
            }
        }
    }
}

/// Without the event: it names people.
impl fmt::Debug for PreparedEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PreparedEvent").field("event_id", &self.event_id).finish_non_exhaustive()
    }
}

impl Serialize for PreparedEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.json).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// The members that decide what an event is called and where it is kept.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    occurred_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tenant: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    external_id: Option<Cow<'a, str>>,
}

impl Head<'_> {
    /// An event that its source names is the same event however often it is delivered, so its id follows from the
    /// name: a fresh one would make the second delivery a conflict.
    fn new_event_id(&self) -> String {
        match (&self.tenant, &self.source, &self.external_id) {
            (Some(tenant), Some(source), Some(external_id)) => external_event_id(tenant, source, external_id),
            _ => new_event_id(),
        }
    }
}

/// UUID version 8 (RFC 9562, section 5.8): the first 16 bytes of SHA-256 over `strongroom/event-id`, tenant, source and
/// external id, each with its length in bytes before it as a big-endian u32. `docs/formats/spool.md` has an example.
fn external_event_id(tenant: &str, source: &str, external_id: &str) -> String {
    let mut hasher = Sha256::new();
    for part in ["strongroom/event-id", tenant, source, external_id] {
        hasher.update((part.len() as u32).to_be_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// A UUID version 7 (RFC 9562, section 5.7): ordered by time, which makes the ledger's key index cheap.
pub(crate) fn new_event_id() -> String {
    Uuid::now_v7().to_string()
}

/// The wall clock in microseconds; a clock outside the years 0001 to 9999 reads as the nearest of them.
pub(crate) fn now() -> Timestamp {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    };
    Timestamp::from_micros(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Takes white space outside strings away, because a line ends at its newline. Raw JSON of a caller may have some.
fn compact(text: String) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let mut kept = text.into_bytes();
    kept.retain(|byte| {
        if in_string {
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return true;
        }
        in_string = *byte == b'"';
        !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
    });
    // Only whole ASCII characters were taken out.
    String::from_utf8(kept).unwrap_or_else(|error| unreachable!("it was UTF-8 before: {error}"))
}

/// Why the members cannot be read, as the rules for events put it.
fn unreadable(json: &str, now: Timestamp) -> Refusal {
    let violations = event::Event::parse(json.as_bytes(), &Limits::default(), now).err().unwrap_or_default();
    let violations = violations.into_iter().map(|violation| Violation::from(violation.at(0))).collect();
    Refusal::local(RefusalKind::Invalid, "this is no event; nothing was sent or stored", violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(json: &str) -> PreparedEvent {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        PreparedEvent::of(raw, now()).unwrap()
    }

    #[test]
    fn raw_json_becomes_one_line_and_strings_stay_as_they_are() {
        let event = prepared(
            "{ \"a\" :\n [1, 2],\r\"b\\\" \":\t\"x \\\\\" , \"event_id\": \"e\", \"occurred_at\":\"t\" }",
        );
        assert_eq!(event.json(), r#"{"a":[1,2],"b\" ":"x \\","event_id":"e","occurred_at":"t"}"#);
        assert_eq!(event.event_id(), "e");
    }

    #[test]
    fn what_is_absent_is_filled_in_once() {
        let event = prepared(r#"{"stream":"tool"}"#);
        assert_eq!(event.stream(), Some(Stream::Tool));
        let id = event.event_id();
        assert!(
            event.json().starts_with(&format!(r#"{{"event_id":"{id}","occurred_at":""#)),
            "{}",
            event.json()
        );
        assert_eq!(Uuid::parse_str(id).unwrap().get_version_num(), 7);
        let again = PreparedEvent::of(&event, now()).unwrap();
        assert!(again == event, "an event that was prepared stays as it is");
        serde_json::from_str::<serde_json::Value>(prepared("{}").json()).unwrap();
    }

    #[test]
    fn what_is_no_object_of_an_event_is_refused_with_its_rule() {
        for (json, rule) in
            [("[1]", "type"), ("{\"event_id\":7}", "type"), ("{\"tenant\":1,\"tenant\":2}", "type")]
        {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            let refusal = PreparedEvent::of(raw, now()).unwrap_err();
            assert!(
                refusal.violations().iter().any(|violation| violation.rule == rule),
                "{json}: {refusal:?}"
            );
        }
    }

    #[test]
    fn the_id_of_an_external_event_is_the_documented_one() {
        let id = external_event_id("7", "github", "delivery-1");
        assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 8);
        let page = include_str!("../../../docs/formats/spool.md");
        assert!(page.contains(&id), "docs/formats/spool.md should name {id}");
    }

    #[test]
    fn an_event_is_not_shown_where_errors_are() {
        let event = prepared(r#"{"event_id":"e","actor":{"name":"Alice"}}"#);
        assert!(!format!("{event:?}").contains("Alice"));
    }
}

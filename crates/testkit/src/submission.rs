use event::{Event, Limits, Timestamp};

/// An event as a rig offers it: its mark tells it from every other one, whatever its ids are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Stands in the event's `request_id`: the same mark, the same content.
    pub mark: String,
    /// The organisation.
    pub tenant: String,
    /// The id that makes it one event, if it is sent.
    pub event_id: Option<String>,
    /// The id at the source, if it has one.
    pub external_id: Option<String>,
    /// Bytes of metadata that it carries.
    pub padding: usize,
}

impl Submission {
    /// The event's JSON.
    pub fn json(&self) -> String {
        let member = |name: &str, value: &Option<String>| {
            value.as_ref().map_or_else(String::new, |value| format!(r#""{name}":"{value}","#))
        };
        format!(
            r#"{{"stream":"audit",{}{}"occurred_at":"2026-02-01T00:00:00Z","tenant":"{}","actor":{{"type":"user","id":"ann"}},"action":"document.read","outcome":"success","source":"rig","request_id":"{}","metadata":{{"padding":"{}"}}}}"#,
            member("event_id", &self.event_id),
            member("external_id", &self.external_id),
            self.tenant,
            self.mark,
            "x".repeat(self.padding),
        )
    }

    /// The event, as a producer's request would give it.
    pub fn event(&self, now: Timestamp) -> Event {
        Event::parse(self.json().as_bytes(), &Limits::default(), now).expect("a rig's events are valid")
    }

    /// What makes it the same event as another: tenant and id, for each kind of id.
    pub(crate) fn identities(&self) -> impl Iterator<Item = String> {
        let identity =
            |kind, id: &Option<String>| id.as_ref().map(|id| format!("{kind} {} {id}", self.tenant));
        [identity("event", &self.event_id), identity("external", &self.external_id)].into_iter().flatten()
    }
}

//! Request bodies: generated events, each with an id of its own.

use bytes::Bytes;
use traffic::Traffic;

/// Generates bodies, one after the other.
#[derive(Debug)]
pub(crate) struct Bodies {
    traffic: Traffic,
    occurred_at_micros: i64,
}

impl Bodies {
    pub(crate) fn new(seed: u64) -> Self {
        Self { traffic: Traffic::new(seed), occurred_at_micros: 0 }
    }

    /// So many events that occurred at `now_micros` (since the Unix epoch), each at least a microsecond after the last:
    /// one as a JSON object, several as one a line.
    pub(crate) fn next(&mut self, events: u64, now_micros: i64) -> Bytes {
        let mut body = Vec::new();
        for _ in 0..events {
            self.occurred_at_micros = now_micros.max(self.occurred_at_micros + 1);
            let event = self.traffic.event(self.occurred_at_micros);
            if events == 1 {
                return event.into();
            }
            body.extend_from_slice(&event);
            body.push(b'\n');
        }
        body.into()
    }
}

/// How the server is told what a body holds.
pub(crate) fn content_type(batch: u64) -> &'static str {
    if batch == 1 { "application/json" } else { "application/x-ndjson" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn ids(body: &[u8]) -> Vec<String> {
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let event = |line| serde_json::from_slice::<Value>(line).unwrap();
        lines.map(|line| event(line)["event_id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn no_id_comes_twice_within_a_run_or_in_another_run_of_the_same_seed() {
        let mut seen = BTreeSet::new();
        for now_micros in [5_000_000, 9_000_000] {
            let mut bodies = Bodies::new(7);
            for events in [1, 300, 1] {
                let ids = ids(&bodies.next(events, now_micros));
                assert_eq!(ids.len() as u64, events);
                seen.extend(ids);
            }
        }
        assert_eq!(seen.len(), 604);
    }

    #[test]
    fn a_single_event_is_a_json_object_without_a_newline() {
        let body = Bodies::new(1).next(1, 1);
        assert!(serde_json::from_slice::<Value>(&body).unwrap().is_object());
        assert!(!body.ends_with(b"\n"));
    }
}

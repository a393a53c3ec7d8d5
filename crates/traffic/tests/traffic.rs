//! What every user of the traffic relies on: validity, determinism, size, mix and uniqueness.

use std::collections::{BTreeMap, BTreeSet};

use event::{Event, Limits, Timestamp};
use serde_json::Value;
use traffic::Traffic;

/// 2026-11-22T00:00:00Z in microseconds since the Unix epoch.
const START_MICROS: i64 = 1_795_305_600_000_000;
const EVENTS: usize = 10_000;

fn events(seed: u64) -> Vec<Vec<u8>> {
    let mut traffic = Traffic::new(seed);
    (0..EVENTS as i64).map(|index| traffic.event(START_MICROS + index * 1_500)).collect()
}

fn values(seed: u64) -> Vec<Value> {
    events(seed).iter().map(|event| serde_json::from_slice(event).unwrap()).collect()
}

fn count(values: &[Value], pointer: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for text in values.iter().filter_map(|value| value.pointer(pointer)?.as_str()) {
        *counts.entry(text.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn a_seed_always_gives_the_same_bytes() {
    assert_eq!(events(42), events(42));
    assert_ne!(events(42), events(43));
}

#[test]
fn the_first_event_of_a_seed_is_pinned() {
    let text = String::from_utf8(Traffic::new(7).event(START_MICROS)).unwrap();
    assert_eq!(text, include_str!("data/seed-7.json").trim_end());
}

#[test]
fn every_event_is_valid() {
    let now = Timestamp::from_micros(START_MICROS + EVENTS as i64 * 1_500).unwrap();
    for text in events(1) {
        if let Err(violations) = Event::parse(&text, &Limits::default(), now) {
            panic!("{violations:?}\n{}", String::from_utf8_lossy(&text));
        }
    }
}

#[test]
fn a_canonical_line_averages_about_650_bytes() {
    let now = Timestamp::from_micros(START_MICROS + EVENTS as i64 * 1_500).unwrap();
    let retention_until = now.checked_add_days(1_095);
    for default_retention_until in [None, retention_until] {
        let mut bytes = 0;
        for (seq, text) in events(2).iter().enumerate() {
            let mut line = Vec::new();
            let event = Event::parse(text, &Limits::default(), now).unwrap();
            event.write_line(seq as u64, now, default_retention_until, &mut line);
            bytes += line.len();
        }
        let average = bytes / EVENTS;
        assert!((600..=700).contains(&average), "{average} bytes with {default_retention_until:?}");
    }
}

#[test]
fn event_ids_and_request_ids_are_unique() {
    let values = values(3);
    for pointer in ["/event_id", "/request_id"] {
        let distinct: BTreeSet<&str> =
            values.iter().map(|value| value.pointer(pointer).unwrap().as_str().unwrap()).collect();
        assert_eq!(distinct.len(), EVENTS, "{pointer}");
    }
}

#[test]
fn streams_outcomes_tenants_actors_and_actions_have_the_promised_spread() {
    let values = values(4);
    let streams = count(&values, "/stream");
    assert!((8_300..=8_700).contains(&streams["audit"]), "{streams:?}");
    assert!((850..=1_150).contains(&streams["tool"]), "{streams:?}");
    assert!((400..=600).contains(&streams["discovery"]), "{streams:?}");
    let outcomes = count(&values, "/outcome");
    assert!(outcomes["success"] > 9_000 && outcomes.len() == 4, "{outcomes:?}");
    assert_eq!(count(&values, "/tenant").len(), traffic::TENANTS_DEFAULT);
    assert_eq!(count(&values, "/action").len(), 40);
    assert!(count(&values, "/actor/id").len() > 1_000);
    assert!(values.iter().any(|value| value.get("changes").is_some()));
}

#[test]
fn the_number_of_tenants_can_be_chosen() {
    let mut traffic = Traffic::with_tenants(5, 300);
    let events: Vec<Value> =
        (0..EVENTS).map(|_| serde_json::from_slice(&traffic.event(START_MICROS)).unwrap()).collect();
    let tenants = count(&events, "/tenant");
    assert!((250..=300).contains(&tenants.len()), "{}", tenants.len());
}

use std::collections::BTreeSet;

use crate::workplace::{Workplace, event, events};

#[test]
fn filters_are_combined_and_the_newest_comes_first() {
    let place = Workplace::with_ledger();
    let mut lines = events(0..20);
    lines.push(event(20).replace("alice", "Bob").replace("document.read", "session.create"));
    lines.push(event(21).replace("alice", "Bob").replace("\"7\"", "\"8\""));
    place.append(&lines).succeeds();
    let ids = |arguments: &[&str]| -> Vec<String> {
        let found = place.run(&[&["search"], arguments].concat()).succeeds();
        found.json_lines().iter().map(|entry| entry["event_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--actor", "Bob"]), ["event-21", "event-20"]);
    assert_eq!(ids(&["--actor-like", "BO", "--tenant", "7"]), ["event-20"]);
    assert_eq!(ids(&["--action", "session.*"]), ["event-20"]);
    assert_eq!(ids(&["--target-type", "document", "--target-id", "d-3"]), ["event-3"]);
    assert_eq!(ids(&["--event-id", "event-4", "--outcome", "success", "--stream", "audit"]), ["event-4"]);
    assert_eq!(ids(&["--text", "REQUEST-5"]), ["event-5"]);
    assert_eq!(ids(&["--tenant", "7", "--order", "asc", "--limit", "2"]), ["event-0", "event-1"]);
    assert_eq!(ids(&["--source", "test", "--to", "2026-04-22T02:30:15Z"]), [""; 0]);
    assert_eq!(ids(&["--source", "test", "--from", "2026-04-22T02:30:15Z"]).len(), 22);
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let place = Workplace::with_ledger();
    place.append(&events(0..25)).succeeds();
    let mut seen = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut arguments = vec!["search", "--tenant", "7", "--limit", "10", "--json"];
        if let Some(cursor) = &cursor {
            arguments.extend(["--cursor", cursor]);
        }
        let page = place.run(&arguments).succeeds().json();
        for entry in page["entries"].as_array().unwrap() {
            assert!(seen.insert(entry["seq"].as_u64().unwrap()));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
}

#[test]
fn a_bad_filter_is_an_error_that_names_the_flag() {
    let place = Workplace::with_ledger();
    place.run(&["search", "--recorded-from", "yesterday"]).exits(2).says("--recorded-from");
    place.run(&["search", "--limit", "1001"]).exits(2).says("--limit").says("1000");
    place.run(&["search", "--outcome", "fine"]).exits(2).says("--outcome");
    place.run(&["search", "--actor", ""]).exits(2).says("--actor");
    place.run(&["search", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"]).exits(2);
    place.run(&["search", "--cursor", "nonsense"]).exits(2).says("cursor");
}

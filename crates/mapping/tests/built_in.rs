//! The embedded mappings on invented records. Golden files are renewed with the crate's `map` example.

use std::collections::BTreeSet;

use event::{Event, Limits, Timestamp};
use mapping::Mapping;
use serde_json::Value;

const CLOUDTRAIL: (&str, &str, &str) =
    ("cloudtrail", include_str!("data/cloudtrail.jsonl"), include_str!("data/cloudtrail.events.jsonl"));
const WINDOWS: (&str, &str, &str) =
    ("windows", include_str!("data/windows.jsonl"), include_str!("data/windows.events.jsonl"));

fn mapped(name: &str, records: &str) -> Vec<String> {
    let mapping = Mapping::built_in(name).unwrap();
    let map = |(index, record): (usize, &str)| {
        let mapped = mapping
            .map(record.as_bytes(), None)
            .unwrap_or_else(|error| panic!("{name} {}: {error}", index + 1));
        String::from_utf8(mapped.event).unwrap()
    };
    records.lines().enumerate().map(map).collect()
}

fn parsed(name: &str, records: &str) -> Vec<Value> {
    mapped(name, records).iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

fn find<'v>(events: &'v [Value], external_id: &str) -> &'v Value {
    events.iter().find(|event| event["external_id"] == external_id).expect("the fixture has this record")
}

#[test]
fn every_record_maps_to_its_golden_event() {
    for (name, records, events) in [CLOUDTRAIL, WINDOWS] {
        let mapped = mapped(name, records);
        assert_eq!(mapped.len(), events.lines().count(), "{name}");
        for (index, (found, golden)) in mapped.iter().zip(events.lines()).enumerate() {
            assert_eq!(found, golden, "{name}, line {}", index + 1);
        }
    }
}

#[test]
fn every_event_is_valid_and_its_external_id_is_its_own() {
    let now = Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
    for (name, records, _) in [CLOUDTRAIL, WINDOWS] {
        let mut external_ids = BTreeSet::new();
        for event in mapped(name, records) {
            let event = Event::parse(event.as_bytes(), &Limits::default(), now).unwrap();
            assert_eq!(event.source(), Some(name));
            assert!(
                external_ids.insert(event.external_id().unwrap().to_owned()),
                "{:?}",
                event.external_id()
            );
        }
        assert_eq!(external_ids.len(), records.lines().count());
    }
}

#[test]
fn the_metadata_is_the_whole_record() {
    /// Equal but for numbers that had to become strings.
    fn same(foreign: &Value, kept: &Value) -> bool {
        match (foreign, kept) {
            (Value::Object(foreign), Value::Object(kept)) => {
                foreign.len() == kept.len()
                    && foreign
                        .iter()
                        .all(|(name, value)| kept.get(name).is_some_and(|kept| same(value, kept)))
            }
            (Value::Array(foreign), Value::Array(kept)) => {
                foreign.len() == kept.len()
                    && foreign.iter().zip(kept).all(|(foreign, kept)| same(foreign, kept))
            }
            (Value::Number(foreign), Value::String(kept)) => {
                kept.parse::<f64>().unwrap().abs() > 9_007_199_254_740_991.0
                    && foreign.as_f64() == kept.parse().ok()
            }
            _ => foreign == kept,
        }
    }

    for (name, records, _) in [CLOUDTRAIL, WINDOWS] {
        for (record, event) in records.lines().zip(parsed(name, records)) {
            let record: Value = serde_json::from_str(record).unwrap();
            assert!(same(&record, &event["metadata"]), "{}", event["external_id"]);
        }
    }
}

#[test]
fn large_integers_keep_every_digit_as_strings() {
    let windows = parsed("windows", WINDOWS.1);
    assert_eq!(
        find(&windows, "DESK7.corp.example/security/101")["metadata"]["Keywords"],
        "-9214364837600034816"
    );
    let cloudtrail = parsed("cloudtrail", CLOUDTRAIL.1);
    let parameters = &find(&cloudtrail, "ct-12")["metadata"]["requestParameters"];
    assert_eq!(parameters["capacity"], "9007199254740993");
    assert_eq!(parameters["huge"], "123456789012345678901234567890");
    assert_eq!(parameters["floor"], -9_007_199_254_740_991_i64);
}

#[test]
fn the_callers_tenant_wins() {
    for (name, records, _) in [CLOUDTRAIL, WINDOWS] {
        let record = records.lines().next().unwrap();
        let mapped = Mapping::built_in(name).unwrap().map(record.as_bytes(), Some("acme")).unwrap();
        let event: Value = serde_json::from_slice(&mapped.event).unwrap();
        assert_eq!(event["tenant"], "acme");
    }
}

#[test]
fn cloudtrail_outcomes_tell_denied_from_failed() {
    let events = parsed("cloudtrail", CLOUDTRAIL.1);
    let outcome = |id: &str| find(&events, id)["outcome"].as_str().unwrap().to_owned();
    assert_eq!(outcome("ct-01"), "success");
    assert_eq!(outcome("ct-04"), "failure", "a failed sign-in without an errorCode");
    assert_eq!(outcome("ct-05"), "denied", "AccessDenied");
    assert_eq!(outcome("ct-06"), "denied", "Client.UnauthorizedOperation");
    assert_eq!(outcome("ct-07"), "failure", "any other errorCode");
}

#[test]
fn the_windows_time_is_never_the_zoneless_one() {
    for event in parsed("windows", WINDOWS.1) {
        let occurred_at = event["occurred_at"].as_str().unwrap();
        assert!(occurred_at.starts_with("2026-03-02T09:20:"), "{occurred_at}");
    }
}

fn error(name: &str, record: &str) -> String {
    Mapping::built_in(name).unwrap().map(record.as_bytes(), None).unwrap_err().to_string()
}

#[test]
fn a_record_without_a_zoned_time_is_an_error_that_names_the_field() {
    let windows = |times: &str| {
        error(
            "windows",
            &format!(r#"{{"EventID":1,"Hostname":"h","Channel":"Security","RecordNumber":1,{times}}}"#),
        )
    };
    assert_eq!(
        windows(r#""EventTime":"2026-03-02 09:20:01""#),
        "occurred_at: the record has no value for {@timestamp} or {TimeCreated}"
    );
    assert!(
        windows(r#""@timestamp":"2026-03-02T09:20:01.000""#).starts_with("occurred_at: {@timestamp} is not")
    );
    assert!(
        windows(r#""TimeCreated":"2026-03-02 09:20:01""#).starts_with("occurred_at: {TimeCreated} is not")
    );
}

#[test]
fn a_zoneless_time_gives_way_to_a_zoned_one() {
    let record = r#"{"EventID":1,"Hostname":"h","Channel":"Security","RecordNumber":1,
        "@timestamp":"2026-03-02T10:20:01","TimeCreated":"2026-03-02T10:20:01+01:00"}"#;
    let mapped = Mapping::built_in("windows").unwrap().map(record.as_bytes(), None).unwrap();
    let event: Value = serde_json::from_slice(&mapped.event).unwrap();
    assert_eq!(event["occurred_at"], "2026-03-02T09:20:01.000000Z");
}

#[test]
fn what_identifies_a_record_must_be_there() {
    assert_eq!(
        error(
            "windows",
            r#"{"EventID":1,"Hostname":"h","Channel":"Security","@timestamp":"2026-03-02T09:20:01Z"}"#
        ),
        "external_id: the record has no value for {$host}/{$channel}/{$record}"
    );
    let record = r#"{"eventTime":"2026-03-02T09:15:01Z","eventSource":"ec2.amazonaws.com","eventName":"X",
        "recipientAccountId":"1","userIdentity":{"type":"IAMUser","userName":"ada"}}"#;
    assert_eq!(error("cloudtrail", record), "external_id: the record has no value for {eventID}");
    assert!(error("cloudtrail", "{}").starts_with("occurred_at: the record has no value for {eventTime}"));
}

#[test]
fn dirty_json_is_refused_with_its_place() {
    assert_eq!(error("windows", r#"{"a":{"b":1,"b":1}}"#), "a.b: this member stands twice in its object");
    assert!(error("windows", r#"{"a":["\udfff"]}"#).starts_with("a[0]: has a lone surrogate"));
    assert!(error("windows", r#"{"a":"#).starts_with("the record is not one JSON value"));
    assert_eq!(error("windows", "null"), "the record is not a JSON object");
}

//! Events in two steps: what each step may say, and the entry that comes of them.

mod samples;

use event::{
    Completion, EntryFields, Event, Limits, Operation, RetainDays, Violation, content_hashes_possible,
    keys_for_line,
};
use samples::{audit, discovery, line, now, time, tool, with};
use serde_json::{Value, json};

fn begin(event: &Value) -> Result<Operation, Vec<Violation>> {
    Operation::begin(event.to_string().as_bytes(), &Limits::default(), now())
}

/// An event without its outcome, with an id.
fn begun(event: &Value) -> Operation {
    begin(&with(event, &json!({"outcome": null, "event_id": "op-1"}))).unwrap()
}

fn complete(operation: &Operation, completion: &Value) -> Result<Event, Vec<Violation>> {
    let text = completion.to_string();
    let completion = Completion::parse(text.as_bytes(), &Limits::default())?;
    operation.complete(&completion, &Limits::default(), now())
}

fn said(violations: &[Violation]) -> Vec<(&str, &str)> {
    violations.iter().map(|violation| (violation.member.as_str(), violation.rule)).collect()
}

#[test]
fn a_completed_operation_is_one_line_with_both_times() {
    let event = complete(
        &begun(&audit()),
        &json!({"outcome": "success", "occurred_at": "2026-11-22T02:33:00+01:00", "target": {"id": "s", "type": "t"}}),
    )
    .unwrap();
    assert_eq!(
        line(&event),
        r#"{"seq":1042,"recorded_at":"2026-11-22T01:33:00.123456Z","stream":"audit","event_id":"op-1","occurred_at":"2026-11-22T01:33:00.000000Z","started_at":"2026-11-22T01:32:59.000000Z","tenant":"7","actor":{"type":"user","id":"user-1"},"action":"session.create","target":{"type":"t","id":"s"},"outcome":"success"}"#
    );
}

#[test]
fn without_a_time_of_its_own_a_completion_happened_now() {
    let event = complete(&begun(&audit()), &json!({"outcome": "denied", "error": {"code": 7}})).unwrap();
    assert_eq!((event.occurred_at(), event.started_at()), (now(), Some(time("2026-11-22T01:32:59Z"))));
}

#[test]
fn a_timed_out_operation_is_its_beginning_with_outcome_unknown() {
    for event in [audit(), discovery(), tool()] {
        let timed_out = begun(&event).time_out(now()).unwrap();
        let line = line(&timed_out);
        let fields = EntryFields::parse(line.as_bytes()).unwrap();
        assert_eq!(
            (fields.outcome.as_str(), fields.started_at),
            ("unknown", Some(time("2026-11-22T01:32:59Z")))
        );
        assert_eq!((fields.occurred_at, &*fields.event_id), (now(), "op-1"));
    }
}

#[test]
fn metadata_is_merged_and_everything_else_replaced() {
    let operation = begun(&with(
        &audit(),
        &json!({"metadata": {"a": 1, "b": {"x": 1}, "metadata": {"x": 1}}, "changes": {"one": "<redacted>"}, "request_id": "r-1"}),
    ));
    let completion = json!({
        "outcome": "success", "changes": {"two": "<redacted>"},
        "metadata": {"b": {"y": 2}, "c": 3, "metadata": {"y": 2}},
    });
    let line: Value = serde_json::from_str(&line(&complete(&operation, &completion).unwrap())).unwrap();
    assert_eq!(line["metadata"], json!({"a": 1, "b": {"y": 2}, "c": 3, "metadata": {"y": 2}}));
    assert_eq!(line["changes"], json!({"two": "<redacted>"}));
    assert_eq!(line["request_id"], "r-1");
}

#[test]
fn members_of_the_stream_may_become_known_at_the_end() {
    let event = complete(&begun(&tool()), &json!({"outcome": "success", "duration_ms": 1.0, "out_size": 9}));
    assert!(line(&event.unwrap()).ends_with(r#""tool":"search","duration_ms":1,"out_size":9}"#));
    let event = complete(&begun(&discovery()), &json!({"outcome": "success", "content": "so"})).unwrap();
    assert!(line(&event).ends_with(r#""conversation_id":"conversation-1","content":"so"}"#));
}

#[test]
fn the_first_step_says_no_outcome_and_is_otherwise_validated_like_an_event() {
    let violations = begin(&with(&audit(), &json!({"error": {"code": 1}, "colour": "red"}))).unwrap_err();
    assert_eq!(said(&violations), [("outcome", "step"), ("error", "step"), ("colour", "unknown_member")]);
    let violations = begin(&with(&tool(), &json!({"outcome": null, "tool": null, "seq": 1}))).unwrap_err();
    let mut found = said(&violations);
    found.sort_unstable();
    assert_eq!(found, [("seq", "reserved_member"), ("tool", "required")]);
    let violations = Operation::begin(b"[1]", &Limits::default(), now()).unwrap_err();
    assert_eq!(said(&violations), [("", "type")]);
}

#[test]
fn the_second_step_changes_nothing_that_says_which_event_it_is() {
    let completion = with(
        &audit(),
        &json!({"event_id": "e", "source": "s", "external_id": "x", "retention_until": "2036-01-01T00:00:00Z"}),
    );
    let violations = complete(&begun(&audit()), &completion).unwrap_err();
    let names =
        ["stream", "event_id", "tenant", "actor", "action", "source", "external_id", "retention_until"];
    assert_eq!(said(&violations), names.map(|name| (name, "step")));
}

#[test]
fn the_second_step_needs_an_outcome_that_somebody_can_know() {
    let operation = begun(&audit());
    for (completion, expected) in [
        (json!({}), ("outcome", "required")),
        (json!({"outcome": "unknown"}), ("outcome", "outcome")),
        (json!({"outcome": "fine"}), ("outcome", "choice")),
        (json!({"outcome": 1}), ("outcome", "type")),
        (json!({"outcome": "success", "error": {"code": 1}}), ("error", "outcome")),
        (
            json!({"outcome": "success", "started_at": "2026-11-22T01:32:59Z"}),
            ("started_at", "reserved_member"),
        ),
        (json!({"outcome": "success", "tool": "search"}), ("tool", "unknown_member")),
        (json!({"outcome": "success", "metadata": 1}), ("metadata", "type")),
        (json!({"outcome": "success", "occurred_at": "2026-11-22T02:33:00Z"}), ("occurred_at", "in_future")),
    ] {
        assert_eq!(said(&complete(&operation, &completion).unwrap_err()), [expected], "{completion}");
    }
}

#[test]
fn what_is_said_twice_is_found_beside_what_was_said_before() {
    let operation = begun(&with(&audit(), &json!({"metadata": {"a": 1}, "request_id": "r"})));
    for (json, member) in [
        (r#"{"outcome":"success","request_id":"a","request_id":"a"}"#, "request_id"),
        (r#"{"outcome":"success","trace_id":"a","trace_id":"a"}"#, "trace_id"),
        (r#"{"outcome":"success","metadata":{"a":1,"a":1}}"#, "metadata.a"),
        (r#"{"outcome":"success","outcome":"success"}"#, "outcome"),
    ] {
        let completion = Completion::parse(json.as_bytes(), &Limits::default()).unwrap();
        let violations = operation.complete(&completion, &Limits::default(), now()).unwrap_err();
        assert_eq!(said(&violations), [(member, "duplicate_member")], "{json}");
    }
}

#[test]
fn an_operation_comes_back_from_its_text_whatever_the_limits_are_now() {
    let long = with(&audit(), &json!({"outcome": null, "metadata": {"note": "x".repeat(60_000), "n": 1.0}}));
    let mut operation = begin(&long).unwrap();
    assert_eq!(operation.event().event_id(), None);
    operation.assign_event_id("assigned".to_owned());
    let restored = Operation::restore(&operation.text()).unwrap();
    assert_eq!(restored.text(), operation.text());
    assert_eq!(restored.event().keys(), operation.event().keys());
    assert_eq!(restored.event().event_id(), Some("assigned"));
    assert_eq!(line(&restored.time_out(now()).unwrap()), line(&operation.time_out(now()).unwrap()));
    assert!(Operation::restore("{}").is_err() && Operation::restore("").is_err());
}

#[test]
fn its_content_hash_and_keys_are_found_again_in_its_line() {
    let until = RetainDays::default().until(now()).unwrap();
    for own in [None, Some("2026-12-01T00:00:00Z"), Some("2090-01-01T00:00:00Z")] {
        let operation =
            begun(&with(&audit(), &json!({"retention_until": own, "source": "s", "external_id": "x"})));
        for event in [
            complete(&operation, &json!({"outcome": "success", "metadata": {"a": 1}})).unwrap(),
            operation.time_out(now()).unwrap(),
        ] {
            for default in [None, Some(until)] {
                let mut line = Vec::new();
                event.write_line(1, now(), default, &mut line);
                assert!(content_hashes_possible(&line).unwrap().contains(&event.content_hash()));
                let fields = EntryFields::parse(&line).unwrap();
                assert_eq!(keys_for_line(&fields), operation.event().keys());
                assert_eq!(fields.terms(), event.terms());
                // The longer of both holds, and for ever is longest.
                let expected = default.map(|until| own.map_or(until, |own| until.max(time(own))));
                assert_eq!(fields.retention_until, expected, "{own:?} {default:?}");
            }
        }
    }
}

#[test]
fn a_completion_agrees_with_the_line_that_says_the_same() {
    let operation = begun(&with(&audit(), &json!({"metadata": {"a": 1.0}, "request_id": "r-1"})));
    let first = json!({"outcome": "failure", "error": {"status": 7, "code": "c"}, "metadata": {"b": [1]}});
    let mut line = Vec::new();
    let until = RetainDays::default().until(now());
    complete(&operation, &first).unwrap().write_line(3, now(), until, &mut line);
    let agrees = |completion: &Value| {
        let text = completion.to_string();
        Completion::parse(text.as_bytes(), &Limits::default()).unwrap().agrees_with(&line).unwrap()
    };
    assert!(agrees(&first));
    for same in [
        json!({"outcome": "failure"}),
        json!({"error": {"code": "c", "status": 7.0}, "outcome": "failure"}),
        json!({"outcome": "failure", "occurred_at": "2026-11-22T02:33:00.1234569+01:00"}),
        json!({"outcome": "failure", "metadata": {"a": 1}}),
    ] {
        assert!(agrees(&same), "{same}");
    }
    for other in [
        json!({"outcome": "denied"}),
        json!({"outcome": "failure", "error": {"code": "c"}}),
        json!({"outcome": "failure", "occurred_at": "2026-11-22T01:33:00Z"}),
        json!({"outcome": "failure", "metadata": {"a": 2}}),
        json!({"outcome": "failure", "metadata": {"c": 2}}),
        json!({"outcome": "failure", "trace_id": "t"}),
        json!({"outcome": "failure", "colour": "red"}),
        json!({"outcome": "failure", "started_at": "2026-11-22T01:32:59Z"}),
    ] {
        assert!(!agrees(&other), "{other}");
    }
    let completion = Completion::parse(br#"{"outcome":"denied"}"#, &Limits::default()).unwrap();
    assert!(!completion.agrees_with(b"[1]").unwrap() && completion.agrees_with(b"[1").is_err());
}

#[test]
fn both_steps_are_held_to_the_size_of_an_event() {
    let limits = Limits { event_bytes_max: 400, ..Limits::default() };
    let operation = begun(&audit());
    let large = format!(r#"{{"outcome":"success","evidence":"{}"}}"#, "x".repeat(400));
    let violations = Completion::parse(large.as_bytes(), &limits).unwrap_err();
    assert_eq!(said(&violations), [("", "too_long")]);
    // Small by itself, too large together with the beginning.
    let json = format!(r#"{{"outcome":"success","evidence":"{}"}}"#, "x".repeat(250));
    let completion = Completion::parse(json.as_bytes(), &limits).unwrap();
    let violations = operation.complete(&completion, &limits, now()).unwrap_err();
    assert_eq!(said(&violations), [("", "too_long")]);
    assert_eq!(said(&Operation::begin(large.as_bytes(), &limits, now()).unwrap_err()), [("", "too_long")]);
}

//! What is refused, where the violation points and which rule it names.

mod samples;

use event::{Event, Limits, VIOLATIONS_MAX, rule};
use samples::{audit, discovery, now, parse, parse_text, tool, with};
use serde_json::{Value, json};

/// The violations as (member, rule), sorted.
fn broken(event: &Value) -> Vec<(String, &'static str)> {
    broken_text(&event.to_string())
}

fn broken_text(json: &str) -> Vec<(String, &'static str)> {
    let violations = parse_text(json).map(|event| panic!("accepted: {event:?}")).unwrap_err();
    let mut found: Vec<_> =
        violations.into_iter().map(|violation| (violation.member, violation.rule)).collect();
    found.sort();
    found
}

#[track_caller]
fn check(event: &Value, expected: &[(&str, &'static str)]) {
    let expected: Vec<_> = expected.iter().map(|(member, rule)| ((*member).to_owned(), *rule)).collect();
    assert_eq!(broken(event), expected, "{event}");
}

#[track_caller]
fn accepted(event: &Value) {
    assert!(parse(event).is_ok(), "{event}: {:?}", parse(event).unwrap_err());
}

/// One audit event with one member replaced by raw JSON text, for what a JSON value cannot carry.
fn with_raw(member: &str, raw: &str) -> String {
    let event = with(&audit(), &json!({ member: "RAW" })).to_string();
    event.replace("\"RAW\"", raw)
}

#[test]
fn what_is_required_is_required() {
    check(
        &json!({}),
        &[
            ("action", rule::REQUIRED),
            ("actor", rule::REQUIRED),
            ("occurred_at", rule::REQUIRED),
            ("outcome", rule::REQUIRED),
            ("stream", rule::REQUIRED),
            ("tenant", rule::REQUIRED),
        ],
    );
    check(&with(&discovery(), &json!({"conversation_id": null})), &[("conversation_id", rule::REQUIRED)]);
    check(&with(&tool(), &json!({"tool": null})), &[("tool", rule::REQUIRED)]);
    check(&with(&audit(), &json!({"target": {"type": "file"}})), &[("target.id", rule::REQUIRED)]);
    check(&with(&audit(), &json!({"external_id": "4"})), &[("source", rule::REQUIRED)]);
}

#[test]
fn only_system_and_anonymous_actors_need_no_id() {
    for named in ["user", "service", "agent"] {
        check(&with(&audit(), &json!({"actor": {"type": named}})), &[("actor.id", rule::REQUIRED)]);
    }
    for unnamed in ["system", "anonymous"] {
        accepted(&with(&audit(), &json!({"actor": {"type": unnamed}})));
    }
    check(&with(&audit(), &json!({"actor": {"id": "x"}})), &[("actor.type", rule::REQUIRED)]);
}

#[test]
fn every_violation_is_reported_at_once() {
    let event = with(
        &audit(),
        &json!({
            "colour": "red", "tenant": "", "outcome": "maybe", "action": "login", "request_id": 7,
            "actor": {"type": "user", "id": "a\nb", "shoe_size": 44},
            "metadata": {"a": {"b": 9_007_199_254_740_992_i64}},
        }),
    );
    check(
        &event,
        &[
            ("action", rule::FORMAT),
            ("actor.id", rule::CONTROL_CHARACTER),
            ("actor.shoe_size", rule::UNKNOWN_MEMBER),
            ("colour", rule::UNKNOWN_MEMBER),
            ("metadata.a.b", rule::INTEGER_RANGE),
            ("outcome", rule::CHOICE),
            ("request_id", rule::TYPE),
            ("tenant", rule::EMPTY),
        ],
    );
}

#[test]
fn the_answer_stays_small_whatever_is_sent() {
    let members: Vec<_> = (0..20_000).map(|index| format!("\"{index}\":0")).collect();
    let violations = parse_text(&format!("{{{}}}", members.join(","))).unwrap_err();
    assert_eq!(violations.len(), VIOLATIONS_MAX + 1);
    assert_eq!(violations[VIOLATIONS_MAX].rule, rule::MORE);
    let long = parse_text(&format!("{{\"{}\":0}}", "é".repeat(100_000))).unwrap_err();
    assert!(long.iter().all(|violation| violation.to_string().len() < 500));
}

#[test]
fn a_message_does_not_repeat_what_was_sent() {
    let secret = "hunter2";
    let event = with(
        &audit(),
        &json!({"outcome": secret, "occurred_at": secret, "actor": {"type": secret, "name": 1}}),
    );
    for violation in parse(&event).unwrap_err() {
        assert!(!violation.to_string().contains(secret), "{violation}");
    }
}

#[test]
fn an_action_has_parts_with_dots_between_them_and_can_be_searched() {
    let acting = |action: &str| with(&audit(), &json!({ "action": action }));
    for good in ["session.create", "a.b.c", "windows.Some Event/4", "iam.naïve ↑"] {
        accepted(&acting(good));
    }
    for bad in ["login", ".", "a.", ".a", "a..b", "a.b.", "session.create*", "*.create", "a.*.b", "*"] {
        check(&acting(bad), &[("action", rule::FORMAT)]);
    }
    check(&acting(""), &[("action", rule::EMPTY)]);
    check(&acting("a.\n"), &[("action", rule::CONTROL_CHARACTER)]);
}

#[test]
fn what_the_ledger_writes_cannot_be_submitted() {
    for member in ["seq", "recorded_at", "started_at"] {
        check(&with(&audit(), &json!({ member: 1 })), &[(member, rule::RESERVED_MEMBER)]);
    }
}

#[test]
fn a_member_of_another_stream_is_unknown() {
    check(&with(&tool(), &json!({"changes": {}})), &[("changes", rule::UNKNOWN_MEMBER)]);
    check(&with(&audit(), &json!({"tool": "x"})), &[("tool", rule::UNKNOWN_MEMBER)]);
    check(&with(&audit(), &json!({"conversation_id": "x"})), &[("conversation_id", rule::UNKNOWN_MEMBER)]);
}

#[test]
fn a_member_stands_once_at_every_level() {
    let twice = |member, value| with_raw(member, &format!("{value},\"{member}\":{value}"));
    assert_eq!(broken_text(&twice("tenant", "\"7\"")), [("tenant".to_owned(), rule::DUPLICATE_MEMBER)]);
    let in_actor = with_raw("actor", r#"{"type":"user","id":"a","id":"b"}"#);
    assert_eq!(broken_text(&in_actor), [("actor.id".to_owned(), rule::DUPLICATE_MEMBER)]);
    let in_metadata = with_raw("metadata", r#"{"list":[{"a":1,"b":2,"\u0061":1}]}"#);
    assert_eq!(broken_text(&in_metadata), [("metadata.list[0].a".to_owned(), rule::DUPLICATE_MEMBER)]);
    let in_changes = with_raw("changes", r#"{"f":{"before":1,"before":2}}"#);
    assert_eq!(broken_text(&in_changes), [("changes.f.before".to_owned(), rule::DUPLICATE_MEMBER)]);
    let in_sealed = with_raw("actor", r#"{"type":"user","id":"a","name":{"sealed":"AA==","sealed":"AA=="}}"#);
    assert_eq!(broken_text(&in_sealed), [("actor.name".to_owned(), rule::FORMAT)]);
}

#[test]
fn numbers_beyond_two_to_the_53_are_refused_however_they_are_written() {
    let in_metadata = |raw: &str| with_raw("metadata", &format!("{{\"n\":{raw}}}"));
    for good in ["9007199254740991", "-9007199254740991", "9007199254740990.0", "9e15", "0.1", "-0", "5e-324"]
    {
        assert!(parse_text(&in_metadata(good)).is_ok(), "{good}");
    }
    for bad in [
        "9007199254740992",
        "-9007199254740992",
        "9007199254740992.0",
        "1e16",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1e308",
    ] {
        assert_eq!(broken_text(&in_metadata(bad)), [("metadata.n".to_owned(), rule::INTEGER_RANGE)], "{bad}");
    }
    assert_eq!(broken_text(&in_metadata("1e309")), [(String::new(), rule::JSON)]);
}

#[test]
fn what_is_not_one_json_object_is_refused_as_a_whole() {
    for bad in [
        "",
        "{",
        "{}{}",
        "nul",
        "{\"a\":1,}",
        "\u{feff}{}",
        r#"{"tenant":"\ud800"}"#,
        r#"{"tenant":"\udc00x"}"#,
        "{\"evidence\":\"a\u{1}b\"}",
        "{\"evidence\":\"a\nb\"}",
    ] {
        assert_eq!(broken_text(bad), [(String::new(), rule::JSON)], "{bad}");
    }
    for bad in ["[]", "7", "null", "\"event\""] {
        assert_eq!(broken_text(bad), [(String::new(), rule::TYPE)], "{bad}");
    }
    let invalid_utf8 = Event::parse(b"{\"tenant\":\"\xff\"}", &Limits::default(), now()).unwrap_err();
    assert_eq!(invalid_utf8[0].rule, rule::JSON);
}

#[test]
fn nesting_beyond_what_is_read_breaks_the_rule_of_depth() {
    for levels in [128, 100_000] {
        let deep = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(broken_text(&deep), [(String::new(), rule::DEPTH)]);
        assert_eq!(message(&deep), "is nested deeper than 127 objects and arrays at column 128; flatten it");
    }
    let read = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    assert_eq!(broken_text(&read), [(String::new(), rule::TYPE)]);
}

#[track_caller]
fn message(json: &str) -> String {
    let [violation] = parse_text(json).unwrap_err().try_into().unwrap();
    violation.message
}

#[test]
fn what_is_wrong_with_the_json_is_said_in_words_to_act_on() {
    for (half, column) in [(r"\ud800", 18), (r"\udc00x", 17), (r"\ud83dx", 18), (r"\ud83d\u0041", 23)] {
        let expected = format!(
            "has one half of a surrogate pair, an escape from \\ud800 to \\udfff alone, at column {column}; \
             send both halves, or \\ufffd in its place"
        );
        assert_eq!(message(&format!("{{\"tenant\":\"{half}\"}}")), expected);
    }
    assert_eq!(
        message("\u{feff}{}"),
        "begins with a byte order mark (EF BB BF), which JSON does not have; send it without"
    );
    assert_eq!(message(" \n"), "is empty; send JSON");
    let invalid_utf8 = Event::parse(b"{\"tenant\":\"\xff\"}", &Limits::default(), now()).unwrap_err();
    assert_eq!(invalid_utf8[0].message, "is not UTF-8 after byte 11; JSON is always UTF-8");
}

#[test]
fn a_position_has_a_line_only_when_there_are_lines() {
    assert_eq!(message("{\"a\":1,}\n"), "is not valid JSON: trailing comma at column 8");
    assert_eq!(message("{\"a\":1,\n}"), "is not valid JSON: trailing comma at line 2, column 1");
}

#[test]
fn null_is_no_value() {
    let event = with_raw("source", "null");
    let violations = parse_text(&event).unwrap_err();
    assert_eq!(violations[0].rule, rule::TYPE);
    assert!(violations[0].message.contains("leave it out"), "{}", violations[0]);
}

#[test]
fn a_size_at_the_limit_is_accepted_and_one_more_is_refused() {
    let exactly = |member: &str, size: usize| with(&audit(), &json!({ member: "x".repeat(size) }));
    accepted(&exactly("request_id", 256));
    check(&exactly("request_id", 257), &[("request_id", rule::TOO_LONG)]);
    accepted(&exactly("evidence", 65_536));
    check(&exactly("evidence", 65_537), &[("evidence", rule::TOO_LONG)]);
    check(
        &with(&audit(), &json!({"metadata": {"x": "y".repeat(65_537)}})),
        &[("metadata.x", rule::TOO_LONG)],
    );

    let limits = Limits { event_bytes_max: audit().to_string().len(), ..Limits::default() };
    assert!(
        Event::parse(audit().to_string().as_bytes(), &limits, now()).is_err(),
        "its times grow to six digits"
    );
    let padded = line_without_seq();
    let limits = Limits { event_bytes_max: padded.len(), ..Limits::default() };
    assert!(Event::parse(padded.as_bytes(), &limits, now()).is_ok());
    let limits = Limits { event_bytes_max: padded.len() - 1, ..Limits::default() };
    assert_eq!(Event::parse(padded.as_bytes(), &limits, now()).unwrap_err()[0].rule, rule::TOO_LONG);
}

fn line_without_seq() -> String {
    let line = samples::line(&parse(&audit()).unwrap());
    format!("{{{}", &line[line.find("\"stream\"").unwrap()..])
}

#[test]
fn nesting_is_counted_from_the_free_part_itself() {
    let nested = |levels: usize| match levels {
        1 => json!({}),
        _ => json!({"m": (2..levels).fold(json!([]), |inner, _| json!([inner]))}),
    };
    accepted(&with(&audit(), &json!({"metadata": nested(16)})));
    let violations = parse(&with(&audit(), &json!({"metadata": nested(17)}))).unwrap_err();
    assert_eq!((violations.len(), violations[0].rule), (1, rule::DEPTH));
    accepted(&with(&audit(), &json!({"changes": {"f": {"after": nested(14)}}})));
    assert_eq!(broken(&with(&audit(), &json!({"changes": {"f": {"after": nested(15)}}})))[0].1, rule::DEPTH);
    accepted(&with(&discovery(), &json!({"content": nested(16)})));
    assert_eq!(broken(&with(&discovery(), &json!({"content": nested(17)})))[0].1, rule::DEPTH);
}

#[test]
fn the_future_is_refused_five_minutes_from_now() {
    let at = |occurred_at: &str| with(&audit(), &json!({ "occurred_at": occurred_at }));
    accepted(&at("2026-11-22T01:38:00.123456Z"));
    check(&at("2026-11-22T01:38:00.123457Z"), &[("occurred_at", rule::IN_FUTURE)]);
    check(&at("2026-11-22T01:32:00"), &[("occurred_at", rule::FORMAT)]);
    check(&at("2026-11-22T01:32:60Z"), &[("occurred_at", rule::FORMAT)]);
}

#[test]
fn an_error_goes_only_with_failure_or_denial() {
    let ended =
        |outcome: &str| with(&audit(), &json!({"outcome": outcome, "error": {"code": "E1", "status": 403}}));
    accepted(&ended("failure"));
    accepted(&ended("denied"));
    check(&ended("success"), &[("error", rule::OUTCOME)]);
    check(&ended("unknown"), &[("error", rule::OUTCOME)]);
}

#[test]
fn a_personal_field_is_a_string_or_sealed() {
    let named = |name: Value| with(&audit(), &json!({"actor": {"type": "user", "id": "a", "name": name}}));
    accepted(&named(json!("Ada\tExample")));
    accepted(&named(json!({"sealed": "c2VhbGVk"})));
    for bad in [
        json!({"sealed": "AB=="}),
        json!({"sealed": ""}),
        json!({"open": "AA=="}),
        json!({}),
        json!({"sealed": 1}),
    ] {
        check(&named(bad), &[("actor.name", rule::FORMAT)]);
    }
    check(&named(json!(["Ada"])), &[("actor.name", rule::TYPE)]);
}

#[test]
fn changes_hold_before_and_after_and_nothing_else() {
    let changed = |change: Value| with(&audit(), &json!({"changes": {"f": change}}));
    for good in [json!({}), json!({"before": null}), json!({"after": [1, {"x": 2}]}), json!("<redacted>")] {
        accepted(&changed(good));
    }
    check(&changed(json!({"during": 1})), &[("changes.f.during", rule::UNKNOWN_MEMBER)]);
    check(&changed(json!("secret")), &[("changes.f", rule::TYPE)]);
}

#[test]
fn attachments_are_checked_one_by_one() {
    let hash = "0123456789abcdef".repeat(4);
    let good = json!({"name": "a.pdf", "media_type": "application/pdf", "size_bytes": 1e3, "sha256": hash, "pointer": "s3://b/a"});
    accepted(&with(&discovery(), &json!({"attachments": [good]})));
    let bad = json!([good, {"name": "b", "size_bytes": -1, "sha256": hash.to_uppercase()}, 7]);
    check(
        &with(&discovery(), &json!({"attachments": bad})),
        &[
            ("attachments[1].sha256", rule::FORMAT),
            ("attachments[1].size_bytes", rule::INTEGER_RANGE),
            ("attachments[2]", rule::TYPE),
        ],
    );
}

#[test]
fn a7_tool_events_carry_neither_payload_nor_personal_data() {
    accepted(&with(
        &tool(),
        &json!({"metadata": {"input_bytes": 12, "output_tokens": 3, "prompt_sha256": "ab", "cached": true}}),
    ));
    for name in [
        "content",
        "Prompt",
        "request_body",
        "responseBody",
        "QUERY",
        "tool-args",
        "prompt_text",
        "userPrompt",
    ] {
        let event = with(&tool(), &json!({"metadata": { name: "x" }}));
        check(&event, &[(format!("metadata.{name}").as_str(), rule::PAYLOAD)]);
    }
    check(&with(&tool(), &json!({"metadata": {"a": "x".repeat(257)}})), &[("metadata.a", rule::TOO_LONG)]);
    for nested in [json!({}), json!([]), json!([1])] {
        check(&with(&tool(), &json!({"metadata": {"a": nested}})), &[("metadata.a", rule::TYPE)]);
    }
    for personal in ["name", "email", "ip", "user_agent"] {
        let mut event = tool();
        event["actor"][personal] = json!("x");
        check(&event, &[(format!("actor.{personal}").as_str(), rule::PERSONAL_DATA)]);
    }
    for amount in [json!(-1), json!(-0.5)] {
        check(&with(&tool(), &json!({"duration_ms": amount})), &[("duration_ms", rule::INTEGER_RANGE)]);
    }
    check(&with(&tool(), &json!({"in_size": 1.5})), &[("in_size", rule::INTEGER_RANGE)]);
}

#[test]
fn a4_a_violation_says_which_event_of_the_batch() {
    let violation = parse(&json!([])).unwrap_err().remove(0).at(3);
    assert_eq!(violation.to_string(), "event 3: is an array and must be an object");
    let json = serde_json::to_value(&violation).unwrap();
    assert_eq!((&json["position"], &json["rule"]), (&json!(3), &json!("type")));
}

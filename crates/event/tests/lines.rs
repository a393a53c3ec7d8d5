//! Golden lines: the bytes that are hashed, archived and answered. A change here is a change of the format.

mod samples;

use event::{EntryFields, Event, Filter, Stream, content_hashes_possible, keys_for_line};
use samples::{audit, line, now, parse, parse_text, time, with};
use serde_json::json;

const AUDIT: (&str, &str) = (
    r#" { "changes" : {"b":{"before":null,"after":2.50},"a":"<redacted>"}, "metadata":{"z":[1.0,-0,1e3],"é":"\u00e9\u000b","a":{"y":true,"x":null},"B":"/"},
          "evidence":"s3://raw/1", "trace_id":"t-1","request_id":"r-1","external_id":"x-1","source":"web","outcome":"denied",
          "error":{"status":403,"message":"no\nway","code":"E"}, "target":{"name":"Report","id":"d-1","type":"document"},
          "action":"document.read","actor":{"credential_id":"k-1","auth_method":"oidc","user_agent":"curl","ip":"::1","email":{"sealed":"AA=="},"name":"Ada","id":"u-1","type":"user"},
          "tenant":"7","occurred_at":"2026-11-22t02:32:59.1234567+01:00","retention_until":"2030-01-01T00:00:00Z","event_id":"e-1","stream":"audit" } "#,
    concat!(
        r#"{"seq":1042,"recorded_at":"2026-11-22T01:33:00.123456Z","stream":"audit","event_id":"e-1","#,
        r#""occurred_at":"2026-11-22T01:32:59.123456Z","tenant":"7","#,
        r#""actor":{"type":"user","id":"u-1","name":"Ada","email":{"sealed":"AA=="},"ip":"::1","user_agent":"curl","#,
        r#""auth_method":"oidc","credential_id":"k-1"},"action":"document.read","#,
        r#""target":{"type":"document","id":"d-1","name":"Report"},"outcome":"denied","#,
        r#""error":{"code":"E","message":"no\nway","status":403},"source":"web","external_id":"x-1","#,
        r#""request_id":"r-1","trace_id":"t-1","evidence":"s3://raw/1","#,
        r#""retention_until":"2030-01-01T00:00:00.000000Z","#,
        r#""metadata":{"B":"/","a":{"x":null,"y":true},"z":[1,0,1000],"é":"é\u000b"},"#,
        r#""changes":{"a":"<redacted>","b":{"after":2.5,"before":null}}}"#,
    ),
);

const DISCOVERY: (&str, &str) = (
    r#"{"stream":"discovery","occurred_at":"2026-11-22T01:32:59Z","tenant":"7","actor":{"type":"agent","id":"a"},"action":"message.create",
        "outcome":"success","resume_id":"s","tool_call":{"status":"ok","arguments_sha256":"ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db2","tool":"t","server":"s"},
        "model":{"name":"n","provider":"p"},"attachments":[{"pointer":"p","sha256":"ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db2","size_bytes":3,"media_type":"text/plain","name":"f"}],
        "content":[{"type":"text","text":"hi"}],"message_version":2,"message_role":"assistant","parent_message_id":"m0","message_id":"m1","conversation_id":"c"}"#,
    concat!(
        r#"{"seq":1042,"recorded_at":"2026-11-22T01:33:00.123456Z","stream":"discovery","#,
        r#""occurred_at":"2026-11-22T01:32:59.000000Z","tenant":"7","actor":{"type":"agent","id":"a"},"#,
        r#""action":"message.create","outcome":"success","conversation_id":"c","message_id":"m1","#,
        r#""parent_message_id":"m0","message_role":"assistant","message_version":2,"#,
        r#""content":[{"text":"hi","type":"text"}],"attachments":[{"name":"f","media_type":"text/plain","size_bytes":3,"#,
        r#""sha256":"ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db2","pointer":"p"}],"#,
        r#""model":{"provider":"p","name":"n"},"tool_call":{"server":"s","tool":"t","#,
        r#""arguments_sha256":"ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db2","status":"ok"},"#,
        r#""resume_id":"s"}"#,
    ),
);

const TOOL: (&str, &str) = (
    r#"{"job_id":"j","graph_node":"n","graph_run_id":"g","input_hash":"h","out_size":2,"in_size":1.0,"duration_ms":12.50,"tool":"search","stream":"tool",
        "occurred_at":"2026-11-22T01:32:59.5Z","tenant":"a/b \"c\"","actor":{"type":"system"},"action":"tool.call","outcome":"unknown","metadata":{"n":1,"hit":true}}"#,
    concat!(
        r#"{"seq":1042,"recorded_at":"2026-11-22T01:33:00.123456Z","stream":"tool","#,
        r#""occurred_at":"2026-11-22T01:32:59.500000Z","tenant":"a/b \"c\"","actor":{"type":"system"},"#,
        r#""action":"tool.call","outcome":"unknown","metadata":{"hit":true,"n":1},"tool":"search","duration_ms":12.5,"#,
        r#""in_size":1,"out_size":2,"input_hash":"h","graph_run_id":"g","graph_node":"n","job_id":"j"}"#,
    ),
);

#[test]
fn each_stream_has_its_golden_line() {
    for (submitted, expected) in [AUDIT, DISCOVERY, TOOL] {
        assert_eq!(line(&parse_text(submitted).unwrap()), expected);
    }
}

#[test]
fn a_written_line_is_read_without_its_free_parts() {
    let complete = AUDIT.1;
    assert_eq!(
        EntryFields::of_written(complete.as_bytes()).ok(),
        EntryFields::parse(complete.as_bytes()).ok()
    );
    // Neither an escape, nor a brace in a string, nor an object in the actor leads it astray.
    for name in [r#"A \"B\""#, "A}", "{A", r"A\\", r"\u000b}"] {
        let line = complete.replace("Ada", name).replace("Report", name);
        assert_eq!(
            EntryFields::of_written(line.as_bytes()).unwrap(),
            EntryFields::parse(line.as_bytes()).unwrap()
        );
    }
    for (from, to) in [
        ("\"tenant\":\"7\",", ""),
        ("2026-11-22T01:33", "2026-11-22 01:33"),
        ("\"outcome\":\"denied\"", "\"outcome\":1"),
    ] {
        let line = complete.replace(from, to);
        assert_ne!(line, complete);
        assert!(EntryFields::of_written(line.as_bytes()).is_err(), "{line}");
    }
}

fn written(event: &Event, default_retention_until: Option<event::Timestamp>) -> String {
    let mut out = Vec::new();
    event.write_line(0, now(), default_retention_until, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_id_is_assigned_only_where_there_is_none() {
    let mut event = parse(&audit()).unwrap();
    assert_eq!((event.event_id(), event.keys().event), (None, None));
    event.assign_event_id("first\"id".to_owned());
    event.assign_event_id("second".to_owned());
    assert_eq!(event.event_id(), Some("first\"id"));
    let line = written(&event, None);
    assert!(line.contains(r#","stream":"audit","event_id":"first\"id","occurred_at":"#), "{line}");

    let mut named = parse(&with(&audit(), &json!({"event_id": "own"}))).unwrap();
    named.assign_event_id("other".to_owned());
    assert!(written(&named, None).contains(r#""event_id":"own""#));
}

#[test]
fn its_own_retention_wins_over_the_default() {
    let default = Some(time("2029-11-21T00:00:00Z"));
    let defaulted = written(&parse(&with(&audit(), &json!({"metadata": {}}))).unwrap(), default);
    assert!(
        defaulted.contains(r#""retention_until":"2029-11-21T00:00:00.000000Z","metadata":{}"#),
        "{defaulted}"
    );
    let own = parse(&with(&audit(), &json!({"retention_until": "2031-01-01T00:00:00Z"}))).unwrap();
    assert!(written(&own, default).ends_with(r#","retention_until":"2031-01-01T00:00:00.000000Z"}"#));
    assert_eq!(own.retention_until(), Some(time("2031-01-01T00:00:00Z")));
}

#[test]
fn a3_the_content_hash_knows_neither_assigned_ids_nor_defaults() {
    let plain = parse(&audit()).unwrap();
    let mut assigned = parse(&audit()).unwrap();
    assigned.assign_event_id("e".to_owned());
    assert_eq!(plain.content_hash(), assigned.content_hash());
    let submitted = parse(&with(&audit(), &json!({"event_id": "e"}))).unwrap();
    assert_ne!(plain.content_hash(), submitted.content_hash());
    let other = parse(&with(&audit(), &json!({"outcome": "failure"}))).unwrap();
    assert_ne!(plain.content_hash(), other.content_hash());
}

#[test]
fn a_default_trace_id_stands_where_a_submitted_one_would_and_is_found() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for around in [json!({}), json!({"request_id": "r", "source": "s", "evidence": "e", "metadata": {}})] {
        let Ok(mut defaulted) = parse(&with(&audit(), &around)) else { panic!("{around}") };
        let plain = defaulted.content_hash();
        defaulted.default_trace_id(trace);
        let submitted = parse(&with(&with(&audit(), &around), &json!({"trace_id": trace}))).unwrap();
        assert_eq!(line(&defaulted), line(&submitted));
        assert_eq!(defaulted.terms(), submitted.terms());
        assert_eq!(defaulted.content_hash(), plain, "a3: a retry under another trace is a duplicate");
        assert_ne!(submitted.content_hash(), plain);
    }
    let mut named = parse(&with(&audit(), &json!({"trace_id": "own"}))).unwrap();
    let before = line(&named);
    named.default_trace_id(trace);
    assert_eq!(line(&named), before, "the producer's own trace stays");
}

#[test]
fn the_content_hash_is_among_those_the_line_makes_possible() {
    let until = time("2029-01-01T00:00:00Z");
    let with_both =
        with(&audit(), &json!({"event_id": "e", "retention_until": until, "metadata": {"seq": 1}}));
    let with_trace = with(&audit(), &json!({"trace_id": "t"}));
    for (submitted, candidates) in [(&audit(), 8), (&with_both, 8), (&with_trace, 8)] {
        let mut event = parse(submitted).unwrap();
        event.assign_event_id("assigned".to_owned());
        event.default_trace_id("defaulted");
        let possible = content_hashes_possible(written(&event, Some(until)).as_bytes()).unwrap();
        assert_eq!(possible.len(), candidates);
        assert!(possible.contains(&event.content_hash()));
    }
    let mut untraced = parse(&audit()).unwrap();
    untraced.assign_event_id("assigned".to_owned());
    let possible = content_hashes_possible(written(&untraced, Some(until)).as_bytes()).unwrap();
    assert_eq!(possible.len(), 4);
    let bare = parse(&audit()).unwrap();
    assert_eq!(content_hashes_possible(written(&bare, None).as_bytes()).unwrap(), [bare.content_hash()]);
    assert!(content_hashes_possible(b"[1]").is_err());
}

#[test]
fn keys_of_time_ordered_ids_are_ordered_in_time() {
    let key = |event_id: &str| {
        let event = parse(&with(&audit(), &json!({ "event_id": event_id }))).unwrap();
        (event.keys().event.unwrap(), event.keys().external)
    };
    let (early, external) = key("01994f3c-7b2e-7c41-9d55-0a1b2c3d4e5f");
    assert_eq!((&early[..6], external), (&[0x01, 0x99, 0x4f, 0x3c, 0x7b, 0x2e][..], None));
    let (late, _) = key("01994F3C-7B2F-7000-8000-000000000000");
    assert!(early < late);
    for no_v7 in [
        "01994f3c-7b2e-4c41-9d55-0a1b2c3d4e5f",
        "01994f3c-7b2e-7c41-1d55-0a1b2c3d4e5f",
        "01994f3c7b2e7c419d550a1b2c3d4e5f",
        "01994f3c-7b2e-7c41-9d55-0a1b2c3d4e5g",
    ] {
        assert_ne!(key(no_v7).0[..5], early[..5], "{no_v7}");
    }
}

#[test]
fn a_key_is_bound_to_tenant_source_and_kind() {
    let keys = |members| parse(&with(&audit(), &members)).unwrap().keys();
    let base = keys(json!({"event_id": "e", "source": "s", "external_id": "x"}));
    // SHA-256 of 00000001 65 00000001 37 00000001 65 and of 00000001 78 00000001 37 00000001 73 00000001 78.
    assert_eq!(hex(base.event.unwrap()), EVENT_KEY);
    assert_eq!(hex(base.external.unwrap()), EXTERNAL_KEY);
    let other_tenant = keys(json!({"tenant": "8", "event_id": "e", "source": "s", "external_id": "x"}));
    assert_ne!(base.event, other_tenant.event);
    assert_ne!(base.external, other_tenant.external);
    let shifted = keys(json!({"source": "sx", "external_id": "x"}));
    assert_ne!(base.external, shifted.external);
    assert_ne!(
        keys(json!({"source": "a", "external_id": "bc"})).external,
        keys(json!({"source": "ab", "external_id": "c"})).external
    );
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[test]
fn an_entry_has_the_keys_and_terms_of_its_event() {
    for (submitted, expected) in [AUDIT, DISCOVERY, TOOL] {
        let mut event = parse_text(submitted).unwrap();
        event.assign_event_id("assigned".to_owned());
        let line = written(&event, Some(now()));
        let fields = EntryFields::parse(line.as_bytes()).unwrap();
        assert_eq!(keys_for_line(&fields), event.keys(), "{expected}");
        assert_eq!(fields.terms(), event.terms());
        assert_eq!((fields.stream, fields.tenant.as_ref()), (event.stream(), event.tenant()));
        assert_eq!(fields.retention_until, event.retention_until().or(Some(now())));
        assert!(Filter::default().matches(&fields, line.as_bytes()));
    }
}

#[test]
fn the_ledgers_own_tenant_and_source_are_reserved() {
    assert!(!parse(&audit()).unwrap().is_reserved());
    assert!(parse(&with(&audit(), &json!({"tenant": "_strongroom"}))).unwrap().is_reserved());
    assert!(parse(&with(&audit(), &json!({"source": "strongroom"}))).unwrap().is_reserved());
    assert_eq!(parse(&audit()).unwrap().stream(), Stream::Audit);
}

#[test]
fn bytes_grow_with_the_event() {
    let small = parse(&audit()).unwrap().bytes();
    let large = parse(&with(&audit(), &json!({"evidence": "x".repeat(10_000)}))).unwrap().bytes();
    assert!(large >= small + 10_000);
}

const EVENT_KEY: &str = "d483b7972d00120c0099e1d1d84b137e";
const EXTERNAL_KEY: &str = "0b77fe4e7f2c7633e39cd649b0f1bd34";

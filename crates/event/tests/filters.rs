//! C1: what a filter accepts, what it refuses and what it matches.

mod samples;

use event::{EntryFields, Field, Filter, Stream, VIOLATIONS_MAX, rule, term};
use samples::{audit, line, parse, time, with};
use serde_json::json;

fn filter(pairs: &[(&str, &str)]) -> Filter {
    Filter::from_pairs(pairs.iter().copied()).unwrap()
}

#[track_caller]
fn check(pairs: &[(&str, &str)], expected: &[(&str, &str)]) {
    let violations = Filter::from_pairs(pairs.iter().copied()).unwrap_err();
    let found: Vec<_> =
        violations.iter().map(|violation| (violation.member.as_str(), violation.rule)).collect();
    assert_eq!(found, expected);
}

#[test]
fn c1_a_bad_filter_is_an_error_never_everything_and_never_nothing() {
    check(&[("colour", "red")], &[("colour", rule::UNKNOWN_MEMBER)]);
    check(
        &[("limit", "1"), ("held", "true")],
        &[("limit", rule::UNKNOWN_MEMBER), ("held", rule::UNKNOWN_MEMBER)],
    );
    check(&[("tenant", "7"), ("tenant", "7")], &[("tenant", rule::DUPLICATE_MEMBER)]);
    check(
        &[("tenant", ""), ("text", ""), ("from", "")],
        &[("tenant", rule::EMPTY), ("text", rule::EMPTY), ("from", rule::EMPTY)],
    );
    check(
        &[("outcome", "maybe"), ("stream", "Audit")],
        &[("outcome", rule::CHOICE), ("stream", rule::CHOICE)],
    );
    check(&[("from", "yesterday")], &[("from", rule::FORMAT)]);
    check(&[("actor", "a\u{7}")], &[("actor", rule::CONTROL_CHARACTER)]);
    check(&[("request_id", &"x".repeat(257))], &[("request_id", rule::TOO_LONG)]);
    for bad in ["*", "*.create", "session.*.x", "session.**"] {
        check(&[("action", bad)], &[("action", rule::FORMAT)]);
    }
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    check(&[("from", early), ("to", early)], &[("to", rule::RANGE)]);
    check(&[("recorded_from", late), ("recorded_to", early)], &[("recorded_to", rule::RANGE)]);
}

#[test]
fn a_filter_of_thousands_of_names_is_refused_after_the_first_of_them() {
    let names: Vec<String> = (0..10_000).map(|number| format!("n{number}")).collect();
    let violations = Filter::from_pairs(names.iter().map(|name| (name.as_str(), "x"))).unwrap_err();
    let (last, listed) = violations.split_last().unwrap();
    assert_eq!((last.member.as_str(), last.rule), ("", rule::MORE));
    let found: Vec<_> = listed.iter().map(|violation| violation.member.as_str()).collect();
    assert_eq!(found, names[..VIOLATIONS_MAX]);
}

#[test]
fn c1_conditions_are_anded_and_ranges_are_half_open() {
    let event = with(&audit(), &json!({"source": "web", "target": {"type": "file", "id": "f-1"}}));
    let line = line(&{
        let mut event = parse(&event).unwrap();
        event.assign_event_id("e-1".to_owned());
        event
    });
    let fields = EntryFields::parse(line.as_bytes()).unwrap();
    let matches = |pairs: &[(&str, &str)]| filter(pairs).matches(&fields, line.as_bytes());
    for pairs in [
        &[][..],
        &[("tenant", "7"), ("actor", "user-1"), ("action", "session.create"), ("outcome", "success")],
        &[
            ("target_type", "file"),
            ("target_id", "f-1"),
            ("source", "web"),
            ("stream", "audit"),
            ("event_id", "e-1"),
        ],
        &[("action", "session.*")],
        &[("actor_like", "SER-")],
        &[("text", "SESSION.CRE")],
        &[("from", "2026-11-22T01:32:59Z"), ("to", "2026-11-22T01:32:59.000001Z")],
        &[("recorded_from", "2026-11-22T01:33:00.123456Z")],
    ] {
        assert!(matches(pairs), "{pairs:?}");
    }
    for pairs in [
        &[("tenant", "7"), ("actor", "user-2")][..],
        &[("action", "session")],
        &[("action", "Session.*")],
        &[("actor_like", "service")],
        &[("text", "tenant")],
        &[("request_id", "r")],
        &[("to", "2026-11-22T01:32:59Z")],
        &[("recorded_to", "2026-11-22T01:33:00.123456Z")],
        &[("recorded_from", "2026-11-22T01:33:00.123457Z")],
    ] {
        assert!(!matches(pairs), "{pairs:?}");
    }
}

#[test]
fn the_index_is_asked_for_exact_values_only() {
    let all = filter(&[
        ("tenant", "7"),
        ("actor_like", "x"),
        ("action", "session.*"),
        ("text", "y"),
        ("stream", "tool"),
        ("recorded_from", "2026-01-01T00:00:00Z"),
        ("to", "2026-02-01T00:00:00Z"),
    ]);
    let expected = [(Field::Stream, term(Field::Stream, "tool")), (Field::Tenant, term(Field::Tenant, "7"))];
    assert_eq!(all.exact_terms(), expected);
    assert_eq!((all.tenant(), all.stream()), (Some("7"), Some(Stream::Tool)));
    assert_eq!(all.recorded_range(), (Some(time("2026-01-01T00:00:00Z")), None));
    assert_eq!(all.occurred_range(), (None, Some(time("2026-02-01T00:00:00Z"))));
    assert!(!all.is_empty());
    assert!(Filter::default().is_empty());
}

#[test]
fn the_same_conditions_have_the_same_fingerprint() {
    let one = filter(&[("tenant", "7"), ("from", "2026-01-01T01:00:00+01:00"), ("text", "ABC")]);
    let same = filter(&[("text", "abc"), ("from", "2026-01-01T00:00:00Z"), ("tenant", "7")]);
    assert_eq!(one.fingerprint(), same.fingerprint());
    let others: [&[(&str, &str)]; 5] =
        [&[], &[("tenant", "7")], &[("actor", "7")], &[("action", "7.*")], &[("action", "7.")]];
    let mut prints: Vec<_> =
        others.iter().map(|pairs| filter(pairs).fingerprint()).chain([one.fingerprint()]).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), 6);
    // Cursors outlive a release, so the value itself is part of the format.
    assert_eq!(filter(&[("tenant", "7")]).fingerprint(), TENANT_7);
}

const TENANT_7: [u8; 8] = [0x8a, 0xc6, 0xb1, 0x69, 0xf3, 0x17, 0x7b, 0x27];

#[test]
fn a_filter_survives_being_stored() {
    let stored = filter(&[
        ("action", "session.*"),
        ("actor_like", "Ada"),
        ("text", "needle"),
        ("tenant", "7"),
        ("recorded_to", "2026-02-01T00:00:00Z"),
    ]);
    let json = serde_json::to_string(&stored).unwrap();
    assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), stored);
    let pairs = stored.pairs();
    let again = Filter::from_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
    assert_eq!(again, stored);
    assert_eq!(filter(&[("tenant", "7"), ("action", "a.*")]).to_string(), "tenant=7 action=a.*");
    assert!(serde_json::from_str::<Filter>(r#"{"colour":"red"}"#).is_err());
}

#[test]
fn c5_narrowing_to_a_tenant_never_widens() {
    let any = Filter::default().narrowed(Field::Tenant, "7").unwrap();
    assert_eq!(any.tenant(), Some("7"));
    assert_eq!(any.clone().narrowed(Field::Tenant, "7"), Some(any.clone()));
    assert_eq!(any.narrowed(Field::Tenant, "8"), None);
}

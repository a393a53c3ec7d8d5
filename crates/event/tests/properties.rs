//! What must hold for every event and every byte string.

mod samples;

use event::{EntryFields, Event, Field, Filter, Limits, content_hashes_possible};
use proptest::prelude::*;
use samples::{line, now, parse_text};
use serde_json::{Map, Value, json};

fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9._-]{1,12}",
        "[^\\p{Cc}]{1,8}",
        Just("7".to_owned()),
        Just("K\u{212a}k\"\\".to_owned())
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-zA-Z \"\\\\\n\t]{0,20}"]
}

fn number() -> impl Strategy<Value = Value> {
    let integers = (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from);
    let floats = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
    let floats = floats.prop_filter("within the range", |float| float.abs() < 9e15).prop_map(Value::from);
    prop_oneof![integers, floats, (-1_000..1_000_i32).prop_map(Value::from)]
}

fn free() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn free_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(text(), free(), 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
}

prop_compose! {
    fn discovery()(conversation in identifier(), message in prop::option::of(identifier()), content in free_object(),
                   version in prop::option::of(0..100_u32)) -> Value {
        json!({"stream": "discovery", "conversation_id": conversation, "message_id": message, "content": content,
               "message_version": version, "model": {"name": "m"}})
    }
}

fn stream_members() -> impl Strategy<Value = Value> {
    prop_oneof![
        (free(), free_object()).prop_map(|(change, metadata)| {
            json!({"stream": "audit", "changes": {"z": {"before": change}, "a": "<redacted>"}, "metadata": metadata})
        }),
        discovery(),
        (identifier(), 0.0..1e9_f64).prop_map(|(tool, duration)| {
            json!({"stream": "tool", "tool": tool, "duration_ms": duration, "metadata": {"n": duration, "label": tool}})
        }),
    ]
}

prop_compose! {
    fn optional_members()(event_id in prop::option::of(identifier()), source in prop::option::of(identifier()),
                          external_id in prop::option::of(identifier()), request_id in prop::option::of(identifier()),
                          target in prop::option::of((identifier(), identifier())), evidence in prop::option::of(text()),
                          retention in any::<bool>()) -> Value {
        let external_id = external_id.filter(|_| source.is_some());
        json!({"event_id": event_id, "source": source, "external_id": external_id, "request_id": request_id,
               "target": target.map(|(kind, id)| json!({"type": kind, "id": id})), "evidence": evidence,
               "retention_until": retention.then_some("2040-01-01T00:00:00Z")})
    }
}

prop_compose! {
    /// A valid event, its members in an arbitrary order.
    fn event()(own in stream_members(), optional in optional_members(), tenant in identifier(), actor in identifier(),
               action in "[a-z]{1,5}\\.[a-z]{1,5}", outcome in prop::sample::select(vec!["success", "failure", "denied"]),
               micros in 1_700_000_000_000_000_i64..1_780_000_000_000_000)
              (members in {
                  let mut all = json!({"tenant": tenant, "actor": {"type": "user", "id": actor}, "action": action, "outcome": outcome,
                      "occurred_at": event::Timestamp::from_micros(micros).unwrap()});
                  for part in [own, optional] {
                      all.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
                  }
                  let members: Vec<_> = all.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
                  Just(members).prop_shuffle()
              }) -> Vec<(String, Value)> {
        members
    }
}

/// The members as JSON text in exactly this order.
fn submitted(members: &[(String, Value)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}: {value}", json!(name))).collect();
    format!("{{ {} }}", members.join(" ,\n"))
}

/// Equality of JSON values in which 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|found| same(value, found)))
        }
        _ => one == other,
    }
}

/// The line as a submission: without what the ledger added.
fn resubmitted(line: &str) -> String {
    format!("{{{}", &line[line.find("\"stream\"").unwrap()..])
}

proptest! {
    #[test]
    fn the_canonical_line_is_a_fixpoint(members in event()) {
        let event = parse_text(&submitted(&members)).unwrap();
        let first = line(&event);
        let again = parse_text(&resubmitted(&first)).unwrap();
        prop_assert_eq!(line(&again), first);
        prop_assert_eq!(again.content_hash(), event.content_hash());
        prop_assert_eq!(again.terms(), event.terms());
    }

    #[test]
    fn the_order_of_members_leaves_no_trace(members in event()) {
        let mut sorted = members.clone();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let one = parse_text(&submitted(&members)).unwrap();
        let other = parse_text(&submitted(&sorted)).unwrap();
        prop_assert_eq!(line(&one), line(&other));
    }

    #[test]
    fn the_line_says_what_was_submitted(members in event()) {
        let event = parse_text(&submitted(&members)).unwrap();
        let mut from_line: Map<String, Value> = serde_json::from_str(&line(&event)).unwrap();
        prop_assert_eq!(from_line.remove("seq"), Some(json!(1_042)));
        prop_assert_eq!(from_line.remove("recorded_at"), Some(json!(now())));
        let mut expected: Map<String, Value> = members.into_iter().collect();
        if let Some(until) = expected.get_mut("retention_until") {
            *until = json!("2040-01-01T00:00:00.000000Z");
        }
        prop_assert!(same(&Value::Object(from_line), &Value::Object(expected)));
    }

    #[test]
    fn the_line_of_an_entry_has_the_text_of_every_exact_value_that_matches_it(members in event()) {
        let mut event = parse_text(&submitted(&members)).unwrap();
        if event.event_id().is_none() {
            event.assign_event_id("assigned-1".to_owned());
        }
        let line = line(&event);
        let fields = EntryFields::parse(line.as_bytes()).unwrap();
        for field in Field::ALL {
            let Some(value) = fields.value(field) else { continue };
            let Some(filter) = Filter::default().narrowed(field, value) else { continue };
            prop_assert!(filter.line_texts(&[field]).is_empty());
            let texts = filter.line_texts(&[]);
            prop_assert_eq!(texts.len(), 1);
            let text = String::from_utf8(texts[0].clone()).unwrap();
            prop_assert!(line.contains(&text), "{} in {}", text, line);
        }
    }

    #[test]
    fn an_entry_agrees_with_its_event(members in event()) {
        let mut event = parse_text(&submitted(&members)).unwrap();
        event.assign_event_id("assigned-1".to_owned());
        event.default_trace_id("trace-1");
        let line = line(&event);
        let fields = EntryFields::parse(line.as_bytes()).unwrap();
        prop_assert_eq!(EntryFields::of_written(line.as_bytes()).unwrap(), fields.clone());
        prop_assert_eq!(fields.terms(), event.terms());
        prop_assert_eq!(event::keys_for_line(&fields), event.keys());
        prop_assert_eq!(fields.occurred_at, event.occurred_at());
        prop_assert!(content_hashes_possible(line.as_bytes()).unwrap().contains(&event.content_hash()));
    }

    #[test]
    fn matching_agrees_with_a_naive_evaluation(members in event(), needle in "[a-z7.K\"\\\\]{1,2}", own in any::<bool>(), flip in any::<bool>()) {
        let mut event = parse_text(&submitted(&members)).unwrap();
        event.assign_event_id("assigned-1".to_owned());
        let line = line(&event);
        let value: Value = serde_json::from_str(&line).unwrap();
        let fields = EntryFields::parse(line.as_bytes()).unwrap();
        let tenant = if own { event.tenant().to_owned() } else { "7".to_owned() };
        let action = value["action"].as_str().unwrap().split('.').next().unwrap().to_owned() + if flip { ".*" } else { "x*" };
        for pairs in [
            vec![("text", needle.as_str())],
            vec![("actor_like", needle.as_str())],
            vec![("tenant", tenant.as_str()), ("text", needle.as_str())],
            vec![("action", action.as_str()), ("tenant", tenant.as_str())],
            vec![("from", "2025-01-01T00:00:00Z"), ("to", "2025-12-01T00:00:00Z")],
        ] {
            let filter = Filter::from_pairs(pairs.iter().copied()).unwrap();
            let expected = pairs.iter().all(|(name, wanted)| naive(&value, name, wanted));
            prop_assert_eq!(filter.matches(&fields, line.as_bytes()), expected, "{:?} {}", pairs, line);
            let terms = event.terms();
            let indexed = filter.exact_terms().iter().all(|(field, term)| terms[usize::from(field.number())] == *term);
            prop_assert!(indexed || !expected, "the index hides a match");
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), json in free()) {
        for bytes in [bytes, json.to_string().into_bytes()] {
            let _ = Event::parse(&bytes, &Limits::default(), now());
            let _ = EntryFields::parse(&bytes);
            let _ = content_hashes_possible(&bytes);
        }
    }

    #[test]
    fn no_damage_to_an_event_makes_reading_panic(members in event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = submitted(&members).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Event::parse(&bytes, &Limits::default(), now());
        let _ = EntryFields::parse(&bytes);
        let _ = Filter::from_pairs([("text", "a")].into_iter()).unwrap().fingerprint();
        let _ = content_hashes_possible(&bytes);
    }
}

fn naive(entry: &Value, name: &str, wanted: &str) -> bool {
    let occurred_at = || event::Timestamp::parse_rfc3339(entry["occurred_at"].as_str().unwrap()).unwrap();
    match name {
        "text" => any_string(entry, &|text| contains(text, wanted)),
        "actor_like" => entry["actor"]["id"].as_str().is_some_and(|id| contains(id, wanted)),
        "action" => entry["action"].as_str().unwrap().starts_with(wanted.strip_suffix('*').unwrap()),
        "tenant" => entry["tenant"] == wanted,
        "from" => occurred_at() >= event::Timestamp::parse_rfc3339(wanted).unwrap(),
        "to" => occurred_at() < event::Timestamp::parse_rfc3339(wanted).unwrap(),
        _ => unreachable!("{name} is not evaluated here"),
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    fold(text).contains(&fold(wanted))
}

fn any_string(value: &Value, matches: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => matches(text),
        Value::Array(items) => items.iter().any(|item| any_string(item, matches)),
        Value::Object(members) => members.values().any(|member| any_string(member, matches)),
        _ => false,
    }
}

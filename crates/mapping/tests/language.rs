//! What a mapping file can say, and what it is told when it says it wrong.

use mapping::{MapError, Mapping, MappingError};
use serde_json::{Value, json};

const TIME: &str = r#""time":"2026-03-02T09:15:01Z""#;

/// A mapping with `extra` keys in `[event]` and `tail` after it, otherwise the smallest there is.
fn text(extra: &str, tail: &str) -> String {
    format!(
        r#"
name = "example"
absent = ["n/a"]
[event]
occurred_at = "{{time}}"
tenant = "t"
outcome = "success"
source = "example"
external_id = "{{id}}"
{extra}
{tail}
"#
    )
}

fn map(extra: &str, tail: &str, record: &str) -> Value {
    let mapping = Mapping::parse(&text(extra, tail)).unwrap();
    let record = format!("{{{TIME},\"id\":7,{record}}}");
    serde_json::from_slice(&mapping.map(record.as_bytes(), None).unwrap().event).unwrap()
}

fn refusal(extra: &str, tail: &str) -> String {
    Mapping::parse(&text(extra, tail)).unwrap_err().to_string()
}

const SYSTEM: &str = r#"actor = { type = "system" }"#;

#[test]
fn the_first_choice_with_a_value_wins_and_absent_texts_are_none() {
    let rules = format!("{SYSTEM}\naction = [\"x.{{a}}\", \"x.{{b}}\", \"x.none\"]");
    assert_eq!(map(&rules, "", r#""a":"1","b":"2""#)["action"], "x.1");
    assert_eq!(map(&rules, "", r#""a":"n/a","b":true"#)["action"], "x.true");
    assert_eq!(map(&rules, "", r#""a":"","b":null"#)["action"], "x.none");
    assert_eq!(map(&rules, "", r#""a":{"c":1},"b":[1]"#)["action"], "x.none");
}

#[test]
fn paths_reach_into_arrays_and_names_with_dots() {
    let rules = format!(
        "{SYSTEM}\naction = \"x.y\"\ntarget = {{ type = \"{{items.1.kind|lower}}\", id = \"{{annotations.'example.org/id'}}\" }}"
    );
    let event = map(&rules, "", r#""items":[{},{"kind":"Pod"}],"annotations":{"example.org/id":"p-1"}"#);
    assert_eq!(event["target"], json!({"type": "pod", "id": "p-1"}));
}

#[test]
fn filters_apply_from_left_to_right() {
    let rules = format!(
        "{SYSTEM}\naction = \"{{a|before:/|upper}}.{{a|after:/|table:short}}\"\nrequest_id = \"{{n|bit:1}}{{n|bit:0}}\""
    );
    let event = map(&rules, "[tables.short]\nlong = \"l\"", r#""a":"get/long","n":2"#);
    assert_eq!(event["action"], "GET.l");
    assert_eq!(event["request_id"], "10");
}

#[test]
fn braces_written_twice_are_braces() {
    let event = map(&format!("{SYSTEM}\naction = \"a.{{{{{{id}}}}}}\""), "", r#""x":1"#);
    assert_eq!(event["action"], "a.{7}");
}

#[test]
fn conditions_must_all_hold() {
    let rules = format!(
        r#"{SYSTEM}
action = [
    {{ value = "x.both", when = {{ a = "1*", b = true }} }},
    {{ value = "x.one", when = {{ a = ["0", "1*"], b = false }} }},
    "x.none",
]"#
    );
    assert_eq!(map(&rules, "", r#""a":12,"b":0"#)["action"], "x.both");
    assert_eq!(map(&rules, "", r#""a":12"#)["action"], "x.one");
    assert_eq!(map(&rules, "", r#""a":2,"b":0"#)["action"], "x.none");
}

#[test]
fn named_values_may_use_each_other() {
    let tail = "[values]\nb = \"{$a}.{x}\"\na = \"{x|upper}\"";
    assert_eq!(map(&format!("{SYSTEM}\naction = \"{{$b}}\""), tail, r#""x":"v""#)["action"], "V.v");
}

#[test]
fn the_first_complete_target_wins_and_an_incomplete_one_is_left_out() {
    let rules = format!(
        r#"{SYSTEM}
action = "x.y"
target = [
    {{ type = "file", id = "{{path}}", when = {{ kind = "file" }} }},
    {{ type = "row", id = "{{row}}", name = "{{label}}" }},
]"#
    );
    assert_eq!(
        map(&rules, "", r#""kind":"file","path":"/a","row":1"#)["target"],
        json!({"type": "file", "id": "/a"})
    );
    let row = map(&rules, "", r#""path":"/a","row":1,"label":"one""#);
    assert_eq!(row["target"], json!({"type": "row", "id": "1", "name": "one"}));
    assert_eq!(map(&rules, "", r#""path":"/a""#).get("target"), None);
}

#[test]
fn an_error_is_written_only_beside_failure_and_denial() {
    let event = |outcome: &str| {
        let text = text(&format!("{SYSTEM}\naction = \"x.y\"\nerror = {{ status = \"{{code}}\" }}"), "")
            .replace("outcome = \"success\"", &format!("outcome = \"{outcome}\""));
        let record = format!("{{{TIME},\"id\":7,\"code\":404}}");
        let event = Mapping::parse(&text).unwrap().map(record.as_bytes(), None).unwrap().event;
        serde_json::from_slice::<Value>(&event).unwrap()
    };
    assert_eq!(event("failure")["error"], json!({"status": "404"}));
    assert_eq!(event("denied")["error"], json!({"status": "404"}));
    assert_eq!(event("success").get("error"), None);
    assert_eq!(event("unknown").get("error"), None);
}

#[test]
fn a_record_without_an_id_can_be_named_by_its_hash() {
    let text = text(&format!("{SYSTEM}\naction = \"x.y\""), "").replace("\"{id}\"", "\"{$record_sha256}\"");
    let mapping = Mapping::parse(&text).unwrap();
    let external_id = |record: &str| {
        let event: Value =
            serde_json::from_slice(&mapping.map(record.as_bytes(), None).unwrap().event).unwrap();
        event["external_id"].as_str().unwrap().to_owned()
    };
    let (one, same) = (format!("{{{TIME}}}"), format!("\u{feff} {{{TIME}}}\r\n"));
    assert_eq!(external_id(&one), external_id(&same));
    assert_ne!(external_id(&one), external_id(&format!("{{{TIME},\"a\":1}}")));
    assert_eq!(external_id(&one).len(), 64);
}

#[test]
fn an_actor_that_needs_an_id_must_have_one() {
    let mapping =
        Mapping::parse(&text("actor = { type = \"user\", id = \"{who}\" }\naction = \"x.y\"", "")).unwrap();
    let error = mapping.map(format!("{{{TIME},\"id\":7}}").as_bytes(), None).unwrap_err();
    assert_eq!(error, MapError::Missing { member: "actor.id", sources: "{who}".to_owned() });
}

#[test]
fn words_outside_their_set_are_the_mappings_mistake() {
    let mapping = Mapping::parse(&text("actor = { type = \"person\" }\naction = \"x.y\"", "")).unwrap();
    let error = mapping.map(format!("{{{TIME},\"id\":7}}").as_bytes(), None).unwrap_err();
    assert!(matches!(error, MapError::Word { member: "actor.type", .. }), "{error}");
}

#[test]
fn a_mapping_without_a_tenant_asks_the_caller_for_one() {
    let text = text(&format!("{SYSTEM}\naction = \"x.y\""), "").replace("tenant = \"t\"", "");
    let mapping = Mapping::parse(&text).unwrap();
    let record = format!("{{{TIME},\"id\":7}}");
    assert!(mapping.map(record.as_bytes(), Some("acme")).is_ok());
    let error = mapping.map(record.as_bytes(), None).unwrap_err().to_string();
    assert_eq!(error, "tenant: the record has no value for a tenant named by the caller");
}

#[test]
fn unknown_keys_are_refused_by_name_at_every_level() {
    let action = format!("{SYSTEM}\naction = \"x.y\"");
    for (extra, tail, key) in [
        (format!("{action}\ncolour = \"red\""), "", "colour"),
        (action.clone(), "[mystery]\na = 1", "mystery"),
        ("actor = { type = \"system\", shoe = \"x\" }\naction = \"x.y\"".to_owned(), "", "shoe"),
        (format!("{action}\ntarget = [{{ type = \"a\", id = \"b\", hat = \"c\" }}]"), "", "hat"),
        (format!("{SYSTEM}\naction = [{{ value = \"x.y\", unless = {{ a = true }} }}]"), "", "unless"),
        (format!("{action}\nerror = {{ reason = \"x\" }}"), "", "reason"),
    ] {
        let refusal = refusal(&extra, tail);
        assert!(refusal.contains(&format!("unknown field `{key}`")), "{refusal}");
        assert!(refusal.contains("line "), "{refusal}");
    }
}

#[test]
fn a_missing_key_is_named() {
    assert!(refusal(SYSTEM, "").contains("missing field `action`"));
}

#[test]
fn rules_that_mean_nothing_are_refused_with_their_place() {
    let action = |template: &str| refusal(&format!("{SYSTEM}\naction = {template}"), "");
    assert_eq!(action("\"{a|trim}\"").split_once(';').unwrap().0, "event.action: there is no filter `trim`");
    assert_eq!(action("\"{a|table:verbs}\""), "event.action: there is no [tables.verbs]");
    assert_eq!(action("\"{$host}\""), "event.action: there is no `host` in [values]");
    assert_eq!(action("\"{a|bit:64}\""), "event.action: `bit:64` needs a bit from 0 to 63");
    assert!(action("\"{a\"").contains("does not end"));
    assert!(action("\"a}\"").contains("nothing opened"));
    assert!(action("\"{}\"").contains("empty step"));
    assert!(action("\"\"").contains("empty template"));
    assert!(action("[]").contains("empty list"));
    assert!(action("{ value = \"x.y\", when = { a = [] } }").contains("never hold"));
}

#[test]
fn values_that_need_themselves_are_refused() {
    let action = format!("{SYSTEM}\naction = \"{{$a}}\"");
    let refused = Mapping::parse(&text(
        &action,
        "[values]\na = \"{$b}\"\nb = { value = \"x\", when = { \"$a\" = true } }",
    ));
    assert_eq!(
        refused.unwrap_err(),
        MappingError::Rule { place: "values.a".to_owned(), reason: "this value needs itself".to_owned() }
    );
}

#[test]
fn the_documented_examples_parse() {
    let page = include_str!("../../../docs/mappings.md");
    let crate_page = include_str!("../src/lib.rs").replace("//! ", "").replace("//!\n", "\n");
    for (page, name) in [(page, "files"), (&crate_page, "example")] {
        let example = page.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
        assert_eq!(Mapping::parse(example).unwrap().name(), name);
    }
}

#[test]
fn the_documented_mapping_maps() {
    let page = include_str!("../../../docs/mappings.md");
    let example = page.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let record =
        br#"{"time":"2026-03-02T10:15:01+01:00","Computer":"nas1","serial":9,"op":"PUT","status":403,
        "org":{"id":"acme"},"user":{"id":"u-1"},"remote":"192.0.2.1 via proxy","path":"/plans/a.txt"}"#;
    let mapped = Mapping::parse(example).unwrap().map(record, None).unwrap();
    let mut event: Value = serde_json::from_slice(&mapped.event).unwrap();
    event.as_object_mut().unwrap().remove("metadata");
    assert_eq!(
        event,
        json!({
            "stream": "audit", "occurred_at": "2026-03-02T09:15:01.000000Z", "tenant": "acme",
            "actor": {"type": "user", "id": "u-1", "ip": "192.0.2.1"}, "action": "file.upload",
            "target": {"type": "file", "id": "/plans/a.txt"}, "outcome": "denied", "error": {"status": "403"},
            "source": "files", "external_id": "nas1/9"
        })
    );
}

//! What holds for any input.

use mapping::Mapping;
use proptest::prelude::*;
use serde_json::Value;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has only finite numbers", |number| number.is_finite())
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(record in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in Mapping::built_in_names() {
            let _outcome = Mapping::built_in(name).unwrap().map(&record, None);
        }
    }

    #[test]
    fn no_template_makes_it_panic(template in "[a-z{}$|:.']{0,12}|.{0,40}") {
        let template = toml::Value::String(template).to_string();
        let mapping = Mapping::parse(&format!(
            "name = \"x\"\n[event]\noccurred_at = \"{{t}}\"\noutcome = \"success\"\nsource = \"x\"\nexternal_id = \"1\"\n\
             actor = {{ type = \"system\" }}\naction = {template}"
        ));
        if let Ok(mapping) = mapping {
            let mapped = mapping.map(br#"{"t":"2026-03-02T09:15:01Z"}"#, Some("t"));
            prop_assert!(mapped.is_ok() || template.contains('{'), "{:?}", mapped);
        }
    }

    #[test]
    fn identifiers_of_any_content_make_valid_events(host in "\\PC{1,300}|.{1,300}", user in any::<String>(), extra in json()) {
        let record = serde_json::json!({
            "Hostname": host, "Channel": "Security", "RecordNumber": 1, "EventID": 4688,
            "@timestamp": "2026-03-02T09:15:01Z", "SubjectUserSid": user, "NewProcessName": user, "extra": extra,
        });
        let mapped = Mapping::built_in("windows").unwrap().map(record.to_string().as_bytes(), Some("t")).unwrap();
        let now = event::Timestamp::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
        let parsed = event::Event::parse(&mapped.event, &event::Limits::default(), now);
        prop_assert!(parsed.is_ok(), "{:?}", parsed.err());
    }
}

use std::sync::OnceLock;

use event::{Event, Limits, rule};
use mapping::Mapping;
use serde_json::Value;

use crate::sample::now;

/// Between a mapping file and a record.
const SEPARATOR: &str = "\n---\n";

/// Bounds on an event that a foreign record may pass; a mapping knows nothing of them.
const LIMIT_RULES: [&str; 2] = [rule::TOO_LONG, rule::IN_FUTURE];

/// The input is one foreign record, for every mapping that comes with the product; or a mapping file, a line with `---`
/// and a record.
///
/// What is mapped is an event but for the limits on size and time, keeps the whole record in its metadata, and is the same
/// every time. A mapping file may ask for what no event takes, so of those only the record in the metadata is checked.
pub fn mapping(data: &[u8]) {
    static BUILT_IN: OnceLock<Vec<Mapping>> = OnceLock::new();
    let text = String::from_utf8_lossy(data);
    if let Some((file, record)) = text.split_once(SEPARATOR) {
        if let Ok(mapping) = Mapping::parse(file) {
            maps(&mapping, record.as_bytes());
        }
        return;
    }
    let built_in = BUILT_IN.get_or_init(|| {
        Mapping::built_in_names().iter().filter_map(|name| Mapping::built_in(name)).collect()
    });
    for mapping in built_in {
        let Some(event) = maps(mapping, data) else { continue };
        if let Err(violations) = Event::parse(&event, &Limits::default(), now()) {
            let other = violations.iter().find(|violation| !LIMIT_RULES.contains(&violation.rule));
            assert!(other.is_none(), "{} made no event: {other:?}", mapping.name());
        }
    }
}

/// The event's text, with the tenant that the caller names.
fn maps(mapping: &Mapping, record: &[u8]) -> Option<Vec<u8>> {
    let mapped = mapping.map(record, Some("7")).ok()?;
    assert_eq!(mapping.map(record, Some("7")).as_ref(), Ok(&mapped));
    let mut event: Value = serde_json::from_slice(&mapped.event).expect("an event is JSON");
    assert_eq!(event["tenant"], "7", "the caller's tenant wins");
    let text = str::from_utf8(record).expect("only UTF-8 is mapped").trim_start_matches('\u{feff}');
    // A number that no double holds is not read by serde_json at all; then there is nothing to compare with.
    if let Ok(record) = serde_json::from_str::<Value>(text) {
        let kept = event["metadata"].take();
        assert!(is_kept(&record, &kept), "the metadata is not the record: {kept}");
    }
    Some(mapped.event)
}

/// Whether the metadata says what the record said: the same but for numbers, which may have become their digits.
fn is_kept(record: &Value, kept: &Value) -> bool {
    match (record, kept) {
        (Value::Number(number), Value::Number(kept)) => number.as_f64() == kept.as_f64(),
        (Value::Number(number), Value::String(digits)) => digits.parse::<f64>().ok() == number.as_f64(),
        (Value::Array(items), Value::Array(kept)) => {
            items.len() == kept.len() && items.iter().zip(kept).all(|(item, kept)| is_kept(item, kept))
        }
        (Value::Object(members), Value::Object(kept)) => {
            members.len() == kept.len()
                && members.iter().all(|(name, value)| kept.get(name).is_some_and(|kept| is_kept(value, kept)))
        }
        _ => record == kept,
    }
}

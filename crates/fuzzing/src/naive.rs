//! What a filter means, said a second time and slowly, over a parsed line.

use event::Timestamp;
use serde_json::Value;

/// Whether the line satisfies one condition as it was asked for.
pub(crate) fn holds(entry: &Value, name: &str, wanted: &str) -> bool {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let is_before = |pointer: &str| text(pointer).map(moment) < Some(moment(wanted));
    match name {
        "actor" => text("/actor/id") == Some(wanted),
        "actor_like" => text("/actor/id").is_some_and(|id| contains(id, wanted)),
        "action" if wanted.ends_with('*') => {
            text("/action").is_some_and(|action| action.starts_with(&wanted[..wanted.len() - 1]))
        }
        "target_type" => text("/target/type") == Some(wanted),
        "target_id" => text("/target/id") == Some(wanted),
        "text" => any_string(entry, &|text| contains(text, wanted)),
        "from" => !is_before("/occurred_at"),
        "to" => is_before("/occurred_at"),
        "recorded_from" => !is_before("/recorded_at"),
        "recorded_to" => is_before("/recorded_at"),
        member => text(&format!("/{member}")) == Some(wanted),
    }
}

/// Whether two JSON values are the same, 1 and 1.0 being one number.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
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

fn moment(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a filter that was taken, or a line, holds times")
}

fn contains(text: &str, wanted: &str) -> bool {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    fold(text).contains(&fold(wanted))
}

fn any_string(value: &Value, is_wanted: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_wanted(text),
        Value::Array(items) => items.iter().any(|item| any_string(item, is_wanted)),
        Value::Object(members) => members.values().any(|member| any_string(member, is_wanted)),
        _ => false,
    }
}

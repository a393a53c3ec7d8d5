//! The foreign record as a value tree that keeps every digit. A common JSON value would round large integers, and
//! keep the last of two equal members without a word.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::MapError;

/// Objects and arrays an event's metadata may nest, the metadata itself being 1. The record is the metadata.
const DEPTH_MAX: usize = 16;

/// 2^53−1, the largest integer every JSON reader keeps (RFC 8259 §6).
const INTEGER_MAX: i64 = (1 << 53) - 1;

#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    /// The literal as it stands in the record.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The value as text, if it is one that can stand in a member: not null, no object, no array.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(literal) => Some(literal),
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The member of an object, or the item of an array if `step` is its index.
    pub(crate) fn step(&self, step: &str) -> Option<&Value<'a>> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == step).map(|(_, value)| value),
            Self::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// Writes JSON that every reader understands alike: numbers no double holds exactly become strings.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(true) => out.extend_from_slice(b"true"),
            Self::Boolean(false) => out.extend_from_slice(b"false"),
            Self::Number(literal) if is_portable(literal) => out.extend_from_slice(literal.as_bytes()),
            Self::Number(literal) => write_text(literal, out),
            Self::Text(text) => write_text(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_text(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string always has a JSON form, and a vector takes every byte");
}

/// Whether the literal may stay a number in an event: an integer within ±(2^53−1), or a finite number below that.
fn is_portable(literal: &str) -> bool {
    if literal.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return literal.parse::<f64>().is_ok_and(|number| number.abs() <= INTEGER_MAX as f64);
    }
    literal.parse::<i64>().is_ok_and(|integer| (-INTEGER_MAX..=INTEGER_MAX).contains(&integer))
}

/// The record's text without a byte order mark (Windows tools write one) and white space around it.
pub(crate) fn text(record: &[u8]) -> Result<&str, MapError> {
    let text = std::str::from_utf8(record).map_err(|error| MapError::Json { reason: error.to_string() })?;
    Ok(text.trim_start_matches('\u{feff}').trim_matches([' ', '\t', '\r', '\n']))
}

/// Parses one JSON object.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, MapError> {
    // One pass over the whole for the syntax, so that every later failure has one cause: a lone surrogate.
    let raw: &RawValue =
        serde_json::from_str(text).map_err(|error| MapError::Json { reason: error.to_string() })?;
    if !raw.get().starts_with('{') {
        return Err(MapError::NotAnObject);
    }
    value(raw, &Path::Root, 1)
}

fn value<'a>(raw: &'a RawValue, path: &Path<'_>, depth: usize) -> Result<Value<'a>, MapError> {
    let text = raw.get();
    let surrogate = |_| MapError::LoneSurrogate { path: path.to_string() };
    Ok(match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Boolean(true),
        Some(b'f') => Value::Boolean(false),
        Some(b'"') => Value::Text(serde_json::from_str::<Text<'a>>(text).map_err(surrogate)?.0),
        Some(b'[' | b'{') if depth > DEPTH_MAX => {
            return Err(MapError::TooDeep { path: path.to_string(), depth_max: DEPTH_MAX });
        }
        Some(b'[') => {
            let items: Vec<&'a RawValue> = serde_json::from_str(text).map_err(surrogate)?;
            let items = items.into_iter().enumerate();
            Value::Array(
                items
                    .map(|(index, item)| value(item, &Path::Item(path, index), depth + 1))
                    .collect::<Result<_, _>>()?,
            )
        }
        Some(b'{') => object(serde_json::from_str::<Members<'a>>(text).map_err(surrogate)?, path, depth)?,
        _ => Value::Number(text),
    })
}

fn object<'a>(members: Members<'a>, path: &Path<'_>, depth: usize) -> Result<Value<'a>, MapError> {
    let mut names = HashSet::with_capacity(members.0.len());
    if let Some((twice, _)) = members.0.iter().find(|(name, _)| !names.insert(&**name)) {
        return Err(MapError::DuplicateMember { path: Path::Member(path, twice).to_string() });
    }
    let mut object = Vec::with_capacity(members.0.len());
    for (name, raw) in members.0 {
        let inner = value(raw, &Path::Member(path, &name), depth + 1)?;
        object.push((name, inner));
    }
    Ok(Value::Object(object))
}

/// Where the parser is; a chain of borrowed steps, so that only an error pays for writing it down.
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => formatter.write_str("record"),
            Self::Member(Self::Root, name) => formatter.write_str(name),
            Self::Member(parent, name) => write!(formatter, "{parent}.{name}"),
            Self::Item(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

/// A string that borrows from the record where it has no escape. Serde's own `Cow` would always copy.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members of an object in their order, duplicates included, values unread.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = access.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let mut out = Vec::new();
        parse(json).unwrap().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_no_double_holds_become_strings_with_the_same_digits() {
        assert_eq!(
            written(
                r#"{"a":9007199254740991,"b":-9007199254740992,"c":123456789012345678901234567890,"d":1e400}"#
            ),
            r#"{"a":9007199254740991,"b":"-9007199254740992","c":"123456789012345678901234567890","d":"1e400"}"#
        );
        assert_eq!(written(r#"{"a":[1.50,1e3,-0,1e300]}"#), r#"{"a":[1.50,1e3,-0,"1e300"]}"#);
    }

    #[test]
    fn member_order_nulls_and_escapes_are_kept() {
        assert_eq!(
            written(" {\"z\" : null, \"a\":[true,{}],\"\\u00e9\\n\":\"\\ud83d\\ude00\"} "),
            "{\"z\":null,\"a\":[true,{}],\"é\\n\":\"😀\"}"
        );
    }

    #[test]
    fn a_duplicate_member_is_named_with_its_path() {
        let error = parse(r#"{"a":[{"b":{"c":1,"\u0063":2}}]}"#).unwrap_err();
        assert_eq!(error, MapError::DuplicateMember { path: "a[0].b.c".to_owned() });
    }

    #[test]
    fn lone_surrogates_are_refused_in_values_and_names() {
        let value = parse(r#"{"a":{"b":"\ud800"}}"#).unwrap_err();
        assert_eq!(value, MapError::LoneSurrogate { path: "a.b".to_owned() });
        let name = parse(r#"{"a":{"\udc00":1}}"#).unwrap_err();
        assert_eq!(name, MapError::LoneSurrogate { path: "a".to_owned() });
    }

    #[test]
    fn sixteen_levels_are_taken_and_seventeen_are_not() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(parse(&nested(16)).is_ok());
        assert!(matches!(parse(&nested(17)), Err(MapError::TooDeep { depth_max: 16, .. })));
        assert!(matches!(parse(&nested(100_000)), Err(MapError::TooDeep { .. })));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        assert!(matches!(parse("[]"), Err(MapError::NotAnObject)));
        for text in ["", "{", "{} {}", "{'a':1}", "{\"a\":01}", "\"\u{1}\""] {
            assert!(matches!(parse(text), Err(MapError::Json { .. })), "{text}");
        }
        assert!(matches!(text(b"{\"a\":\"\xff\"}"), Err(MapError::Json { .. })));
    }
}

//! The members whose value is a single string or number.

use std::borrow::Cow;

use crate::canonical;
use crate::digits;
use crate::json::Value;
use crate::kinds::Stream;
use crate::path::Path;
use crate::violation::rule;
use crate::walk::Walk;
use crate::{Timestamp, text_rules};

impl Walk<'_> {
    /// The text of a value that must be a string.
    pub(crate) fn string<'v, 'a>(
        &mut self,
        value: &'v Value<'a>,
        path: Path<'_>,
    ) -> Option<&'v Cow<'a, str>> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.wrong_type("a string", value, path);
        None
    }

    pub(crate) fn choice(&mut self, words: &[&str], value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        if words.contains(&text.as_ref()) {
            canonical::push_read_string(text, &mut self.out);
        } else {
            self.violation(path, rule::CHOICE, format!("must be one of {}", words.join(", ")));
        }
    }

    pub(crate) fn identifier(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        if let Err((rule, message)) = text_rules::identifier(text, self.limits.identifier_bytes_max) {
            self.violation(path, rule, message);
        }
        canonical::push_read_string(text, &mut self.out);
    }

    /// An identifier of at least two parts with dots between them. What else is in a part is the source's business:
    /// `<source>.<raw name>` is an action too.
    pub(crate) fn action(&mut self, value: &Value<'_>, path: Path<'_>) {
        self.identifier(value, path);
        let Value::String(text) = value else { return };
        if text.contains('*') {
            let message = "must not have a *, which stands for any ending when actions are searched";
            self.violation(path, rule::FORMAT, message);
        } else if !text.is_empty() && (!text.contains('.') || text.split('.').any(str::is_empty)) {
            let message =
                "must be a dotted verb such as session.create, with something before and after every dot";
            self.violation(path, rule::FORMAT, message);
        }
    }

    pub(crate) fn label(&mut self, value: &Value<'_>, path: Path<'_>) {
        match value {
            Value::String(_) => self.identifier(value, path),
            Value::Integer(_) | Value::Float(_) => match whole(value) {
                Some(integer) => digits::push_i64(integer, &mut self.out),
                None => self.violation(path, rule::INTEGER_RANGE, NOT_WHOLE),
            },
            _ => self.wrong_type("a string or a whole number", value, path),
        }
    }

    pub(crate) fn free_string(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        self.bounded(text, self.limits.string_bytes_max, path);
        canonical::push_read_string(text, &mut self.out);
    }

    pub(crate) fn bounded(&mut self, text: &str, bytes_max: usize, path: Path<'_>) {
        if text.len() > bytes_max {
            self.violation(path, rule::TOO_LONG, text_rules::too_long(text.len(), bytes_max));
        }
    }

    pub(crate) fn personal(&mut self, value: &Value<'_>, path: Path<'_>) {
        if self.stream == Some(Stream::Tool) {
            let message = "is personal data, which tool events do not carry; leave it out";
            self.violation(path, rule::PERSONAL_DATA, message);
            return;
        }
        let Value::Object(members) = value else {
            self.free_string(value, path);
            return;
        };
        match members.as_slice() {
            [(name, Value::String(sealed))] if name.0 == "sealed" && text_rules::is_base64(sealed) => {
                self.bounded(sealed, self.limits.string_bytes_max, path.member("sealed"));
                self.out.extend_from_slice(b"{\"sealed\":");
                canonical::push_read_string(sealed, &mut self.out);
                self.out.push(b'}');
            }
            _ => {
                let message = "must be a string, or {\"sealed\":\"<base64>\"} with padding and nothing else";
                self.violation(path, rule::FORMAT, message);
            }
        }
    }

    pub(crate) fn time(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        match Timestamp::parse_rfc3339(text) {
            Ok(time) => {
                self.out.push(b'"');
                time.write(&mut self.out);
                self.out.push(b'"');
            }
            Err(error) => self.violation(path, rule::FORMAT, error.to_string()),
        }
    }

    pub(crate) fn count(&mut self, value: &Value<'_>, path: Path<'_>) {
        if !matches!(value, Value::Integer(_) | Value::Float(_)) {
            self.wrong_type("a whole number", value, path);
            return;
        }
        match whole(value) {
            Some(integer) if integer >= 0 => digits::push_i64(integer, &mut self.out),
            _ => self.violation(path, rule::INTEGER_RANGE, "must be a whole number from 0 to 2^53-1"),
        }
    }

    pub(crate) fn amount(&mut self, value: &Value<'_>, path: Path<'_>) {
        if !matches!(value, Value::Integer(_) | Value::Float(_)) {
            self.wrong_type("a number", value, path);
        } else if matches!(value, Value::Integer(..0)) || matches!(value, Value::Float(float) if *float < 0.0)
        {
            self.violation(path, rule::INTEGER_RANGE, "must not be below zero");
        } else {
            self.number(value, path);
        }
    }

    /// Renders a number within ±(2^53−1).
    pub(crate) fn number(&mut self, value: &Value<'_>, path: Path<'_>) {
        if !canonical::is_in_range(value) {
            let message =
                "is a number beyond ±(2^53-1), which not every reader keeps exactly; send it as a string";
            self.violation(path, rule::INTEGER_RANGE, message);
            return;
        }
        match value {
            Value::Integer(integer) => digits::push_i64(*integer, &mut self.out),
            Value::Float(float) => canonical::push_float(*float, &mut self.out),
            _ => {}
        }
    }

    pub(crate) fn sha256(&mut self, value: &Value<'_>, path: Path<'_>) {
        let Some(text) = self.string(value, path) else { return };
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            canonical::push_read_string(text, &mut self.out);
        } else {
            self.violation(path, rule::FORMAT, "must be a SHA-256 as 64 lower-case hexadecimal digits");
        }
    }
}

const NOT_WHOLE: &str = "must be a whole number within ±(2^53-1), or a string";

/// A number without a fraction within ±(2^53−1), also when it was written `1.0` or `1e3`.
fn whole(value: &Value<'_>) -> Option<i64> {
    match value {
        _ if !canonical::is_in_range(value) => None,
        Value::Integer(integer) => Some(*integer),
        Value::Float(float) if float.fract() == 0.0 => Some(*float as i64),
        _ => None,
    }
}

//! The parts of an event that its sender shapes: `metadata`, `changes`, `content`. Objects are sorted by code point at
//! every level.

use crate::canonical;
use crate::json::{Members, Value};
use crate::kinds::Stream;
use crate::path::Path;
use crate::violation::rule;
use crate::walk::Walk;

/// What stands in `changes` for a field whose values the producer does not let out.
const REDACTED: &str = "<redacted>";

/// UTF-8 bytes of a string in a tool event's `metadata`.
const TOOL_STRING_BYTES_MAX: usize = 256;

/// Words that mean payload, in lower case and in order. A member is payload when its last word is one of them
/// (`tool_arguments`), or its whole name without separators (`requestbody`). Sizes and hashes of the same things say so
/// in their last word (`input_bytes`, `prompt_sha256`) and pass.
const PAYLOAD_NAMES: &[&str] = &[
    "args",
    "arguments",
    "body",
    "completion",
    "completions",
    "content",
    "contents",
    "input",
    "inputs",
    "message",
    "messages",
    "output",
    "outputs",
    "parameters",
    "params",
    "payload",
    "prompt",
    "prompts",
    "query",
    "requestbody",
    "response",
    "responsebody",
    "systemprompt",
    "text",
];

fn is_payload_name(name: &str) -> bool {
    let joined =
        || name.bytes().filter(|byte| !matches!(byte, b'_' | b'-')).map(|byte| byte.to_ascii_lowercase());
    let last = last_word(name);
    PAYLOAD_NAMES.iter().any(|payload| last.eq_ignore_ascii_case(payload) || joined().eq(payload.bytes()))
}

/// The last word of `snake_case`, `kebab-case`, `dotted.names`, `camelCase` and `HTTPBody`; empty when there is none.
fn last_word(name: &str) -> &str {
    let is_separator = |character: char| !character.is_alphanumeric();
    let word = name.trim_end_matches(is_separator).rsplit(is_separator).next().unwrap_or_default();
    let bytes = word.as_bytes();
    let begins_a_word = |at: &usize| {
        bytes[*at].is_ascii_uppercase()
            && (!bytes[at - 1].is_ascii_uppercase() || bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase))
    };
    // An upper-case ASCII letter is a character of its own in UTF-8, so the cut is at a character's boundary.
    &word[(1..bytes.len()).rev().find(begins_a_word).unwrap_or(0)..]
}

impl Walk<'_> {
    pub(crate) fn metadata(&mut self, value: &mut Value<'_>, path: Path<'_>) {
        let Value::Object(members) = value else {
            self.wrong_type("an object", value, path);
            return;
        };
        if self.stream == Some(Stream::Tool) {
            self.tool_metadata(members, path);
        }
        self.free_members(members, path, 1);
    }

    /// Tool events carry sizes, hashes and labels: flat, short and without payload.
    fn tool_metadata(&mut self, members: &Members<'_>, path: Path<'_>) {
        for (name, value) in members {
            let path = path.member(&name.0);
            if is_payload_name(&name.0) {
                let message = "is payload, which tool events do not carry; send its size and hash instead";
                self.violation(path, rule::PAYLOAD, message);
            }
            match value {
                Value::String(text) => self.bounded(text, TOOL_STRING_BYTES_MAX, path),
                Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {}
                _ => self.wrong_type("a number, a boolean or a short string in a tool event", value, path),
            }
        }
    }

    pub(crate) fn changes(&mut self, value: &mut Value<'_>, path: Path<'_>) {
        let Value::Object(fields) = value else {
            self.wrong_type("an object of changed fields", value, path);
            return;
        };
        for (field, change) in fields.iter() {
            let path = path.member(&field.0);
            match change {
                Value::String(text) if text == REDACTED => {}
                Value::Object(members) => {
                    for (name, _) in
                        members.iter().filter(|(name, _)| name.0 != "before" && name.0 != "after")
                    {
                        let message = "is not known here; accepted are before and after";
                        self.violation(path.member(&name.0), rule::UNKNOWN_MEMBER, message);
                    }
                }
                _ => self.wrong_type("an object of before and after, or \"<redacted>\"", change, path),
            }
        }
        self.free_members(fields, path, 1);
    }

    pub(crate) fn content(&mut self, value: &mut Value<'_>, path: Path<'_>) {
        match value {
            Value::String(_) | Value::Object(_) | Value::Array(_) => self.free_value(value, path, 1),
            _ => self.wrong_type("a string, an object or an array", value, path),
        }
    }

    /// Renders anything; `depth` is the depth of this value if it is an object or an array.
    fn free_value(&mut self, value: &mut Value<'_>, path: Path<'_>, depth: usize) {
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Integer(_) | Value::Float(_) => self.number(value, path),
            Value::String(text) => {
                self.bounded(text, self.limits.string_bytes_max, path);
                canonical::push_read_string(text, &mut self.out);
            }
            Value::Array(items) => {
                if self.is_too_deep(path, depth) {
                    return;
                }
                self.out.push(b'[');
                for (index, item) in items.iter_mut().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.free_value(item, path.item(index), depth + 1);
                }
                self.out.push(b']');
            }
            Value::Object(members) => self.free_members(members, path, depth),
        }
    }

    fn free_members(&mut self, members: &mut Members<'_>, path: Path<'_>, depth: usize) {
        if self.is_too_deep(path, depth) {
            return;
        }
        // UTF-8 sorts by bytes as it sorts by code points.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        for pair in members.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            self.violation(path.member(&pair[0].0.0), rule::DUPLICATE_MEMBER, "stands twice; send it once");
        }
        self.out.push(b'{');
        for (index, (name, value)) in members.iter_mut().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.bounded(&name.0, self.limits.string_bytes_max, path);
            canonical::push_read_string(&name.0, &mut self.out);
            self.out.push(b':');
            self.free_value(value, path.member(&name.0), depth + 1);
        }
        self.out.push(b'}');
    }

    fn is_too_deep(&mut self, path: Path<'_>, depth: usize) -> bool {
        let depth_max = self.limits.metadata_depth_max;
        if depth > depth_max {
            let message = format!("is nested deeper than {depth_max} objects and arrays; flatten it");
            self.violation(path, rule::DEPTH, message);
        }
        depth > depth_max
    }
}

#[cfg(test)]
mod tests {
    use super::{is_payload_name, last_word};

    #[test]
    fn the_last_word_is_found_in_every_way_of_writing_names() {
        for (name, word) in [
            ("", ""),
            ("_", ""),
            ("prompt", "prompt"),
            ("tool_arguments", "arguments"),
            ("message-body", "body"),
            ("gen_ai.prompt", "prompt"),
            ("prompt_", "prompt"),
            ("promptText", "Text"),
            ("rawQUERY", "QUERY"),
            ("HTTPBody", "Body"),
            ("sha256Prompt", "Prompt"),
            ("promptSHA256", "SHA256"),
            ("USER_PROMPT", "PROMPT"),
            ("größeÄText", "Text"),
            ("A", "A"),
        ] {
            assert_eq!(last_word(name), word, "{name}");
        }
    }

    #[test]
    fn payload_is_recognised_by_its_last_word_or_its_whole_name() {
        for payload in [
            "tool_arguments",
            "prompt_text",
            "message_body",
            "user_prompt",
            "response_text",
            "userPrompt",
            "tool-args",
            "call.input",
            "requestbody",
            "Response_Body",
            "systemPrompt",
            "OUTPUT",
        ] {
            assert!(is_payload_name(payload), "{payload}");
        }
        for label in [
            "prompt_sha256",
            "input_bytes",
            "output_tokens",
            "promptSha256",
            "body.size",
            "context",
            "input_hash",
            "queryCount",
            "textual",
            "",
        ] {
            assert!(!is_payload_name(label), "{label}");
        }
    }
}

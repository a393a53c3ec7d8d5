//! Why bytes are not JSON, in words that say what to do about it.

use std::str::Utf8Error;

use crate::violation::{Violation, rule};

/// What `serde_json` says about a `\ud800` to `\udfff` without its other half. It has no codes; tests hold its words.
const HALF_PAIRS: [&str; 2] = ["unexpected end of hex escape", "lone leading surrogate in hex escape"];

/// What `serde_json` says about the first object or array deeper than [`DEPTH_MAX`].
const TOO_DEEP: &str = "recursion limit exceeded";

/// Nested objects and arrays that are read at all; the limit of settings is far below.
const DEPTH_MAX: usize = 127;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with `json`, given the error that reading it ended with. It is about the whole, so it names no member;
/// the line is left out of the position when there is only one.
pub fn malformed(json: &[u8], error: &serde_json::Error) -> Violation {
    let position = Position { error, has_lines: json.trim_ascii().contains(&b'\n') };
    let text = error.to_string();
    let reason = text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column()));
    let reason = reason.unwrap_or(&text);
    if reason == TOO_DEEP {
        let message = format!("is nested deeper than {DEPTH_MAX} objects and arrays {position}; flatten it");
        return Violation::new("", rule::DEPTH, message);
    }
    let message = if json.starts_with(BYTE_ORDER_MARK) {
        "begins with a byte order mark (EF BB BF), which JSON does not have; send it without".to_owned()
    } else if json.trim_ascii().is_empty() {
        "is empty; send JSON".to_owned()
    } else if HALF_PAIRS.contains(&reason) {
        format!(
            "has one half of a surrogate pair, an escape from \\ud800 to \\udfff alone, {position}; \
             send both halves, or \\ufffd in its place"
        )
    } else {
        format!("is not valid JSON: {reason} {position}")
    };
    Violation::new("", rule::JSON, message)
}

pub(crate) fn not_utf8(error: Utf8Error) -> Violation {
    let message = format!("is not UTF-8 after byte {}; JSON is always UTF-8", error.valid_up_to());
    Violation::new("", rule::JSON, message)
}

struct Position<'e> {
    error: &'e serde_json::Error,
    has_lines: bool,
}

impl std::fmt::Display for Position<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("at ")?;
        if self.has_lines {
            write!(formatter, "line {}, ", self.error.line())?;
        }
        write!(formatter, "column {}", self.error.column())
    }
}

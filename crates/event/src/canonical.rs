//! Canonical JSON text: strings and numbers as RFC 8785 (§3.2.2.2, §3.2.2.3) writes them, no white space.

use std::borrow::Cow;

use crate::json::Value;

/// The largest integer a double carries without a gap on either side: 2^53 − 1. Beyond it two readers may see two
/// different numbers, so nothing beyond it is taken in. Every double beyond it is an integer, so the bound holds for
/// numbers written with a point or an exponent too.
pub(crate) const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// Whether a number is finite and within ±(2^53−1).
pub(crate) fn is_in_range(value: &Value<'_>) -> bool {
    match value {
        Value::Integer(integer) => integer.unsigned_abs() <= INTEGER_MAX as u64,
        Value::Float(float) => float.abs() <= INTEGER_MAX as f64,
        _ => true,
    }
}

/// Appends `text` in quotes, escaped as RFC 8785 §3.2.2.2: the short forms where JSON has them, `\u00xx` in lower case
/// for the other control characters, everything else as it is.
pub(crate) fn push_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        push_escape(*byte, out);
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

/// Appends a string that was read from JSON. One that still borrows from its source had no escape there, and JSON lets
/// nothing that needs one stand unescaped, so its bytes are canonical already.
#[expect(clippy::ptr_arg, reason = "whether the text is borrowed is what it asks")]
pub(crate) fn push_read_string(text: &Cow<'_, str>, out: &mut Vec<u8>) {
    match text {
        Cow::Borrowed(text) => {
            out.reserve(text.len() + 2);
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Cow::Owned(text) => push_string(text, out),
    }
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let hex = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(hex[usize::from(byte >> 4)]);
            out.push(hex[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a finite number as ECMAScript prints it (RFC 8785 §3.2.2.3): 1.0 is `1`, −0 is `0`.
pub(crate) fn push_float(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(ryu_js::Buffer::new().format_finite(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        push_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        push_float(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_rfc_8785_says() {
        assert_eq!(string("a/b\u{7f}€\u{2028}"), "\"a/b\u{7f}€\u{2028}\"");
        assert_eq!(string("\"\\\u{8}\t\n\u{c}\r"), r#""\"\\\b\t\n\f\r""#);
        assert_eq!(string("\0\u{f}\u{1f}"), r#""\u0000\u000f\u001f""#);
    }

    #[test]
    fn numbers_print_as_rfc_8785_says() {
        for (value, printed) in [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (1e3, "1000"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (0.000_001, "0.000001"),
            (333_333_333.333_333_3, "333333333.3333333"),
        ] {
            assert_eq!(float(value), printed);
        }
    }
}

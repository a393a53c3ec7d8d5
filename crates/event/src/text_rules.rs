//! Rules for single texts.

use crate::Limits;
use crate::violation::{Violation, rule};

/// An identifier is not empty, not longer than the limit and free of control characters (C0, DEL, C1): it is compared,
/// printed on terminals and put into file names.
pub(crate) fn identifier(text: &str, bytes_max: usize) -> Result<(), (&'static str, String)> {
    if text.is_empty() {
        return Err((rule::EMPTY, "is empty; give a value or leave it out".to_owned()));
    }
    if text.len() > bytes_max {
        return Err((rule::TOO_LONG, too_long(text.len(), bytes_max)));
    }
    // A byte below 0x20, DEL or the lead byte of C1 is the cheap sign that the characters need a look.
    // Without an early end the compiler makes it a few wide instructions.
    let suspicious = text.bytes().fold(0, |found, byte| {
        found | u8::from(byte < 0x20) | u8::from(byte == 0x7f) | u8::from(byte == 0xc2)
    });
    if suspicious != 0 && text.chars().any(char::is_control) {
        return Err((
            rule::CONTROL_CHARACTER,
            "has a control character, which no identifier may have".to_owned(),
        ));
    }
    Ok(())
}

/// What is wrong with `text` as an identifier, as a violation of `member`.
pub fn identifier_violation(member: &str, text: &str, limits: &Limits) -> Option<Violation> {
    let (rule, message) = identifier(text, limits.identifier_bytes_max).err()?;
    Some(Violation::new(member, rule, message))
}

pub(crate) fn too_long(bytes: usize, bytes_max: usize) -> String {
    format!("is {bytes} bytes long; at most {bytes_max} are accepted")
}

/// Canonical base64 (RFC 4648 §4) of at least one byte: standard alphabet, padding, and no stray bits before it. Without
/// the last rule two texts would stand for the same bytes.
pub(crate) fn is_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(4) {
        return false;
    }
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = &bytes[..bytes.len() - padding.min(2)];
    let Some(last) = digits.iter().map(|byte| base64_value(*byte)).try_fold(0, |_, value| value) else {
        return false;
    };
    // Each `=` stands for two bits of the last digit that belong to no byte.
    padding <= 2 && last.trailing_zeros() as usize >= 2 * padding
}

fn base64_value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_base64_is_base64() {
        for good in ["AA==", "AAA=", "AAAA", "/+8=", "c2VhbGVk"] {
            assert!(is_base64(good), "{good}");
        }
        for bad in
            ["", "A", "AA", "AAA", "A===", "====", "AB==", "AAB=", "AA=A", "A_A=", "AAAA====", "AA==AAAA"]
        {
            assert!(!is_base64(bad), "{bad}");
        }
    }

    #[test]
    fn an_identifier_has_no_control_character_of_any_plane() {
        assert_eq!(identifier("naïve ↑ id", 256), Ok(()));
        for bad in ["a\nb", "\0", "a\u{7f}", "\u{85}"] {
            assert_eq!(identifier(bad, 256).unwrap_err().0, rule::CONTROL_CHARACTER);
        }
        assert_eq!(identifier("", 256).unwrap_err().0, rule::EMPTY);
        assert_eq!(identifier("12345", 4).unwrap_err().0, rule::TOO_LONG);
    }
}

//! Identifiers within the format's bounds, however dirty the source.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// Bytes of an identifier in an event.
const BYTES_MAX: usize = 256;

/// Hexadecimal digits of the hash: 128 bits, so two long values never meet by chance.
const HASH_DIGITS: usize = 32;

/// The value itself if it is a valid identifier. Otherwise its beginning, control characters as spaces, then `…` and
/// the first 32 hexadecimal digits of the whole value's SHA-256: equal values stay equal, different ones different.
/// An error instead would keep a whole record out of the ledger for one dirty value that its metadata holds anyway.
pub(crate) fn fit(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= BYTES_MAX && !value.contains(char::is_control) {
        return value;
    }
    let room = BYTES_MAX - '…'.len_utf8() - HASH_DIGITS;
    let end = (0..=room.min(value.len())).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
    let beginning = value[..end].replace(char::is_control, " ");
    let hash = sha256_hex(value.as_bytes());
    Cow::Owned(format!("{}…{}", beginning.trim(), &hash[..HASH_DIGITS]))
}

/// SHA-256 as 64 lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_at_the_limit_is_untouched() {
        let value = "x".repeat(BYTES_MAX);
        assert_eq!(fit(Cow::Borrowed(&value)), value);
    }

    #[test]
    fn a_long_identifier_keeps_its_beginning_and_ends_in_a_hash_of_the_whole() {
        let (first, second) = ("é".repeat(129) + "1", "é".repeat(129) + "2");
        let (first, second) = (fit(Cow::Borrowed(&first)), fit(Cow::Borrowed(&second)));
        assert!(first.len() <= BYTES_MAX && second.len() <= BYTES_MAX);
        assert!(first.starts_with("ééé") && first != second);
    }

    #[test]
    fn control_characters_leave_no_trace_but_the_hash() {
        let fitted = fit(Cow::Borrowed("SeDebug\r\n\tSeBackup\u{85}"));
        assert_eq!(
            fitted,
            format!("SeDebug   SeBackup…{}", &sha256_hex("SeDebug\r\n\tSeBackup\u{85}".as_bytes())[..32])
        );
    }
}

//! Substring search that does not care for case.
//!
//! Case is folded character by character with the default lower-case mapping of Unicode, without looking at the
//! characters around (so `Σ` is always `σ`): the same text always folds the same, wherever it stands.

use std::fmt;

use memchr::memchr2_iter;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needle {
    given: Box<str>,
    folded: Box<str>,
    /// The folded text stands in a line as it is: ASCII that JSON does not escape.
    is_plain: bool,
}

impl Needle {
    pub(crate) fn new(text: &str) -> Self {
        let folded = fold(text);
        let is_plain =
            folded.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
        Self { given: text.into(), folded: folded.into(), is_plain }
    }

    /// The text as it was given.
    pub(crate) fn given(&self) -> &str {
        &self.given
    }

    /// The text as it is compared: two needles that fold the same find the same.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether a text contains it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() {
            return self.folded.is_ascii() && contains_ascii(text.as_bytes(), self.folded.as_bytes());
        }
        fold(text).contains(self.folded.as_ref())
    }

    /// Whether any string value of a line contains it. Names of members do not count.
    pub(crate) fn is_in_line(&self, line: &[u8]) -> bool {
        // A scan of the bytes settles most lines. It may find what is no string value, never miss one; but in a line
        // with other characters than ASCII it could (the Kelvin sign folds to `k`), so those are always read.
        if self.is_plain && line.is_ascii() && !contains_ascii(line, self.folded.as_bytes()) {
            return false;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        Search(self).deserialize(&mut deserializer).unwrap_or(false)
    }
}

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether ASCII `text` contains `folded`, which is ASCII in lower case.
fn contains_ascii(text: &[u8], folded: &[u8]) -> bool {
    let Some((first, rest)) = folded.split_first() else { return true };
    let Some(last_start) = text.len().checked_sub(folded.len()) else { return false };
    memchr2_iter(*first, first.to_ascii_uppercase(), &text[..=last_start])
        .any(|at| text[at + 1..at + folded.len()].eq_ignore_ascii_case(rest))
}

/// Reads a JSON value and answers whether a string in it contains the needle.
#[derive(Clone, Copy)]
struct Search<'n>(&'n Needle);

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(self.0.is_in(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(here) = access.next_element_seed(self)? {
            found |= here;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<bool, A::Error> {
        let mut found = false;
        while access.next_key::<IgnoredAny>()?.is_some() {
            found |= access.next_value_seed(self)?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_in_every_script() {
        assert!(Needle::new("GRÜN").is_in("immergrün"));
        assert!(Needle::new("ΟΔΟΣ").is_in("οδοσ"));
        assert!(Needle::new("kelvin").is_in("\u{212a}elvin"));
        assert!(!Needle::new("kelvin").is_in("elvin"));
        assert!(Needle::new("B").is_in("abc"));
    }

    #[test]
    fn only_string_values_are_searched() {
        let line = br#"{"member":"Some \"Quoted\" text","n":12345,"deep":[{"x":"K\u00e9vin"}]}"#;
        for found in ["quoted", "\"QUOTED\" t", "kÉvin", "some"] {
            assert!(Needle::new(found).is_in_line(line), "{found}");
        }
        for missing in ["member", "12345", "deep", "u00e9", "\":\""] {
            assert!(!Needle::new(missing).is_in_line(line), "{missing}");
        }
    }
}

//! Where the items of a JSON array begin and end, found without reading what is in them.
//!
//! What is inside an item is for whoever parses it, within that item's bounds. So an array costs one look at each byte
//! and 16 bytes of memory, however deep it is nested: nothing is paid for a body before its bounds are checked.

use memchr::memchr2;

/// Objects and arrays within each other whose brackets are held against each other. A parser gives up there anyway.
const DEPTH_CHECKED: usize = 128;

/// What an array was found to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split<'a> {
    /// Its items, without the white space around them. Whether they are JSON is not known yet.
    Items(Vec<&'a [u8]>),
    /// It has more items than wanted.
    TooMany,
    /// It does not end, and the item at this position is nested deeper than anything that is parsed.
    TooDeep(usize),
    /// It is no JSON.
    Broken,
}

/// What is white space in JSON (RFC 8259, section 2), and nothing else.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] | [rest @ .., b' ' | b'\t' | b'\n' | b'\r'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Splits an array, given with its brackets, into at most `items_max` items.
pub(super) fn split(array: &[u8], items_max: usize) -> Split<'_> {
    let Some(inside) = trim(array).strip_prefix(b"[") else { return Split::Broken };
    let mut scan = Scan { items: Vec::new(), depth: 0, kinds: 0, is_too_deep: false };
    let (mut start, mut at) = (0, 0);
    while let Some(byte) = inside.get(at) {
        match byte {
            b'"' => match after_string(inside, at + 1) {
                Some(after) => {
                    at = after;
                    continue;
                }
                None => break,
            },
            b'[' => scan.open(false),
            b'{' => scan.open(true),
            b',' if scan.depth == 0 => {
                let item = trim(&inside[start..at]);
                if item.is_empty() {
                    return Split::Broken;
                }
                scan.items.push(item);
                if scan.items.len() > items_max {
                    return Split::TooMany;
                }
                start = at + 1;
            }
            b']' if scan.depth == 0 => {
                return scan.end(trim(&inside[start..at]), &inside[at + 1..], items_max);
            }
            b']' | b'}' if !scan.close(*byte == b'}') => break,
            _ => {}
        }
        at += 1;
    }
    scan.broken()
}

struct Scan<'a> {
    items: Vec<&'a [u8]>,
    depth: usize,
    /// A bit for each level, the innermost lowest: 1 for an object.
    kinds: u128,
    is_too_deep: bool,
}

impl<'a> Scan<'a> {
    fn open(&mut self, is_object: bool) {
        self.depth += 1;
        if self.depth <= DEPTH_CHECKED {
            self.kinds = self.kinds << 1 | u128::from(is_object);
        } else {
            self.is_too_deep = true;
        }
    }

    /// Whether there is something of this kind to close.
    fn close(&mut self, is_object: bool) -> bool {
        if self.depth == 0 {
            return false;
        }
        if self.depth <= DEPTH_CHECKED {
            if (self.kinds & 1 == 1) != is_object {
                return false;
            }
            self.kinds >>= 1;
        }
        self.depth -= 1;
        true
    }

    fn end(mut self, last: &'a [u8], rest: &[u8], items_max: usize) -> Split<'a> {
        let is_empty = last.is_empty() && self.items.is_empty();
        if !trim(rest).is_empty() || (last.is_empty() && !is_empty) {
            return self.broken();
        }
        if !is_empty {
            self.items.push(last);
        }
        if self.items.len() > items_max { Split::TooMany } else { Split::Items(self.items) }
    }

    fn broken(self) -> Split<'a> {
        if self.is_too_deep { Split::TooDeep(self.items.len()) } else { Split::Broken }
    }
}

/// The place after the string whose first character is at `at`.
fn after_string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(array: &str) -> Option<Vec<&str>> {
        match split(array.as_bytes(), 9) {
            Split::Items(items) => {
                Some(items.into_iter().map(|item| std::str::from_utf8(item).unwrap()).collect())
            }
            _ => None,
        }
    }

    #[test]
    fn items_are_found_whatever_is_in_them() {
        assert_eq!(texts("[]"), Some(vec![]));
        assert_eq!(texts(" [ \r\n] \n"), Some(vec![]));
        assert_eq!(texts("[1]"), Some(vec!["1"]));
        assert_eq!(
            texts(r#" [ {"a": [1,2]} , [3,{}],"]","\"],", "\\" ] "#),
            Some(vec![r#"{"a": [1,2]}"#, "[3,{}]", r#""]""#, r#""\"],""#, r#""\\""#])
        );
        // Not JSON, and for the parser of the item to refuse.
        assert_eq!(texts("[1 2,\u{c}]"), Some(vec!["1 2", "\u{c}"]));
    }

    #[test]
    fn what_does_not_end_or_does_not_match_is_broken() {
        for broken in [
            "", "x", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1]]", "[1] x", "[{]", "[[}]", "[}",
            "[\"]", "[\"\\\"]", "[\"\\",
        ] {
            assert_eq!(split(broken.as_bytes(), 9), Split::Broken, "{broken}");
        }
    }

    #[test]
    fn more_items_than_wanted_are_not_looked_at() {
        assert_eq!(split(b"[1,2]", 2), Split::Items(vec![b"1", b"2"]));
        assert_eq!(split(b"[1,2,3]", 2), Split::TooMany);
        assert_eq!(split(b"[1,2,3, broken", 2), Split::TooMany);
    }

    #[test]
    fn depth_costs_nothing_and_is_told_apart_from_damage() {
        let deep = |open: usize, close: usize| format!("[1,{}{}]", "[".repeat(open), "]".repeat(close));
        assert!(matches!(split(deep(1_000, 1_000).as_bytes(), 9), Split::Items(items) if items.len() == 2));
        assert_eq!(split(deep(1_000, 998).as_bytes(), 9), Split::TooDeep(1));
        assert_eq!(split(deep(DEPTH_CHECKED + 1, 0).as_bytes(), 9), Split::TooDeep(1));
        assert_eq!(split(deep(DEPTH_CHECKED, 0).as_bytes(), 9), Split::Broken);
    }

    #[test]
    fn only_the_white_space_of_json_is_trimmed() {
        assert_eq!(trim(b" \t\r\n a b \n"), b"a b");
        assert_eq!(trim(b"\x0ca\x0b"), b"\x0ca\x0b");
        assert_eq!(trim(b"  "), b"");
    }
}

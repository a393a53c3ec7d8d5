//! Bytes that are no JSON.

use super::dice::Dice;
use super::event_kinds::good;

/// An event with these bytes in place of a member's value.
fn with_value(dice: &mut Dice, value: &[u8]) -> Vec<u8> {
    let mut event = good(dice);
    event.set("metadata", "{\"a\":@}");
    let text = event.text();
    let (before, after) = text.split_once('@').unwrap_or_default();
    [before.as_bytes(), value, after.as_bytes()].concat()
}

fn with_any(dice: &mut Dice, values: &[&[u8]]) -> Vec<u8> {
    let value = dice.pick(values);
    with_value(dice, value)
}

pub(super) type SyntaxKind = (&'static str, fn(&mut Dice) -> Vec<u8>);

/// None of them has a line feed, so that each is one line too, and none is blank.
pub(super) const SYNTAX_KINDS: &[SyntaxKind] = &[
    ("bad UTF-8", |dice| {
        let bad: &[&[u8]] = &[
            b"\"\xff\"",
            b"\"\xc0\xaf\"",
            b"\"\xe2\x82\"",
            b"\"\xed\xa0\x80\"",
            b"\"\xf5\x80\x80\x80\"",
            b"\"\x80\"",
            b"\"\xc3(\"",
            b"\xc2\xa01",
        ];
        with_any(dice, bad)
    }),
    ("NUL and other control characters", |dice| {
        let bad: &[&[u8]] =
            &[b"\"\0\"", b"\"a\tb\"", b"\"a\rb\"", b"\"\x1b[2J\"", b"\0", b"\x0c1", b"1\x0b", b"\"\x1f\""];
        with_any(dice, bad)
    }),
    ("lone surrogate", |dice| {
        let bad: &[&[u8]] = &[
            br#""\ud800""#,
            br#""\udc00""#,
            br#""\ud83d\n""#,
            br#""\ud83d\u0041""#,
            br#""\udbff\udbff""#,
            br#"{"\ud800":1}"#,
        ];
        with_any(dice, bad)
    }),
    ("bad escape", |dice| {
        let bad: &[&[u8]] =
            &[br#""\x41""#, br#""\u12""#, br#""\u{41}""#, br#""\'""#, br#""\u00g0""#, br#""\0""#];
        with_any(dice, bad)
    }),
    ("NaN and Infinity", |dice| {
        let bad: &[&[u8]] = &[b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"-NaN", b"undefined"];
        with_any(dice, bad)
    }),
    ("number that is none", |dice| {
        let bad: &[&[u8]] =
            &[b"01", b"+1", b".5", b"1.", b"0x10", b"1e", b"1e+", b"--1", b"1_000", b"1,5", b"-", b"00"];
        with_any(dice, bad)
    }),
    ("exponent out of range", |dice| {
        let exponent = dice.number(400, 1 << 40);
        let sign = dice.pick(&["", "-"]);
        with_value(dice, format!("{sign}1e{exponent}").as_bytes())
    }),
    ("comment", |dice| {
        let bad: &[&[u8]] = &[b"/* a */1", b"1// a", b"#1", b"1 -- a", b"<!-- -->1"];
        with_any(dice, bad)
    }),
    ("single quotes", |dice| {
        let bad: &[&[u8]] = &[b"'a'", b"{'a':1}", b"`a`", "\u{201c}a\u{201d}".as_bytes()];
        with_any(dice, bad)
    }),
    ("misplaced comma or colon", |dice| {
        let bad: &[&[u8]] =
            &[b"[1,]", b"{\"a\":1,}", b"[,1]", b"[1 2]", b"{\"a\" 1}", b"{\"a\":}", b"{,}", b"{\"a\"::1}"];
        with_any(dice, bad)
    }),
    ("unquoted word", |dice| {
        let bad: &[&[u8]] = &[b"yes", b"True", b"None", b"{a:1}", b"tru", b"nulll", b"{1:1}"];
        with_any(dice, bad)
    }),
    ("cut off", |dice| {
        let text = good(dice).text();
        let end = dice.number(1, text.len());
        text.as_bytes()[..end].to_vec()
    }),
    ("trailing garbage", |dice| {
        let text = good(dice).text();
        let rest = dice.pick(&["}", "]", ",", "x", "{}", "\0", ";", " 1", "\u{feff}"]);
        format!("{text}{rest}").into_bytes()
    }),
    ("byte order mark", |dice| format!("\u{feff}{}", good(dice).text()).into_bytes()),
    ("UTF-16", |dice| {
        let text = good(dice).text();
        let (is_little, has_mark) = (dice.number(0, 2) == 0, dice.number(0, 2) == 0);
        let mark = has_mark.then_some(0xfeff_u16);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect()
    }),
];

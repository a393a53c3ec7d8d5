//! Writes JSON text straight into a buffer: no value tree, which is what makes the traffic faster than its readers.

use chrono::{DateTime, Datelike, Timelike};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A JSON object being written. Every string given to it must need no escaping; the vocabulary has none that does.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(bytes);
        buffer.push(b'{');
        Self { bytes: buffer }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'}');
        self.bytes
    }

    fn name(&mut self, name: &str) {
        if !matches!(self.bytes.last(), Some(b'{' | b'[')) {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        self.string_with(name, |writer| writer.text(value));
    }

    /// A string member whose value is written in pieces.
    pub(crate) fn string_with(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.name(name);
        self.bytes.push(b'"');
        value(self);
        self.bytes.push(b'"');
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.decimal(value);
    }

    pub(crate) fn boolean(&mut self, name: &str, value: bool) {
        self.name(name);
        self.text(if value { "true" } else { "false" });
    }

    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.bytes.push(b'{');
        members(self);
        self.bytes.push(b'}');
    }

    /// An array of exactly one object.
    pub(crate) fn object_in_array(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.bytes.extend_from_slice(b"[{");
        members(self);
        self.bytes.extend_from_slice(b"}]");
    }

    pub(crate) fn text(&mut self, text: &str) {
        debug_assert!(text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\'));
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn decimal(&mut self, value: u64) {
        let mut digits = [0_u8; 20];
        let mut start = digits.len();
        let mut rest = value;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(&digits[start..]);
    }

    /// The lowest `digits` (at most 16) hexadecimal digits of `value`.
    pub(crate) fn hex(&mut self, value: u64, digits: usize) {
        let mut text = [0_u8; 16];
        for (index, byte) in text[..digits].iter_mut().enumerate() {
            *byte = HEX[(value >> (4 * (digits - 1 - index))) as usize & 15];
        }
        self.bytes.extend_from_slice(&text[..digits]);
    }

    /// A `UUIDv7` (RFC 9562 §5.7): 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits.
    pub(crate) fn uuid_v7(&mut self, unix_micros: i64, random: [u64; 2]) {
        let millis = (unix_micros / 1_000) as u64;
        let variant = (random[1] & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        self.hex(millis >> 16, 8);
        self.text("-");
        self.hex(millis, 4);
        self.text("-7");
        self.hex(random[0], 3);
        self.text("-");
        self.hex(variant >> 48, 4);
        self.text("-");
        self.hex(variant, 12);
    }

    /// RFC 3339 in UTC with six fraction digits. `unix_micros` must lie in the years 0000..=9999.
    pub(crate) fn time(&mut self, unix_micros: i64) {
        let time = DateTime::from_timestamp_micros(unix_micros).unwrap_or_default();
        self.padded(time.year_ce().1, 4);
        self.text("-");
        self.padded(time.month(), 2);
        self.text("-");
        self.padded(time.day(), 2);
        self.text("T");
        self.padded(time.hour(), 2);
        self.text(":");
        self.padded(time.minute(), 2);
        self.text(":");
        self.padded(time.second(), 2);
        self.text(".");
        self.padded(time.nanosecond() / 1_000, 6);
        self.text("Z");
    }

    pub(crate) fn padded(&mut self, value: u32, width: usize) {
        let mut digits = [b'0'; 10];
        let mut rest = value;
        for digit in digits[..width].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.bytes.extend_from_slice(&digits[..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_separated_by_commas_at_every_level() {
        let mut writer = Writer::with_capacity(64);
        writer.number("a", 0);
        writer.object("b", |writer| {
            writer.boolean("c", true);
            writer.string("d", "");
        });
        writer.object_in_array("e", |writer| writer.number("f", u64::MAX));
        writer.string_with("t", |writer| writer.time(1_763_777_580_000_042));
        let text = String::from_utf8(writer.finish()).unwrap();
        assert_eq!(
            text,
            r#"{"a":0,"b":{"c":true,"d":""},"e":[{"f":18446744073709551615}],"t":"2025-11-22T02:13:00.000042Z"}"#
        );
    }

    #[test]
    fn a_uuid_carries_its_milliseconds_version_and_variant() {
        let mut writer = Writer::with_capacity(64);
        writer
            .string_with("id", |writer| writer.uuid_v7(0x0123_4567_89AB * 1_000 + 999, [u64::MAX, u64::MAX]));
        let text = String::from_utf8(writer.finish()).unwrap();
        assert_eq!(text, r#"{"id":"01234567-89ab-7fff-bfff-ffffffffffff"}"#);
    }
}

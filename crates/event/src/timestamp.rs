//! Points in time and UTC days.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::calendar::{self, Date};
use crate::digits;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;
const MICROS_MIN: i64 = -62_135_596_800_000_000; // 0001-01-01T00:00:00Z
const MICROS_MAX: i64 = 253_402_300_799_999_999; // 9999-12-31T23:59:59.999999Z

/// Bytes of a timestamp as it prints: `2026-11-22T01:33:00.123456Z`.
const PRINTED_BYTES: usize = 27;

/// A point in time: microseconds since the Unix epoch, UTC, in the years 0001 to 9999.
///
/// Prints as RFC 3339 with exactly six fractional digits and `Z`, so the order of the texts is the order of the times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a timestamp. The text itself is not repeated: the caller knows where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimestampError(&'static str);

const FORM: TimestampError = TimestampError(
    "is not an RFC 3339 date-time with an offset, such as 2026-11-22T01:33:00.123456Z or 2026-11-22T02:33:00+01:00",
);
const NOT_REAL: TimestampError = TimestampError("names a day, time or offset that does not exist");
const LEAP_SECOND: TimestampError =
    TimestampError("has second 60; leap seconds are not kept, send second 59 or the next minute");
const RANGE: TimestampError = TimestampError("is outside the years 0001 to 9999 in UTC");

impl Timestamp {
    /// The earliest timestamp, 0001-01-01T00:00:00.000000Z.
    pub const MIN: Self = Self(MICROS_MIN);
    /// The latest timestamp, 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(MICROS_MAX);

    /// From microseconds since the Unix epoch; `None` outside the years 0001 to 9999.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < MICROS_MIN || micros > MICROS_MAX { None } else { Some(Self(micros)) }
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 date-time. The offset is required, `t` and `z` may be lower case, digits beyond microseconds
    /// are cut off, and second 60 is refused.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        let text = text.as_bytes();
        let (date, rest) = text.split_at_checked(10).ok_or(FORM)?;
        let (time, rest) = rest.split_at_checked(9).ok_or(FORM)?;
        let shape = [(date[4], b'-'), (date[7], b'-'), (time[3], b':'), (time[6], b':')];
        if shape.iter().any(|(found, wanted)| found != wanted) || !matches!(time[0], b'T' | b't') {
            return Err(FORM);
        }
        let number = |digits: &[u8]| digits::read(digits).ok_or(FORM);
        let date = Date { year: number(&date[..4])?, month: number(&date[5..7])?, day: number(&date[8..])? };
        let (hour, minute, second) = (number(&time[1..3])?, number(&time[4..6])?, number(&time[7..])?);
        let (fraction_micros, offset) = fraction(rest)?;
        let offset_minutes = offset_minutes(offset)?;
        if second == 60 {
            return Err(LEAP_SECOND);
        }
        if !calendar::is_real(date) || hour > 23 || minute > 59 || second > 59 {
            return Err(NOT_REAL);
        }
        let seconds_of_day = i64::from(hour * 3_600 + minute * 60 + second);
        let seconds = calendar::day_number_of(date) * SECONDS_PER_DAY + seconds_of_day - offset_minutes * 60;
        Self::from_micros(seconds * MICROS_PER_SECOND + i64::from(fraction_micros)).ok_or(RANGE)
    }

    /// This time and `days` of 86,400 seconds; `None` when the result leaves the years 0001 to 9999.
    pub fn checked_add_days(self, days: i64) -> Option<Self> {
        self.0.checked_add(days.checked_mul(MICROS_PER_DAY)?).and_then(Self::from_micros)
    }

    /// This time less `days` of 86,400 seconds; `None` when the result leaves the years 0001 to 9999.
    pub fn checked_sub_days(self, days: i64) -> Option<Self> {
        self.0.checked_sub(days.checked_mul(MICROS_PER_DAY)?).and_then(Self::from_micros)
    }

    /// The UTC day this time lies in.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(MICROS_PER_DAY) as i32)
    }

    /// `20260422T023015Z`: to the second, for names of files and batches.
    pub fn compact(self) -> String {
        let printed = self.printed();
        let mut name = String::with_capacity(16);
        name.extend(
            printed[..19].iter().filter(|byte| !matches!(byte, b'-' | b':')).map(|byte| *byte as char),
        );
        name.push('Z');
        name
    }

    /// Appends the printed form, 27 bytes, without going through the formatting machinery.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.printed());
    }

    fn printed(self) -> [u8; PRINTED_BYTES] {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let Date { year, month, day } = calendar::date_of(self.0.div_euclid(MICROS_PER_DAY));
        let micros_of_day = self.0.rem_euclid(MICROS_PER_DAY);
        let seconds = (micros_of_day / MICROS_PER_SECOND) as u32;
        digits::fill(year, &mut text[0..4]);
        digits::fill(month, &mut text[5..7]);
        digits::fill(day, &mut text[8..10]);
        digits::fill(seconds / 3_600, &mut text[11..13]);
        digits::fill(seconds / 60 % 60, &mut text[14..16]);
        digits::fill(seconds % 60, &mut text[17..19]);
        digits::fill((micros_of_day % MICROS_PER_SECOND) as u32, &mut text[20..26]);
        text
    }
}

/// Splits what follows the seconds into microseconds and the offset.
fn fraction(rest: &[u8]) -> Result<(u32, &[u8]), TimestampError> {
    let Some(digits_and_offset) = rest.strip_prefix(b".") else { return Ok((0, rest)) };
    let count = digits_and_offset.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return Err(FORM);
    }
    let kept = count.min(6);
    let micros = digits::read(&digits_and_offset[..kept]).ok_or(FORM)? * 10_u32.pow(6 - kept as u32);
    Ok((micros, &digits_and_offset[count..]))
}

/// The offset of local time from UTC. `-00:00` (RFC 3339: local offset unknown) is UTC.
fn offset_minutes(offset: &[u8]) -> Result<i64, TimestampError> {
    match offset {
        b"Z" | b"z" => Ok(0),
        [sign @ (b'+' | b'-'), hour_tens, hour_ones, b':', minute_tens, minute_ones] => {
            let hours = digits::read(&[*hour_tens, *hour_ones]).ok_or(FORM)?;
            let minutes = digits::read(&[*minute_tens, *minute_ones]).ok_or(FORM)?;
            if hours > 23 || minutes > 59 {
                return Err(NOT_REAL);
            }
            let total = i64::from(hours * 60 + minutes);
            Ok(if *sign == b'-' { -total } else { total })
        }
        _ => Err(FORM),
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes are ASCII by construction; the fallback is never taken and costs nothing.
        formatter.pad(std::str::from_utf8(&self.printed()).unwrap_or_default())
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse_rfc3339(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an RFC 3339 date-time")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse_rfc3339(text).map_err(|error| E::custom(format_args!("the time {error}")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A UTC day. Prints as `2026-04-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// Reads `2026-04-22`, a real day of the years 0001 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        if text.len() != 10 {
            return Err(DAY_FORM);
        }
        let at_midnight = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
        at_midnight.map(Timestamp::day).map_err(|error| if error == FORM { DAY_FORM } else { error })
    }

    /// The first instant of the day.
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0) * MICROS_PER_DAY)
    }

    /// `2026/04/22`, as it stands in the keys of objects.
    pub fn path(self) -> String {
        self.joined('/')
    }

    fn joined(self, separator: char) -> String {
        let Date { year, month, day } = calendar::date_of(i64::from(self.0));
        format!("{year:04}{separator}{month:02}{separator}{day:02}")
    }
}

const DAY_FORM: TimestampError = TimestampError("is not a day such as 2026-04-22");

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.joined('-'))
    }
}

impl FromStr for Day {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse(text)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| D::Error::custom(format_args!("the day {error}")))
    }
}

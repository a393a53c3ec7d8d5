//! The beginning of a canonical line, read strictly and without parsing the rest.
//!
//! A line's members come in a fixed order: `seq`, `recorded_at`, `stream`, `event_id`, `occurred_at`,
//! optionally `started_at`, `tenant`. That is all an archive has to know of an entry, so a line is checked
//! against its object by walking these few members.

use std::ops::Range;

use event::{Day, Stream};

/// The longest line that is read, in bytes without the newline. Far above any event limit that makes
/// sense, and what bounds the memory a hostile archive can ask for.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// `2026-11-22T01:33:00.123456Z`.
pub(crate) const TIMESTAMP_BYTES: usize = 27;

/// A timestamp as it stands in a line. The order of the texts is the order of the times.
pub(crate) type TimestampText = [u8; TIMESTAMP_BYTES];

/// What a line of one object must begin with, rendered once for all its lines.
pub(crate) struct LineShape {
    day: String,
    stream_member: String,
    tenant_member: String,
}

/// The position of a line and what the manifest says about it in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineStart {
    pub(crate) seq: u64,
    pub(crate) occurred_at: TimestampText,
}

impl LineShape {
    pub(crate) fn new(stream: Stream, tenant: &str, day: Day) -> Self {
        // The escapes serde_json writes are those of RFC 8785, hence those of a line.
        let tenant_text = serde_json::Value::from(tenant).to_string();
        Self {
            day: day.to_string(),
            stream_member: format!(",\"stream\":\"{stream}\""),
            tenant_member: format!(",\"tenant\":{tenant_text},"),
        }
    }

    /// Reads the start of a line of this object; what disagrees is named.
    pub(crate) fn read(&self, line: &[u8]) -> Result<LineStart, &'static str> {
        let (seq, rest) = read_seq(line).ok_or("does not begin with its seq")?;
        let (recorded_at, rest) =
            timestamp(rest, b",\"recorded_at\":\"").ok_or("has no recorded_at after its seq")?;
        if !recorded_at.starts_with(self.day.as_bytes()) {
            return Err("was not recorded on the object's day");
        }
        let rest = rest.strip_prefix(self.stream_member.as_bytes()).ok_or("is not of the object's stream")?;
        let rest = skip_event_id(rest).ok_or("has no event_id after its stream")?;
        let (occurred_at, rest) =
            timestamp(rest, b",\"occurred_at\":\"").ok_or("has no occurred_at after its event_id")?;
        let rest = timestamp(rest, b",\"started_at\":\"").map_or(rest, |(_, rest)| rest);
        if !rest.starts_with(self.tenant_member.as_bytes()) {
            return Err("is not of the object's tenant");
        }
        if line.last() != Some(&b'}') {
            return Err("does not end its JSON object");
        }
        Ok(LineStart { seq, occurred_at })
    }
}

/// `{"seq":<digits>` in its one form.
fn read_seq(line: &[u8]) -> Option<(u64, &[u8])> {
    let rest = line.strip_prefix(b"{\"seq\":")?;
    let digits: Range<usize> = 0..rest.iter().take_while(|byte| byte.is_ascii_digit()).count().min(21);
    let (number, rest) = rest.split_at(digits.end);
    if number.len() > 1 && number[0] == b'0' || number.is_empty() {
        return None;
    }
    let seq = number
        .iter()
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some((seq, rest))
}

fn timestamp<'a>(text: &'a [u8], member: &[u8]) -> Option<(TimestampText, &'a [u8])> {
    let rest = text.strip_prefix(member)?;
    let (value, rest) = rest.split_first_chunk::<TIMESTAMP_BYTES>()?;
    let fits = value.iter().zip(b"dddd-dd-ddTdd:dd:dd.ddddddZ").all(|(byte, want)| match want {
        b'd' => byte.is_ascii_digit(),
        literal => byte == literal,
    });
    Some((*value, rest.strip_prefix(b"\"")?)).filter(|_| fits)
}

fn skip_event_id(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b",\"event_id\":\"")?;
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\\', _, after @ ..] | [_, after @ ..] => rest = after,
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"seq\":7,\"recorded_at\":\"2026-04-22T02:30:15.000001Z\",\"stream\":\"audit\",\
                        \"event_id\":\"a\\\"b\",\"occurred_at\":\"2026-04-21T00:00:00.000000Z\",\
                        \"tenant\":\"x \\\"y\\\"\",\"action\":\"a.b\"}";

    fn shape(tenant: &str) -> LineShape {
        LineShape::new(Stream::Audit, tenant, Day::parse("2026-04-22").unwrap())
    }

    #[test]
    fn a_line_gives_its_seq_and_occurred_at() {
        let start = shape("x \"y\"").read(LINE.as_bytes()).unwrap();
        assert_eq!(start.seq, 7);
        assert_eq!(&start.occurred_at, b"2026-04-21T00:00:00.000000Z");
    }

    #[test]
    fn a_completed_operation_has_started_at_before_its_tenant() {
        let line = LINE.replace(",\"tenant\"", ",\"started_at\":\"2026-04-20T00:00:00.000000Z\",\"tenant\"");
        assert_eq!(shape("x \"y\"").read(line.as_bytes()).map(|start| start.seq), Ok(7));
    }

    #[test]
    fn a_line_of_another_object_is_named_as_such() {
        assert_eq!(shape("x").read(LINE.as_bytes()), Err("is not of the object's tenant"));
        let other_day = LINE.replace("2026-04-22", "2026-04-23");
        assert_eq!(shape("x \"y\"").read(other_day.as_bytes()), Err("was not recorded on the object's day"));
        let other_stream = LINE.replace("\"audit\"", "\"tool\"");
        assert_eq!(shape("x \"y\"").read(other_stream.as_bytes()), Err("is not of the object's stream"));
    }

    #[test]
    fn a_seq_has_one_form() {
        for seq in ["07", "-7", "", "18446744073709551616", "7.0", "184467440737095516150"] {
            let line = LINE.replace("\"seq\":7", &format!("\"seq\":{seq}"));
            assert!(shape("x \"y\"").read(line.as_bytes()).is_err(), "{seq}");
        }
    }

    #[test]
    fn no_cut_of_a_line_panics_or_passes() {
        for end in 0..LINE.len() - 1 {
            assert!(shape("x \"y\"").read(&LINE.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}

//! The trace a request belongs to: <https://www.w3.org/TR/trace-context/#traceparent-header>, version 00.

use axum::http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace-id of the one valid header; `None` for anything else, which the specification wants to be passed over.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let mut parts = value.to_str().ok()?.split('-');
    let version = parts.next()?;
    let trace = parts.next().filter(|part| is_hex(part, 32) && !is_zero(part))?;
    let well_formed = version == "00"
        && parts.next().is_some_and(|parent| is_hex(parent, 16) && !is_zero(parent))
        && parts.next().is_some_and(|flags| is_hex(flags, 2))
        && parts.next().is_none();
    well_formed.then_some(trace)
}

fn is_hex(part: &str, digits: usize) -> bool {
    part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(part: &str) -> bool {
    part.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        trace_id(&headers).map(str::to_owned)
    }

    #[test]
    fn a_valid_header_names_its_trace() {
        assert_eq!(read(&[&format!("00-{TRACE}-00f067aa0ba902b7-01")]).as_deref(), Some(TRACE));
        assert_eq!(read(&[&format!("00-{TRACE}-00f067aa0ba902b7-ff")]).as_deref(), Some(TRACE));
    }

    #[test]
    fn a_header_that_is_not_valid_is_passed_over() {
        let (zeros, upper) = ("0".repeat(32), TRACE.to_uppercase());
        for refused in [
            String::new(),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("01-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{upper}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-00F067AA0BA902B7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-x"),
            format!("00-{}-00f067aa0ba902b7-01", &TRACE[1..]),
            format!("00-{TRACE}0-00f067aa0ba902b7-01"),
            format!("00-g{}-00f067aa0ba902b7-01", &TRACE[1..]),
        ] {
            assert_eq!(read(&[&refused]), None, "{refused}");
        }
        let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(read(&[&valid, &valid]), None, "which of two is meant nobody knows");
    }
}

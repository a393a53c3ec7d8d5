//! The query of a URL as names and values.

use axum::http::Uri;
use event::{Violation, rule};

use crate::failure::Failure;

/// Names and values in the order given (`application/x-www-form-urlencoded`). What does not decode to UTF-8 is refused:
/// replacing it would search for something else than was asked.
pub(crate) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Failure> {
    let query = uri.query().unwrap_or_default();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Failure::malformed("the query is not percent-encoded UTF-8"))
}

/// Refuses what is left over when all known names have been taken out.
pub(crate) fn refuse_unknown(left: &[(String, String)], accepted: &str) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let message = match accepted {
        "" => "is not a parameter; none is accepted here".to_owned(),
        accepted => format!("is not a parameter; accepted are {accepted}"),
    };
    let violation =
        |(name, _): &(String, String)| Violation::new(name.clone(), rule::UNKNOWN_MEMBER, message.clone());
    Err(Failure::query(left.iter().map(violation).collect()))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => (digit(rest.next()?)? << 4) | digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<Vec<(String, String)>> {
        pairs(&format!("/x?{query}").parse().unwrap()).ok()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn names_and_values_are_decoded_in_order() {
        assert_eq!(
            read("a=1&b=%C3%A9+x&a=2&&c"),
            Some(vec![pair("a", "1"), pair("b", "é x"), pair("a", "2"), pair("c", ""),])
        );
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read("t=2026-01-01T00:00:00%2B02:00"), Some(vec![pair("t", "2026-01-01T00:00:00+02:00")]));
    }

    #[test]
    fn what_does_not_decode_is_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%ff", "%+1=a"] {
            assert_eq!(read(query), None, "{query}");
        }
    }
}

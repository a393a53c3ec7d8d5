//! W3C Trace Context, level 1 (<https://www.w3.org/TR/trace-context/>).

use crate::error::ConfigurationError;

/// A `traceparent` of version 00 is passed on as it is; anything else is refused, because a server has to ignore it.
pub(crate) fn check(text: &str) -> Result<(), ConfigurationError> {
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    match text.split('-').collect::<Vec<_>>().as_slice() {
        ["00", trace, parent, flags]
            if is_hex(trace, 32)
                && is_hex(parent, 16)
                && is_hex(flags, 2)
                && !is_zero(trace)
                && !is_zero(parent) =>
        {
            Ok(())
        }
        _ => Err(ConfigurationError::new("this is no traceparent of W3C Trace Context, version 00")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_traceparent_of_the_specification_is_taken() {
        assert!(check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").is_ok());
        for refused in [
            "",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX: y",
        ] {
            assert!(check(refused).is_err(), "{refused:?}");
        }
    }
}

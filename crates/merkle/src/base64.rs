//! Canonical standard base64 (RFC 4648 section 4, with padding).
//!
//! One byte string has exactly one accepted text. Were two texts accepted for the same bytes, a signed note
//! could be changed without its signature failing, and two copies of one proof could differ.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

/// A text that does not encode what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Not base64, or not the one canonical way to write those bytes.
    #[error("not canonical base64")]
    Base64,
    /// Not 64 lower-case hexadecimal digits.
    #[error("not 64 lower-case hexadecimal digits")]
    Hex,
    /// Decoded to another number of bytes than the value has.
    #[error("decodes to {found} bytes instead of {expected}")]
    Length {
        /// Bytes the value has.
        expected: usize,
        /// Bytes the text decoded to.
        found: usize,
    },
}

/// Encodes bytes as padded standard base64.
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes padded standard base64 and refuses every text but the canonical one.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, EncodingError> {
    let bytes = STANDARD.decode(text).map_err(|_| EncodingError::Base64)?;
    // The decoder is strict already; encoding again makes the promise independent of its configuration.
    if STANDARD.encode(&bytes) == text { Ok(bytes) } else { Err(EncodingError::Base64) }
}

/// Decodes a text of exactly `LENGTH` bytes without an allocation, so that no copy of a secret is left behind unwiped.
pub(crate) fn decode_base64_into<const LENGTH: usize>(
    text: &str,
    bytes: &mut [u8; LENGTH],
) -> Result<(), EncodingError> {
    match STANDARD.decode_slice(text, bytes) {
        Ok(found) if found == LENGTH => Ok(()),
        Ok(found) => Err(EncodingError::Length { expected: LENGTH, found }),
        Err(_) => Err(EncodingError::Base64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_inverts_encoding() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert_eq!(decode_base64(&encode_base64(&bytes)), Ok(bytes));
        }
    }

    #[test]
    fn only_the_canonical_text_is_accepted() {
        assert_eq!(decode_base64("AQ=="), Ok(vec![1]));
        for text in ["AQ", "AQ=", "AR==", "AQ==\n", " AQ==", "AQ== ", "A", "AQ===", "_-8=", "AQ==AQ=="] {
            assert_eq!(decode_base64(text), Err(EncodingError::Base64), "{text:?}");
        }
    }
}

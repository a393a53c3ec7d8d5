//! SHA-256 tree hashes as RFC 6962 section 2.1 defines them.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::base64::{EncodingError, decode_base64, encode_base64};

/// RFC 6962 separates leaves from nodes by this first byte, so that a node can never be shown as a leaf.
const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;

/// A SHA-256 hash of a leaf, a node or a whole tree. Prints as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; Hash::LENGTH]);

impl Hash {
    /// Length of a hash in bytes.
    pub const LENGTH: usize = 32;

    /// The canonical base64 text, 44 characters, as checkpoints and proofs write it.
    pub fn to_base64(&self) -> String {
        encode_base64(&self.0)
    }

    /// Reads the canonical base64 text of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, EncodingError> {
        Self::from_slice(&decode_base64(text)?)
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, EncodingError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != Self::LENGTH || !rest.is_empty() {
            return Err(EncodingError::Hex);
        }
        let mut bytes = [0; Self::LENGTH];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
        }
        Ok(Self(bytes))
    }

    /// Takes exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, EncodingError> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| EncodingError::Length { expected: Self::LENGTH, found: bytes.len() })
    }
}

fn hex_digit(digit: u8) -> Result<u8, EncodingError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(EncodingError::Hex),
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Every receipt prints one: a table is ten times as fast as formatting byte by byte.
        let mut hex = [0; 2 * Self::LENGTH];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        formatter.write_str(std::str::from_utf8(&hex).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The hash of a leaf: SHA-256(0x00 ‖ line). Does not allocate.
pub fn leaf_hash(line: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([LEAF_PREFIX]).chain_update(line).finalize().into())
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right). Does not allocate.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [NODE_PREFIX; 1 + 2 * Hash::LENGTH];
    input[1..=Hash::LENGTH].copy_from_slice(&left.0);
    input[1 + Hash::LENGTH..].copy_from_slice(&right.0);
    Hash(Sha256::digest(input).into())
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_rfc_6962() {
        let known = |hex| Hash::from_hex(hex).unwrap();
        assert_eq!(empty_root(), known("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        assert_eq!(leaf_hash(b""), known("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"));
        assert_eq!(
            node_hash(&leaf_hash(b""), &leaf_hash(b"\x00")),
            known("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")
        );
    }

    #[test]
    fn texts_round_trip() {
        let hash = leaf_hash(b"line");
        assert_eq!(Hash::from_hex(&hash.to_string()), Ok(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
        assert_eq!(format!("{hash:?}"), hash.to_string());
    }

    #[test]
    fn other_spellings_are_refused() {
        let hex = leaf_hash(b"line").to_string();
        for text in [&hex[1..], &hex.to_uppercase(), &format!("{hex}0"), &format!("{hex}00"), "", "é"] {
            assert_eq!(Hash::from_hex(text), Err(EncodingError::Hex), "{text:?}");
        }
        assert_eq!(
            Hash::from_base64(&encode_base64(&[7; 31])),
            Err(EncodingError::Length { expected: 32, found: 31 })
        );
    }
}

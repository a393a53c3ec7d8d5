//! C2SP signed notes with Ed25519 keys, and the checkpoints written as such notes.

mod checkpoint;
mod error;
mod key_ring;
mod signed;
mod signer;
mod verifier;

pub use checkpoint::{Checkpoint, check_origin};
pub use error::NoteError;
pub use key_ring::{KeyRing, KeyRingError};
pub use signed::Note;
pub use signer::NoteSigner;
pub use verifier::VerifierKey;

/// The C2SP signature type of Ed25519 over the note's text. Part of what a key id is the hash of.
const ED25519_TYPE: u8 = 0x01;

/// Bytes of the key id before a signature.
const KEY_ID_LENGTH: usize = 4;

/// Begins a signature line: em dash, space.
const SIGNATURE_PREFIX: &str = "— ";

/// What C2SP asks of every key name, also of keys nobody here knows.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|character: char| character.is_whitespace() || character == '+')
}

/// A note holds no control character below U+0020 but the newline.
fn has_forbidden_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}

/// Reads a decimal number the one way it is written: no sign, no leading zero.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// Reads a key id as keys spell it: 8 lower-case hexadecimal digits.
fn parse_key_id(text: &str) -> Option<u32> {
    let canonical = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if canonical { u32::from_str_radix(text, 16).ok() } else { None }
}

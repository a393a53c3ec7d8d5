//! Idempotency keys.
//!
//! A key is 16 bytes. Where the event id is a `UUIDv7` its 6 bytes of milliseconds come first, then 10 bytes of hash: ids
//! that are ordered in time give keys that are ordered in time, so the key index is appended to rather than hit at
//! random, which is what makes it cheap at hundreds of millions of keys. Any other id gives 16 bytes of hash.
//!
//! The hash is SHA-256 over the parts, each with its length in bytes before it as a big-endian u32:
//! (`e`, tenant, `event_id`) or (`x`, tenant, source, `external_id`).

use sha2::{Digest, Sha256};

use crate::EntryFields;

/// The first 16 bytes that identify an event among all of the ledger's.
pub type Key16 = [u8; 16];

/// Both keys of one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Of tenant and `event_id`; `None` while no id has been assigned.
    pub event: Option<Key16>,
    /// Of tenant, source and `external_id`; `None` without an `external_id`.
    pub external: Option<Key16>,
}

impl Keys {
    pub(crate) fn new(tenant: &str, event_id: Option<&str>, external: Option<(&str, &str)>) -> Self {
        Self {
            event: event_id.map(|event_id| event_key(tenant, event_id)),
            external: external.map(|(source, external_id)| hashed(&["x", tenant, source, external_id])),
        }
    }
}

/// The keys of an entry that is already in the ledger, the same as its event had.
pub fn keys_for_line(fields: &EntryFields<'_>) -> Keys {
    let external = fields.source.as_deref().zip(fields.external_id.as_deref());
    Keys::new(&fields.tenant, Some(&fields.event_id), external)
}

fn event_key(tenant: &str, event_id: &str) -> Key16 {
    let hash = hashed(&["e", tenant, event_id]);
    let Some(milliseconds) = uuid_v7_milliseconds(event_id) else { return hash };
    let mut key = [0; 16];
    key[..6].copy_from_slice(&milliseconds);
    key[6..].copy_from_slice(&hash[..10]);
    key
}

fn hashed(parts: &[&str]) -> Key16 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u32).to_be_bytes());
        hasher.update(part);
    }
    first_16(&hasher.finalize())
}

/// The first 16 bytes of a SHA-256.
pub(crate) fn first_16(hash: &[u8]) -> Key16 {
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    first
}

/// The milliseconds of a UUID version 7 in its 36-character form (RFC 9562 §5.7), big-endian as they stand in it.
fn uuid_v7_milliseconds(text: &str) -> Option<[u8; 6]> {
    let text = text.as_bytes();
    let hyphens = [8, 13, 18, 23];
    if text.len() != 36 || text[14] != b'7' || !matches!(text[19], b'8' | b'9' | b'a' | b'b' | b'A' | b'B') {
        return None;
    }
    for (at, byte) in text.iter().enumerate() {
        let fits = if hyphens.contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
        if !fits {
            return None;
        }
    }
    let mut milliseconds = [0; 6];
    for (byte, at) in milliseconds.iter_mut().zip([0, 2, 4, 6, 9, 11]) {
        *byte = hex_value(text[at]) << 4 | hex_value(text[at + 1]);
    }
    Some(milliseconds)
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A') + 10,
    }
}

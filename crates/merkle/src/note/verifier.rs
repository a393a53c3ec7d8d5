//! The public half of a note key.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::checkpoint::check_origin;
use super::{ED25519_TYPE, KEY_ID_LENGTH, NoteError, parse_key_id};
use crate::base64::{decode_base64, encode_base64};

/// An Ed25519 public key with its name. Written `<name>+<8 hex digits of the key id>+<base64(0x01 ‖ key)>`, which is
/// the verifier key form of the Go `note` package that C2SP signed notes come from.
#[derive(Clone)]
pub struct VerifierKey {
    name: String,
    key_id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The name must have passed [`check_origin`].
    pub(super) fn new(name: String, key: VerifyingKey) -> Self {
        let key_id = key_id(&name, key.as_bytes());
        Self { name, key_id, key }
    }

    /// Reads the written form. The name must pass [`check_origin`], and the key id must be the key's.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        // The base64 may itself contain `+`, the name may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("a verifier key is <name>+<key id>+<base64>"));
        };
        check_origin(name)?;
        let id =
            parse_key_id(id).ok_or(NoteError::Key("the key id is not 8 lower-case hexadecimal digits"))?;
        let bytes = decode_base64(key).map_err(|_| NoteError::Key("not canonical base64"))?;
        let Some((&ED25519_TYPE, bytes)) = bytes.split_first() else {
            return Err(NoteError::Key("not an Ed25519 key"));
        };
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| NoteError::Key("an Ed25519 key has 32 bytes"))?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NoteError::Key("not a point of the curve"))?;
        // Under a key of small order anybody can make signatures that verify for many texts.
        if key.is_weak() {
            return Err(NoteError::Key("a key of small order proves nothing"));
        }
        let parsed = Self::new(name.to_owned(), key);
        if parsed.key_id == id {
            Ok(parsed)
        } else {
            Err(NoteError::Key("the key id is of another key or name"))
        }
    }

    /// The key's name: for a ledger's key, the ledger's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ key), big endian. An identifier, not a fingerprint.
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// `signature` is what follows the key id on a signature line.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Result<(), NoteError> {
        let valid = Signature::from_slice(signature)
            .and_then(|signature| self.key.verify_strict(text.as_bytes(), &signature));
        valid.map_err(|_| NoteError::SignatureInvalid { name: self.name.clone(), key_id: self.key_id })
    }

    fn identity(&self) -> (&str, &[u8; 32]) {
        (&self.name, self.key.as_bytes())
    }
}

fn key_id(name: &str, key: &[u8; 32]) -> u32 {
    let digest =
        Sha256::new().chain_update(name).chain_update([b'\n', ED25519_TYPE]).chain_update(key).finalize();
    let mut id = [0; KEY_ID_LENGTH];
    id.copy_from_slice(&digest[..KEY_ID_LENGTH]);
    u32::from_be_bytes(id)
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519_TYPE];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(formatter, "{}+{:08x}+{}", self.name, self.key_id, encode_base64(&bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifierKey({self})")
    }
}

impl PartialEq for VerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for VerifierKey {}

impl PartialOrd for VerifierKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VerifierKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for VerifierKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

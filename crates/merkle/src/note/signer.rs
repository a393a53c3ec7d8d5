//! The secret half of a note key.

use std::fmt::{self, Write};

use ed25519_dalek::{Signer, SigningKey};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::checkpoint::check_origin;
use super::signed::{Note, SIGNATURES_MAX};
use super::verifier::VerifierKey;
use super::{ED25519_TYPE, NoteError, SIGNATURE_PREFIX, has_forbidden_control};
use crate::base64::{decode_base64_into, encode_base64};

const SECRET_PREFIX: &str = "PRIVATE+KEY+";

/// Bytes of an Ed25519 seed (RFC 8032 calls it the private key).
const SEED_LENGTH: usize = 32;

/// An Ed25519 key that signs notes. `Debug` never shows the key; it is wiped from memory when dropped.
pub struct NoteSigner {
    key: SigningKey,
    verifier: VerifierKey,
}

impl NoteSigner {
    /// Makes a new key from 32 bytes of `rng`. The name must pass [`check_origin`].
    pub fn generate(name: &str, rng: &mut impl CryptoRng) -> Result<Self, NoteError> {
        let mut seed = Zeroizing::new([0; SEED_LENGTH]);
        rng.fill_bytes(&mut *seed);
        Self::from_seed(name, &seed)
    }

    /// Reads what [`NoteSigner::to_secret`] wrote, without white space around it.
    pub fn from_secret(secret: &str) -> Result<Self, NoteError> {
        const FORM: NoteError = NoteError::Key("a secret key is PRIVATE+KEY+<name>+<key id>+<base64>");
        // The base64 may itself contain `+`, the name may not.
        let mut parts = secret.strip_prefix(SECRET_PREFIX).ok_or(FORM)?.splitn(3, '+');
        let (Some(name), Some(_id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM);
        };
        let mut bytes = Zeroizing::new([0; 1 + SEED_LENGTH]);
        decode_base64_into(encoded, &mut bytes)
            .map_err(|_| NoteError::Key("not the canonical base64 of 33 bytes"))?;
        let (ED25519_TYPE, seed) = (bytes[0], bytes.last_chunk().expect("33 bytes end in 32")) else {
            return Err(NoteError::Key("not an Ed25519 key"));
        };
        let signer = Self::from_seed(name, seed)?;
        // Writing it again checks the key id and every spelling at once.
        if *signer.to_secret() == secret {
            Ok(signer)
        } else {
            Err(NoteError::Key("the key id is of another key or name, or is not spelt as keys spell it"))
        }
    }

    fn from_seed(name: &str, seed: &[u8; SEED_LENGTH]) -> Result<Self, NoteError> {
        check_origin(name)?;
        let key = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name.to_owned(), key.verifying_key());
        Ok(Self { key, verifier })
    }

    /// The secret in text form: `PRIVATE+KEY+<name>+<8 hex digits of the key id>+<base64(0x01 ‖ seed)>`, as the Go
    /// `note` package writes it.
    pub fn to_secret(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([ED25519_TYPE; 1 + SEED_LENGTH]);
        bytes[1..].copy_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(encode_base64(&*bytes));
        // Reserved in full: a string that grows leaves copies of its beginning behind, unwiped.
        let length = SECRET_PREFIX.len() + self.name().len() + 10 + encoded.len();
        let mut secret = Zeroizing::new(String::with_capacity(length));
        write!(secret, "{SECRET_PREFIX}{}+{:08x}+{}", self.name(), self.verifier.key_id(), *encoded)
            .expect("writing to a string cannot fail");
        secret
    }

    /// The name of the key: for a ledger's key, the ledger's origin.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// Signs a text and gives the whole note. The text must end in a newline and hold no other control character.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Text("it does not end in a newline"));
        }
        if has_forbidden_control(text) {
            return Err(NoteError::Text("it holds a control character other than newline"));
        }
        Ok(format!("{text}\n{}", self.signature_line(text)))
    }

    /// Adds this key's signature to a note, as a rotation needs, which both keys sign. Signatures that are there are kept
    /// as they are and not verified. Refused when the note has one by this key, or 100 of them.
    pub fn countersign(&self, note: &str) -> Result<String, NoteError> {
        let parsed = Note::parse(note.as_bytes())?;
        if parsed.signed_by_name_and_id(&self.verifier) {
            let (name, key_id) = (self.name().to_owned(), self.verifier.key_id());
            return Err(NoteError::SignatureDuplicate { name, key_id });
        }
        if parsed.signature_count() >= SIGNATURES_MAX {
            return Err(NoteError::Text("the note has 100 signatures already"));
        }
        Ok(format!("{note}{}", self.signature_line(parsed.text())))
    }

    fn signature_line(&self, text: &str) -> String {
        let mut bytes = self.verifier.key_id().to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{SIGNATURE_PREFIX}{} {}\n", self.name(), encode_base64(&bytes))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NoteSigner({}+{:08x})", self.name(), self.verifier.key_id())
    }
}

//! A signed note, taken apart.

use super::{KEY_ID_LENGTH, NoteError, SIGNATURE_PREFIX, VerifierKey, has_forbidden_control, is_key_name};
use crate::base64::decode_base64;

/// Most signature lines a note may have. C2SP asks verifiers to take at least 16 and to have a limit.
pub(super) const SIGNATURES_MAX: usize = 100;

/// A note that has the form of C2SP signed-note. Nothing is known about its text until [`Note::verify`] has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SignatureLine {
    name: String,
    key_id: u32,
    signature: Vec<u8>,
}

impl SignatureLine {
    fn parse(line: &str) -> Result<Self, NoteError> {
        const FORM: NoteError = NoteError::Malformed("a signature line is not \"— <key name> <base64>\"");
        let (name, encoded) =
            line.strip_prefix(SIGNATURE_PREFIX).and_then(|rest| rest.split_once(' ')).ok_or(FORM)?;
        if !is_key_name(name) {
            return Err(NoteError::Malformed("a key name is empty or holds a space or plus"));
        }
        let bytes = decode_base64(encoded)
            .map_err(|_| NoteError::Malformed("a signature is not canonical base64"))?;
        match bytes.split_first_chunk::<KEY_ID_LENGTH>() {
            Some((id, signature)) if !signature.is_empty() => Ok(Self {
                name: name.to_owned(),
                key_id: u32::from_be_bytes(*id),
                signature: signature.to_vec(),
            }),
            _ => Err(NoteError::Malformed("a signature has fewer than 5 bytes")),
        }
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.key_id == key.key_id() && self.name == key.name()
    }
}

impl Note {
    /// Takes a note apart: strict UTF-8 without control characters other than newline, a text that ends in a newline,
    /// an empty line (the last in the note), 1 to 100 signature lines, exactly one newline at the end.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note = str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        if has_forbidden_control(note) {
            return Err(NoteError::Malformed("a control character other than newline"));
        }
        let lines = note.strip_suffix('\n').ok_or(NoteError::Malformed("no newline at the end"))?;
        if lines.ends_with('\n') {
            return Err(NoteError::Malformed("more than one newline at the end"));
        }
        let blank = lines
            .rfind("\n\n")
            .ok_or(NoteError::Malformed("no empty line between the text and the signatures"))?;
        let (text, signatures) = (&lines[..=blank], &lines[blank + 2..]);
        if signatures.split('\n').count() > SIGNATURES_MAX {
            return Err(NoteError::Malformed("more than 100 signatures"));
        }
        let signatures = signatures.split('\n').map(SignatureLine::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, with its final newline. Not to be trusted before [`Note::verify`] has passed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Gives the text if at least one of `keys` signed it.
    ///
    /// A signature that names one of `keys` must be valid, and there must not be two by one key. Signatures by other
    /// keys are ignored, as C2SP demands; see [`Note::unknown_signatures`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&str, NoteError> {
        self.signers(keys).map(|_| self.text())
    }

    /// Which of `keys` signed, in the order of the signature lines; at least one. Errors as [`Note::verify`].
    pub fn signers<'keys>(&self, keys: &'keys [VerifierKey]) -> Result<Vec<&'keys VerifierKey>, NoteError> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for line in &self.signatures {
            let mut matching = keys.iter().filter(|key| line.is_by(key));
            let Some(key) = matching.next() else { continue };
            let (name, key_id) = (line.name.clone(), line.key_id);
            if matching.any(|other| other != key) {
                return Err(NoteError::KeyAmbiguous { name, key_id });
            }
            if signers.contains(&key) {
                return Err(NoteError::SignatureDuplicate { name, key_id });
            }
            key.verify(&self.text, &line.signature)?;
            signers.push(key);
        }
        if signers.is_empty() { Err(NoteError::Unsigned) } else { Ok(signers) }
    }

    /// How many signature lines are by none of `keys`. Who accepts only notes of known making asks for 0: those lines
    /// are not covered by any signature, so anyone can add or change them.
    pub fn unknown_signatures(&self, keys: &[VerifierKey]) -> usize {
        self.signatures.iter().filter(|line| !keys.iter().any(|key| line.is_by(key))).count()
    }

    /// How many signature lines there are, 1 to 100.
    pub fn signature_count(&self) -> usize {
        self.signatures.len()
    }

    pub(super) fn signed_by_name_and_id(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|line| line.is_by(key))
    }
}

//! Checkpoints: the signed statement of a tree's size and root.

use std::fmt;

use super::{Note, NoteError, NoteSigner, VerifierKey, has_forbidden_control, parse_decimal};
use crate::hash::Hash;

/// Longest origin in bytes.
const ORIGIN_MAX_BYTES: usize = 255;

/// The text of a C2SP tlog-checkpoint. `Display` gives the note text: origin, decimal size, base64 root and the
/// extension lines, each followed by a newline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// Which ledger this is about; passes [`check_origin`].
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// RFC 6962 root of the tree of that size.
    pub root: Hash,
    /// Opaque lines after the root, none empty. C2SP recommends having none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads the text of a checkpoint, which ends in a newline. Proves nothing: see [`Checkpoint::open`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let lines = text.strip_suffix('\n').ok_or(NoteError::Checkpoint("no newline at the end"))?;
        let mut lines = lines.split('\n');
        let origin = lines.next().unwrap_or_default();
        check_origin(origin)?;
        let size = lines.next().and_then(parse_decimal).ok_or(NoteError::Checkpoint("no decimal size"))?;
        let root = lines.next().and_then(|line| Hash::from_base64(line).ok());
        let root = root.ok_or(NoteError::Checkpoint("no base64 root of 32 bytes"))?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        check_extensions(&extensions)?;
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    /// Signs this checkpoint and gives the note. The key's name must be the origin.
    pub fn sign(&self, signer: &NoteSigner) -> Result<String, NoteError> {
        if signer.name() != self.origin {
            return Err(NoteError::OriginMismatch { origin: self.origin.clone() });
        }
        check_extensions(&self.extensions)?;
        signer.sign(&self.to_string())
    }

    /// Verifies a signed checkpoint: one of `keys` with the origin as its name must have signed it. Keys with other
    /// names (a witness's, say) may be among `keys`; theirs must be valid too if they are there.
    pub fn open(note: &[u8], keys: &[VerifierKey]) -> Result<Self, NoteError> {
        Self::verify(&Note::parse(note)?, keys)
    }

    pub(super) fn verify(note: &Note, keys: &[VerifierKey]) -> Result<Self, NoteError> {
        let signers = note.signers(keys)?;
        let checkpoint = Self::parse(note.text())?;
        if signers.iter().any(|key| key.name() == checkpoint.origin) {
            Ok(checkpoint)
        } else {
            Err(NoteError::OriginMismatch { origin: checkpoint.origin })
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

fn check_extensions(extensions: &[String]) -> Result<(), NoteError> {
    if extensions.iter().any(String::is_empty) {
        return Err(NoteError::Checkpoint("an extension line is empty"));
    }
    if extensions.iter().any(|line| line.contains('\n') || has_forbidden_control(line)) {
        return Err(NoteError::Checkpoint("an extension line holds a control character"));
    }
    Ok(())
}

/// Checks the name of a ledger, which is also the name of its keys: 1 to 255 bytes, no white space, no `+`, no control
/// character, not beginning with `{`.
///
/// White space and `+` separate the parts of signature lines and keys. The text of a signed manifest begins with `{`,
/// so no checkpoint can ever be taken for a manifest or the other way round.
pub fn check_origin(origin: &str) -> Result<(), NoteError> {
    let refused = |reason| Err(NoteError::Origin(reason));
    if origin.is_empty() {
        refused("it is empty")
    } else if origin.len() > ORIGIN_MAX_BYTES {
        refused("it is longer than 255 bytes")
    } else if origin.contains(char::is_whitespace) {
        refused("it holds white space")
    } else if origin.contains('+') {
        refused("it holds a plus")
    } else if origin.contains(char::is_control) {
        refused("it holds a control character")
    } else if origin.starts_with('{') {
        refused("it begins with a brace, as manifests do")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_keep_the_characters_that_separate_out() {
        for origin in ["example.com/log42", "strongroom.invalid/0af3", "a", "é{", &"a".repeat(255)] {
            assert_eq!(check_origin(origin), Ok(()), "{origin:?}");
        }
        for origin in
            ["", "a b", "a\n", "a\u{a0}b", "a\u{2003}", "a+b", "a\u{7f}", "a\u{0}", "{a", &"a".repeat(256)]
        {
            assert!(matches!(check_origin(origin), Err(NoteError::Origin(_))), "{origin:?}");
        }
    }

    #[test]
    fn only_the_one_spelling_of_a_checkpoint_is_read() {
        let root = crate::hash::empty_root().to_base64();
        let text = format!("example.com/log\n20852163\n{root}\nextension\n");
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.extensions, ["extension"]);
        assert_eq!(checkpoint.to_string(), text);
        for size in ["", "01", "+1", "-1", " 1", "1 ", "1_0", "0x1", "18446744073709551616", "١"] {
            let text = format!("example.com/log\n{size}\n{root}\n");
            assert!(Checkpoint::parse(&text).is_err(), "{size:?}");
        }
        for text in [
            String::new(),
            "\n".to_owned(),
            "example.com/log\n1\n".to_owned(),
            format!("example.com/log\n1\n{root}"),
            format!("example.com/log\n1\n{root}\n\n"),
            format!("example.com/log\n1\n{root}\na\n\nb\n"),
            format!("example.com/log\n1\n{root} \n"),
            format!("example.com/log\n1\n{}\n", &root[..43]),
            format!("example.com/log\r\n1\n{root}\n"),
            format!("\n1\n{root}\n"),
        ] {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }
}

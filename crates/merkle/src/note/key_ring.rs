//! Which keys count for which checkpoints of one ledger.

use std::fmt;

use super::{Checkpoint, Note, NoteError, VerifierKey, parse_decimal};

/// The keys of one ledger, each with the checkpoint sizes it counts for.
///
/// After a rotation the old key keeps proving the old checkpoints but can sign no new one, also not when it leaks.
/// `Display` writes the file form that [`KeyRing::parse`] reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    /// Never empty; all keys have one name.
    terms: Vec<Term>,
}

/// One key and the sizes it counts for, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: VerifierKey,
    first_size: u64,
    last_size: Option<u64>,
}

/// Why a list of keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// There is no key in it.
    #[error("the list of keys is empty")]
    Empty,
    /// A line has not the form `<verifier key> <first size> <last size or ->`.
    #[error("line {line}: expected \"<verifier key> <first size> <last size or ->\"")]
    Form {
        /// Line number, from 1.
        line: usize,
    },
    /// The key of a line cannot be read.
    #[error("line {line}: the key cannot be used")]
    Key {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        source: NoteError,
    },
    /// A range ends before it begins.
    #[error("line {line}: the last size is before the first")]
    SizeOrder {
        /// Line number, from 1.
        line: usize,
    },
    /// A key has another name than the first one, so it is of another ledger.
    #[error("line {line}: the key is of another origin than the first")]
    OriginMismatch {
        /// Line number, from 1.
        line: usize,
    },
    /// A key has the id of another one, so their signatures cannot be told apart.
    #[error("line {line}: the key has the id of another key in the list")]
    KeyAmbiguous {
        /// Line number, from 1.
        line: usize,
    },
}

impl KeyRing {
    /// One key that counts for all sizes.
    pub fn single(key: VerifierKey) -> Self {
        Self { terms: vec![Term { key, first_size: 0, last_size: None }] }
    }

    /// Reads either one verifier key, which then counts for all sizes, or lines of
    /// `<verifier key> <first size> <last size or ->`, separated by spaces or tabs; `-` means no end. Empty lines and
    /// lines beginning with `#` are skipped. All keys must have one name, the ledger's origin. Ranges may overlap.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let lines: Vec<(usize, &str)> = (1..)
            .zip(text.lines().map(str::trim))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let mut terms: Vec<Term> = Vec::with_capacity(lines.len());
        for &(line, content) in &lines {
            let term = Term::parse(line, content, lines.len() == 1)?;
            if terms.first().is_some_and(|first| first.key.name() != term.key.name()) {
                return Err(KeyRingError::OriginMismatch { line });
            }
            if terms.iter().any(|other| other.key.key_id() == term.key.key_id() && other.key != term.key) {
                return Err(KeyRingError::KeyAmbiguous { line });
            }
            terms.push(term);
        }
        if terms.is_empty() { Err(KeyRingError::Empty) } else { Ok(Self { terms }) }
    }

    /// The keys that count for a checkpoint of `size` leaves, in order and each once. May be none.
    pub fn keys_for(&self, size: u64) -> Vec<VerifierKey> {
        distinct(self.terms.iter().filter(|term| term.covers(size)))
    }

    /// All keys, in order and each once.
    pub fn all(&self) -> Vec<VerifierKey> {
        distinct(self.terms.iter())
    }

    /// The name all keys have: the ledger's origin.
    pub fn origin(&self) -> &str {
        self.terms[0].key.name()
    }

    /// Verifies a signed checkpoint with the keys that count for its size; a signature by any other key counts as one
    /// by an unknown key.
    pub fn open_checkpoint(&self, note: &[u8]) -> Result<Checkpoint, NoteError> {
        let note = Note::parse(note)?;
        // The size is not trusted yet: it only chooses the keys, and one of them must then have signed it.
        let size = Checkpoint::parse(note.text())?.size;
        Checkpoint::verify(&note, &self.keys_for(size))
    }
}

impl Term {
    fn parse(line: usize, content: &str, alone: bool) -> Result<Self, KeyRingError> {
        let fields: Vec<&str> = content.split_whitespace().collect();
        let (key, first_size, last_size) = match fields[..] {
            [key] if alone => (key, 0, None),
            [key, first, last] => {
                let first = parse_decimal(first).ok_or(KeyRingError::Form { line })?;
                let last = match last {
                    "-" => None,
                    last => Some(parse_decimal(last).ok_or(KeyRingError::Form { line })?),
                };
                (key, first, last)
            }
            _ => return Err(KeyRingError::Form { line }),
        };
        let key = VerifierKey::parse(key).map_err(|source| KeyRingError::Key { line, source })?;
        if last_size.is_some_and(|last| last < first_size) {
            return Err(KeyRingError::SizeOrder { line });
        }
        Ok(Self { key, first_size, last_size })
    }

    fn covers(&self, size: u64) -> bool {
        self.first_size <= size && self.last_size.is_none_or(|last| size <= last)
    }
}

fn distinct<'terms>(terms: impl Iterator<Item = &'terms Term>) -> Vec<VerifierKey> {
    let mut keys: Vec<VerifierKey> = Vec::new();
    for term in terms {
        if !keys.contains(&term.key) {
            keys.push(term.key.clone());
        }
    }
    keys
}

impl fmt::Display for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Term { key, first_size, last_size } in &self.terms {
            match last_size {
                Some(last_size) => writeln!(formatter, "{key} {first_size} {last_size}")?,
                None => writeln!(formatter, "{key} {first_size} -")?,
            }
        }
        Ok(())
    }
}

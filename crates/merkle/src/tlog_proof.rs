//! The C2SP tlog-proof text form: an inclusion proof with its checkpoint, verifiable offline.

use std::fmt;

use crate::base64::{decode_base64, encode_base64};
use crate::hash::Hash;
use crate::note::{Checkpoint, KeyRing, Note, NoteError, VerifierKey, parse_decimal};
use crate::proof::{ProofError, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A tree of at most 2^64 leaves has no longer path.
const HASHES_MAX: usize = 64;

/// A proof that one leaf is in the tree of a signed checkpoint. `Display` gives the text form, usually stored with the
/// file extension `.tlog-proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Index of the leaf, from 0.
    pub index: u64,
    /// The RFC 6962 audit path, from the leaf's sibling upwards.
    pub hashes: Vec<Hash>,
    /// Opaque data for the application. **Not authenticated**: anyone can change it. Empty data is written as none.
    pub extra: Option<Vec<u8>>,
    /// The signed note of the checkpoint, verbatim.
    pub checkpoint: String,
}

/// Why a proof is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The text is not a proof.
    #[error("not a tlog-proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint is malformed or not signed by a known key.
    #[error("the checkpoint of the proof is refused")]
    Checkpoint(#[from] NoteError),
    /// The leaf is not in the tree of the checkpoint, or not at this index.
    #[error("the leaf is not shown to be in the tree")]
    Inclusion(#[from] ProofError),
}

impl TlogProof {
    /// Reads the text form. The checkpoint must have the form of one; nothing is verified.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let malformed = TlogProofError::Malformed;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(malformed("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed("the first line is not c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => Some(parse_extra(line)?),
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or(malformed("no index line"))?;
        let hashes: Vec<Hash> = lines
            .map(Hash::from_base64)
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("a line of the path is not a base64 hash"))?;
        if hashes.len() > HASHES_MAX {
            return Err(malformed("the path has more than 64 hashes"));
        }
        Checkpoint::parse(Note::parse(checkpoint.as_bytes())?.text())?;
        Ok(Self { index, hashes, extra, checkpoint: checkpoint.to_owned() })
    }

    /// Checks the checkpoint with `keys` and the leaf hash with the path, and gives the checkpoint. The extra data stays
    /// unauthenticated.
    pub fn verify(&self, leaf: &Hash, keys: &[VerifierKey]) -> Result<Checkpoint, TlogProofError> {
        self.include(leaf, Checkpoint::open(self.checkpoint.as_bytes(), keys)?)
    }

    /// As [`TlogProof::verify`], with the keys that count for the checkpoint's size.
    pub fn verify_with_ring(&self, leaf: &Hash, keys: &KeyRing) -> Result<Checkpoint, TlogProofError> {
        self.include(leaf, keys.open_checkpoint(self.checkpoint.as_bytes())?)
    }

    fn include(&self, leaf: &Hash, checkpoint: Checkpoint) -> Result<Checkpoint, TlogProofError> {
        verify_inclusion(leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, TlogProofError> {
    let malformed = TlogProofError::Malformed;
    let encoded = line.strip_prefix("extra ").unwrap_or_default();
    if encoded.is_empty() {
        // No extra data is written as no line, so that one proof has one text.
        return Err(malformed("the extra line is empty"));
    }
    decode_base64(encoded).map_err(|_| malformed("the extra data is not canonical base64"))
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if let Some(extra) = self.extra.as_deref().filter(|extra| !extra.is_empty()) {
            writeln!(formatter, "extra {}", encode_base64(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(formatter, "{}", hash.to_base64()))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

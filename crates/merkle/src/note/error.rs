//! Why a note, a checkpoint or a key is refused.

/// Why a note, a checkpoint, an origin or a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The bytes are not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// The text cannot be signed as a note.
    #[error("this text cannot be signed: {0}")]
    Text(&'static str),
    /// The signed text is not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Checkpoint(&'static str),
    /// The name of a ledger or key is not acceptable.
    #[error("not an origin: {0}")]
    Origin(&'static str),
    /// The verifier key or secret key cannot be read.
    #[error("not a key: {0}")]
    Key(&'static str),
    /// The note has no signature by any of the known keys.
    #[error("no signature by a known key")]
    Unsigned,
    /// A signature that names a known key does not verify.
    #[error("the signature by {name}+{key_id:08x} is not valid")]
    SignatureInvalid {
        /// Name of the key.
        name: String,
        /// Id of the key.
        key_id: u32,
    },
    /// Two signatures by one key.
    #[error("there is more than one signature by {name}+{key_id:08x}")]
    SignatureDuplicate {
        /// Name of the key.
        name: String,
        /// Id of the key.
        key_id: u32,
    },
    /// Two known keys cannot be told apart, so a signature cannot be attributed.
    #[error("two known keys share {name}+{key_id:08x}")]
    KeyAmbiguous {
        /// Name of both keys.
        name: String,
        /// Id of both keys.
        key_id: u32,
    },
    /// The checkpoint is of another ledger than the key that signs it.
    #[error("the checkpoint is of {origin}, which none of the keys that signed it is named")]
    OriginMismatch {
        /// Origin line of the checkpoint.
        origin: String,
    },
}

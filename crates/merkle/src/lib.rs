//! The ledger's Merkle tree and the signed statements about it, as pure functions over bytes.
//!
//! What is here: RFC 6962 SHA-256 hashing ([`leaf_hash`], [`node_hash`]), the state needed to grow a tree
//! ([`CompactRange`]), C2SP tlog-tiles geometry ([`TileId`], [`TileSet`]), making and checking inclusion and
//! consistency proofs, C2SP signed notes with Ed25519 keys, C2SP checkpoints, the ring of keys that count for
//! them, and the C2SP tlog-proof text form.
//!
//! What is deliberately absent: input and output of any kind, async, clocks, a random source of its own (the
//! caller brings one), entries and what they mean, witness cosignatures, and signature types other than
//! Ed25519. A question that needs tiles first says which ones ([`TileSet::needed_for_inclusion`] and its
//! siblings); the caller loads them from wherever they live and asks again.

pub mod base64;
mod compact_range;
mod hash;
pub mod note;
mod proof;
mod subtree;
mod tile;
mod tile_set;
pub mod tlog_proof;
mod tree_error;

pub use crate::base64::{EncodingError, decode_base64, encode_base64};
pub use compact_range::CompactRange;
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use note::{Checkpoint, KeyRing, KeyRingError, Note, NoteError, NoteSigner, VerifierKey, check_origin};
pub use proof::{ProofError, verify_consistency, verify_inclusion};
pub use tile::{TILE_HEIGHT, TILE_WIDTH, TileId, tiles_for_size};
pub use tile_set::TileSet;
pub use tlog_proof::{TlogProof, TlogProofError};
pub use tree_error::TreeError;

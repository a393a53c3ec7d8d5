//! What the tree, its proofs and its signed statements must do, checked against the definitions of RFC 6962, published
//! vectors and independent implementations.

mod key_ring;
mod notes;
mod oracles;
mod proofs;
mod reference;
mod tiles;
mod tlog_proof;
mod vectors;

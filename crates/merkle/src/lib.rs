//! RFC 6962 hashing, compact ranges, tiles, proofs, signed notes and checkpoints.

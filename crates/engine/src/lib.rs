//! The ledger at work: sequencer, search, checkpoints, archive runs, verification.

//! Fake clock and whole-ledger checks for tests. Never part of a release.

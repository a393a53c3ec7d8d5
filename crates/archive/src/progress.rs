//! How far a long piece of work has come, told while it runs.

use merkle::CompactRange;

/// Hears of progress. Every method does nothing unless it is overridden; `()` hears nothing.
pub trait Progress: Send + Sync {
    /// What is to be read, by the manifests: entries, and stored bytes. Told once, before the first object.
    fn total(&self, _entries: u64, _bytes: u64) {}

    /// An object was written to, or read from, the destination: its stored bytes and its entries.
    fn object(&self, _bytes: u64, _entries: u64) {}

    /// The archive is proven up to this tree size.
    fn proven(&self, _size: u64) {}

    /// Nothing was found up to here: a later verification may go on from this range
    /// ([`VerifyOptions::resume_from`](crate::VerifyOptions::resume_from)), with so many entries before it unread.
    fn reached(&self, _range: &CompactRange, _unread: u64) {}

    /// An entry of the reserved tenant, in seq order and only when its batch has proven to be part of the
    /// tree: the ledger's own receipts, which the caller may hold against its state.
    fn receipt(&self, _seq: u64, _line: &[u8]) {}

    /// Whether [`Self::receipt`] wants to be called at all.
    fn wants_receipts(&self) -> bool {
        false
    }
}

impl Progress for () {}

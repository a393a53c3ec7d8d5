//! The least state from which a tree can grow and give its root.

use std::fmt;

use crate::hash::{Hash, empty_root, node_hash};
use crate::tree_error::TreeError;

/// Largest number of leaves: a bound far beyond use that keeps all size arithmetic free of overflow.
pub(crate) const SIZE_MAX: u64 = 1 << 63;

/// One hash for each set bit of the size, so 64 are enough for every `u64`.
const HASHES_MAX: usize = 64;

/// The compact range of the leaves `[0, size)`: the roots of the perfect subtrees the tree consists of, one for
/// each set bit of `size`.
///
/// The hashes are held inline (about 2 KiB), so appending never allocates.
#[derive(Clone)]
pub struct CompactRange {
    size: u64,
    hashes: [Hash; HASHES_MAX],
}

impl CompactRange {
    /// The range of no leaves.
    pub fn new() -> Self {
        Self { size: 0, hashes: [Hash([0; Hash::LENGTH]); HASHES_MAX] }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash. Does not allocate; amortised, it hashes one node.
    ///
    /// # Panics
    /// At 2^63 leaves.
    pub fn append(&mut self, leaf: Hash) {
        assert!(self.size < SIZE_MAX, "a tree has at most 2^63 leaves");
        let mut length = self.hashes().len();
        let mut node = leaf;
        // As in binary addition: each trailing set bit of the size is a finished subtree that the carry absorbs.
        for _ in 0..self.size.trailing_ones() {
            length -= 1;
            node = node_hash(&self.hashes[length], &node);
        }
        self.hashes[length] = node;
        self.size += 1;
    }

    /// The root of the tree of these leaves, as RFC 6962 defines it.
    pub fn root(&self) -> Hash {
        fold_subtrees(self.hashes()).unwrap_or_else(empty_root)
    }

    /// The subtree roots, largest (leftmost) subtree first.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes[..self.size.count_ones() as usize]
    }

    /// The hashes concatenated, largest subtree first: 32 bytes for each set bit of the size.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes().iter().flat_map(|hash| hash.0).collect()
    }

    /// Reads what [`CompactRange::to_bytes`] wrote for a range of `size` leaves.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, TreeError> {
        if size > SIZE_MAX {
            return Err(TreeError::SizeTooLarge);
        }
        let expected = size.count_ones() as usize * Hash::LENGTH;
        if bytes.len() != expected {
            return Err(TreeError::RangeLength { size, expected, found: bytes.len() });
        }
        let (hashes, _) = bytes.as_chunks::<{ Hash::LENGTH }>();
        Ok(Self::from_subtrees(size, hashes.iter().map(|bytes| Hash(*bytes))))
    }

    /// `hashes` must be as many as `size` has set bits, largest subtree first.
    pub(crate) fn from_subtrees(size: u64, hashes: impl Iterator<Item = Hash>) -> Self {
        let mut range = Self::new();
        range.size = size;
        for (slot, hash) in range.hashes.iter_mut().zip(hashes) {
            *slot = hash;
        }
        range
    }
}

/// Joins the roots of adjacent perfect subtrees, largest first, into the root over all of them.
pub(crate) fn fold_subtrees(hashes: &[Hash]) -> Option<Hash> {
    hashes.iter().rev().copied().reduce(|right, left| node_hash(&left, &right))
}

impl Default for CompactRange {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for CompactRange {
    fn eq(&self, other: &Self) -> bool {
        // Slots past the used ones keep old hashes and mean nothing.
        self.size == other.size && self.hashes() == other.hashes()
    }
}

impl Eq for CompactRange {}

impl fmt::Debug for CompactRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CompactRange")
            .field("size", &self.size)
            .field("hashes", &self.hashes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    #[test]
    fn bytes_round_trip_and_growth_continues_from_them() {
        let mut range = CompactRange::new();
        for index in 0..300_u32 {
            let mut read = CompactRange::from_bytes(range.size(), &range.to_bytes()).unwrap();
            assert_eq!(read, range);
            let leaf = leaf_hash(&index.to_be_bytes());
            range.append(leaf);
            read.append(leaf);
            assert_eq!(read, range);
            assert_eq!(read.root(), range.root());
        }
    }

    #[test]
    fn bytes_that_do_not_fit_the_size_are_refused() {
        assert_eq!(
            CompactRange::from_bytes(3, &[0; 32]),
            Err(TreeError::RangeLength { size: 3, expected: 64, found: 32 })
        );
        assert_eq!(CompactRange::from_bytes(u64::MAX, &[0; 2048]), Err(TreeError::SizeTooLarge));
        assert_eq!(CompactRange::from_bytes(0, &[]), Ok(CompactRange::new()));
    }
}

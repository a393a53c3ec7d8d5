//! What can be wrong with a question about a tree, or with the state it is asked of.

use crate::tile::TileId;

/// Why a tree could not answer, grow or be read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A tile the question needs was not loaded: load what `needed_for_…` names, then ask again.
    #[error("tile {level}/{number} is not loaded", level = .0.level, number = .0.number)]
    TileMissing(TileId),
    /// A tile is loaded but holds too few hashes for the tree size asked about.
    #[error("tile {level}/{number} holds {width} hashes, {needed} are needed", level = tile.level, number = tile.number)]
    TileTooNarrow {
        /// The tile.
        tile: TileId,
        /// Hashes it holds.
        width: u64,
        /// Hashes the question needs.
        needed: u64,
    },
    /// The tree cannot grow: a tile at its right edge is not exactly as wide as its size says.
    #[error("edge tile {level}/{number} holds {width} hashes instead of {expected}", level = tile.level, number = tile.number)]
    EdgeMismatch {
        /// The tile.
        tile: TileId,
        /// Hashes it holds, 0 when it is not there.
        width: u64,
        /// Hashes it has in a tree of the size given, 0 when it must not be there.
        expected: u64,
    },
    /// The bytes of a tile are not 1 to 256 whole hashes.
    #[error("a tile of {0} bytes is not 1 to 256 whole hashes")]
    TileLength(usize),
    /// The bytes of a compact range are not what its size calls for.
    #[error("a compact range of {size} leaves takes {expected} bytes, not {found}")]
    RangeLength {
        /// Leaves.
        size: u64,
        /// Bytes a range of that many leaves takes.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The leaf is not in the tree.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    IndexOutOfRange {
        /// Index of the leaf, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree cannot be consistent with a later one that is smaller.
    #[error("the old size {old} is larger than the new size {new}")]
    SizeOrder {
        /// Leaves in the old tree.
        old: u64,
        /// Leaves in the new tree.
        new: u64,
    },
    /// The tree would have more than 2^63 leaves.
    #[error("a tree has at most 2^63 leaves")]
    SizeTooLarge,
}

//! Tiles in memory: what can be asked of them, and how they grow.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::compact_range::{CompactRange, SIZE_MAX, fold_subtrees};
use crate::hash::{Hash, node_hash};
use crate::subtree::{Subtree, consistency_nodes, inclusion_nodes, subtrees};
use crate::tile::{LEVELS_MAX, TILE_WIDTH, TileId, hashes_at};
use crate::tree_error::TreeError;

/// A part of a tree's tiles. Ask a `needed_for_…` function what a question needs, insert those tiles, ask.
///
/// A tile may be wider than a question needs, because the tree has grown since: only the first hashes count. Nothing
/// here proves that the tiles are right; compare a root computed from them with a signed one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileSet {
    tiles: BTreeMap<TileId, Vec<Hash>>,
}

impl TileSet {
    /// A set without tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a tile in place of what was there.
    ///
    /// # Panics
    /// When it has not 1 to 256 hashes. Bytes from outside go through [`TileSet::insert_bytes`], which refuses them.
    pub fn insert(&mut self, tile: TileId, hashes: Vec<Hash>) {
        assert!((1..=TILE_WIDTH as usize).contains(&hashes.len()), "a tile holds 1 to 256 hashes");
        self.tiles.insert(tile, hashes);
    }

    /// Puts a tile, given as its concatenated hashes, in place of what was there.
    pub fn insert_bytes(&mut self, tile: TileId, bytes: &[u8]) -> Result<(), TreeError> {
        let (hashes, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
        if !rest.is_empty() || hashes.is_empty() || hashes.len() > TILE_WIDTH as usize {
            return Err(TreeError::TileLength(bytes.len()));
        }
        self.insert(tile, hashes.iter().map(|bytes| Hash(*bytes)).collect());
        Ok(())
    }

    /// The hashes of a tile, 1 to 256 of them.
    pub fn tile(&self, tile: &TileId) -> Option<&[Hash]> {
        self.tiles.get(tile).map(Vec::as_slice)
    }

    /// The hashes of a tile concatenated: what a tlog-tiles log serves.
    pub fn tile_bytes(&self, tile: &TileId) -> Option<Vec<u8>> {
        Some(self.tile(tile)?.iter().flat_map(|hash| hash.0).collect())
    }

    /// The tiles [`TileSet::compact_range`], [`TileSet::root`] and [`TileSet::extend`] need for a tree of `size` leaves:
    /// the partial tile of each level that has one.
    pub fn needed_for_range(size: u64) -> BTreeSet<TileId> {
        tiles_of(subtrees(0..size))
    }

    /// The tiles [`TileSet::inclusion_proof`] needs.
    pub fn needed_for_inclusion(index: u64, size: u64) -> Result<BTreeSet<TileId>, TreeError> {
        Ok(tiles_of(inclusion_nodes(index, size)?.into_iter().flat_map(subtrees)))
    }

    /// The tiles [`TileSet::consistency_proof`] needs.
    pub fn needed_for_consistency(old: u64, new: u64) -> Result<BTreeSet<TileId>, TreeError> {
        Ok(tiles_of(consistency_nodes(old, new)?.into_iter().flat_map(subtrees)))
    }

    /// The compact range of the first `size` leaves.
    pub fn compact_range(&self, size: u64) -> Result<CompactRange, TreeError> {
        if size > SIZE_MAX {
            return Err(TreeError::SizeTooLarge);
        }
        let hashes =
            subtrees(0..size).map(|subtree| self.subtree_root(subtree)).collect::<Result<Vec<_>, _>>()?;
        Ok(CompactRange::from_subtrees(size, hashes.into_iter()))
    }

    /// The root of the tree of the first `size` leaves.
    pub fn root(&self, size: u64) -> Result<Hash, TreeError> {
        Ok(self.compact_range(size)?.root())
    }

    /// The hash of a leaf, if the tile that holds it is loaded and wide enough.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        let tile = self.tiles.get(&TileId { level: 0, number: index / TILE_WIDTH })?;
        tile.get((index % TILE_WIDTH) as usize).copied()
    }

    /// The RFC 6962 audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling upwards.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, TreeError> {
        inclusion_nodes(index, size)?.into_iter().map(|node| self.node(node)).collect()
    }

    /// The RFC 6962 consistency proof from the tree of `old` leaves to that of `new`. Empty when the sizes are equal or
    /// `old` is 0.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, TreeError> {
        consistency_nodes(old, new)?.into_iter().map(|node| self.node(node)).collect()
    }

    /// Appends leaf hashes to the tree of `size` leaves, whose right edge ([`TileSet::needed_for_range`]) this set
    /// holds, and returns the tiles that changed or are new.
    ///
    /// Refuses, and changes nothing, when a tile of the edge is missing or is not exactly as wide as `size` says, or
    /// when there are tiles beyond it: growing those would write hashes in the wrong place.
    pub fn extend(&mut self, size: u64, leaves: &[Hash]) -> Result<BTreeSet<TileId>, TreeError> {
        let grown = size.checked_add(leaves.len() as u64).filter(|grown| *grown <= SIZE_MAX);
        grown.ok_or(TreeError::SizeTooLarge)?;
        self.check_edge(size)?;
        let mut changed = BTreeSet::new();
        let mut finished = Vec::new();
        for level in 0..LEVELS_MAX {
            let hashes = if level == 0 { leaves } else { finished.as_slice() };
            if hashes.is_empty() {
                break;
            }
            finished = self.extend_level(level, hashes_at(level, size), hashes, &mut changed);
        }
        Ok(changed)
    }

    /// Forgets all tiles but those the tree of `size` leaves needs to grow, so that memory stays logarithmic.
    pub fn retain_edge(&mut self, size: u64) {
        let edge = Self::needed_for_range(size);
        self.tiles.retain(|tile, _| edge.contains(tile));
    }

    /// Appends to one level that holds `position` hashes and returns the roots of the tiles that became full.
    fn extend_level(
        &mut self,
        level: u8,
        position: u64,
        mut hashes: &[Hash],
        changed: &mut BTreeSet<TileId>,
    ) -> Vec<Hash> {
        let mut finished = Vec::new();
        let mut number = position / TILE_WIDTH;
        while !hashes.is_empty() {
            let id = TileId { level, number };
            let tile = self.tiles.entry(id).or_default();
            let room = TILE_WIDTH as usize - tile.len();
            let (now, later) = hashes.split_at(room.min(hashes.len()));
            tile.extend_from_slice(now);
            changed.insert(id);
            if tile.len() == TILE_WIDTH as usize {
                finished.push(perfect_root(tile));
            }
            hashes = later;
            number += 1;
        }
        finished
    }

    fn check_edge(&self, size: u64) -> Result<(), TreeError> {
        for level in 0..LEVELS_MAX {
            let edge = TileId { level, number: hashes_at(level, size) / TILE_WIDTH };
            let width = self.tiles.get(&edge).map_or(0, Vec::len) as u64;
            let expected = edge.width_at(size);
            if width == 0 && expected > 0 {
                return Err(TreeError::TileMissing(edge));
            }
            if width != expected {
                return Err(TreeError::EdgeMismatch { tile: edge, width, expected });
            }
            let beyond = TileId { level, number: edge.number + 1 }..TileId { level: level + 1, number: 0 };
            if let Some((tile, hashes)) = self.tiles.range(beyond).next() {
                return Err(TreeError::EdgeMismatch { tile: *tile, width: hashes.len() as u64, expected: 0 });
            }
        }
        Ok(())
    }

    /// The hash of a node of an RFC 6962 tree, perfect or not.
    fn node(&self, leaves: Range<u64>) -> Result<Hash, TreeError> {
        let hashes =
            subtrees(leaves).map(|subtree| self.subtree_root(subtree)).collect::<Result<Vec<_>, _>>()?;
        Ok(fold_subtrees(&hashes).expect("a node has leaves"))
    }

    fn subtree_root(&self, subtree: Subtree) -> Result<Hash, TreeError> {
        let (id, span) = subtree.location();
        let tile = self.tile(&id).ok_or(TreeError::TileMissing(id))?;
        let needed = span.end as u64;
        let hashes =
            tile.get(span).ok_or(TreeError::TileTooNarrow { tile: id, width: tile.len() as u64, needed })?;
        Ok(perfect_root(hashes))
    }
}

fn tiles_of(subtrees: impl Iterator<Item = Subtree>) -> BTreeSet<TileId> {
    subtrees.map(|subtree| subtree.location().0).collect()
}

/// The root over 2^n hashes, n from 0 to 8.
fn perfect_root(hashes: &[Hash]) -> Hash {
    if let [hash] = hashes {
        return *hash;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    node_hash(&perfect_root(left), &perfect_root(right))
}

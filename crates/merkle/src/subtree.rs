//! Which parts of a tree a proof consists of, independent of where their hashes come from.

use std::ops::Range;

use crate::tile::{TILE_HEIGHT, TILE_WIDTH, TileId};
use crate::tree_error::TreeError;

/// A perfect subtree: the leaves `[index · 2^height, (index + 1) · 2^height)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subtree {
    pub(crate) height: u8,
    pub(crate) index: u64,
}

impl Subtree {
    /// The tile whose hashes give this subtree's root, and which of them.
    pub(crate) fn location(self) -> (TileId, Range<usize>) {
        let level = self.height / TILE_HEIGHT;
        let span = 1_u64 << (self.height % TILE_HEIGHT);
        // `span` divides the tile width, so the hashes never cross from one tile into the next.
        let first = self.index * span;
        let start = (first % TILE_WIDTH) as usize;
        (TileId { level, number: first / TILE_WIDTH }, start..start + span as usize)
    }
}

/// The perfect subtrees that make up `leaves`, largest first. `leaves` must be a node of an RFC 6962 tree: its start
/// is aligned to its length rounded up to a power of two.
pub(crate) fn subtrees(leaves: Range<u64>) -> impl Iterator<Item = Subtree> {
    let mut start = leaves.start;
    std::iter::from_fn(move || {
        let height = (leaves.end - start).checked_ilog2()? as u8;
        let subtree = Subtree { height, index: start >> height };
        start += 1 << height;
        Some(subtree)
    })
}

/// Where RFC 6962 splits a node of `length` leaves: the largest power of two smaller than it. `length` is above 1.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// The leaves under each hash of `PATH(index, D[size])` of RFC 6962 section 2.1.1, in the order of the proof.
pub(crate) fn inclusion_nodes(index: u64, size: u64) -> Result<Vec<Range<u64>>, TreeError> {
    if index >= size {
        return Err(TreeError::IndexOutOfRange { index, size });
    }
    let mut nodes = Vec::new();
    let mut node = 0..size;
    while node.end - node.start > 1 {
        let middle = node.start + split(node.end - node.start);
        if index < middle {
            nodes.push(middle..node.end);
            node.end = middle;
        } else {
            nodes.push(node.start..middle);
            node.start = middle;
        }
    }
    nodes.reverse();
    Ok(nodes)
}

/// The leaves under each hash of `PROOF(old, D[new])` of RFC 6962 section 2.1.2, in the order of the proof. Empty when
/// the sizes are equal, and when the old tree is: everything is consistent with nothing.
pub(crate) fn consistency_nodes(old: u64, new: u64) -> Result<Vec<Range<u64>>, TreeError> {
    if old > new {
        return Err(TreeError::SizeOrder { old, new });
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let mut nodes = Vec::new();
    let mut node = 0..new;
    while node.end != old {
        let middle = node.start + split(node.end - node.start);
        if old <= middle {
            nodes.push(middle..node.end);
            node.end = middle;
        } else {
            nodes.push(node.start..middle);
            node.start = middle;
        }
    }
    // A node that begins at 0 is the old tree itself, whose root the verifier has.
    if node.start > 0 {
        nodes.push(node);
    }
    nodes.reverse();
    Ok(nodes)
}

//! The recursive definitions of RFC 6962 section 2.1, written down as they stand there: slow and plain.

use merkle::{Hash, TileSet, empty_root, leaf_hash, node_hash};

/// Leaf hashes of `count` different lines.
pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|index| leaf_hash(line(index).as_bytes())).collect()
}

/// The line of leaf `index`.
pub(crate) fn line(index: u64) -> String {
    format!("{{\"seq\":{index}}}")
}

/// The tiles of a tree, grown in one step.
pub(crate) fn tiles(leaves: &[Hash]) -> TileSet {
    let mut tiles = TileSet::new();
    tiles.extend(0, leaves).unwrap();
    tiles
}

fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}

/// MTH(D).
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH(m, D).
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut hashes, sibling) =
        if index < left.len() { (path(index, left), right) } else { (path(index - left.len(), right), left) };
    hashes.push(root(sibling));
    hashes
}

/// SUBPROOF(m, D, b); PROOF(m, D) is SUBPROOF(m, D, true).
pub(crate) fn subproof(old: usize, leaves: &[Hash], complete: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if complete { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut hashes, sibling) = if old <= left.len() {
        (subproof(old, left, complete), right)
    } else {
        (subproof(old - left.len(), right, false), left)
    };
    hashes.push(root(sibling));
    hashes
}

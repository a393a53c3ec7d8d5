//! Proofs made from tiles equal RFC 6962's, verify, and nothing near them does.

use std::sync::LazyLock;

use merkle::{
    Hash, ProofError, TileSet, TreeError, empty_root, leaf_hash, tiles_for_size, verify_consistency,
    verify_inclusion,
};
use proptest::prelude::*;

use crate::reference;

const LARGE: u64 = 70_000;

static LARGE_LEAVES: LazyLock<Vec<Hash>> = LazyLock::new(|| reference::leaves(LARGE));
static LARGE_TILES: LazyLock<TileSet> = LazyLock::new(|| reference::tiles(&LARGE_LEAVES));

#[test]
fn every_leaf_of_every_small_tree_has_the_proof_of_rfc_6962_and_it_verifies() {
    let leaves = reference::leaves(300);
    let tiles = reference::tiles(&leaves);
    for size in 1..=300 {
        let tree = &leaves[..size as usize];
        let root = tiles.root(size).unwrap();
        assert_eq!(root, reference::root(tree));
        for index in 0..size {
            let proof = tiles.inclusion_proof(index, size).unwrap();
            let leaf = tiles.leaf(index).unwrap();
            assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()), "{index} in {size}");
            // The definition recomputes whole subtrees, so it is asked at the places where sizes are awkward.
            if size < 70 || index % 17 == size % 17 {
                assert_eq!(proof, reference::path(index as usize, tree), "{index} in {size}");
            }
        }
    }
}

#[test]
fn every_pair_of_small_trees_has_the_proof_of_rfc_6962_and_it_verifies() {
    let leaves = reference::leaves(300);
    let tiles = reference::tiles(&leaves);
    let roots: Vec<Hash> = (0..=300).map(|size| tiles.root(size).unwrap()).collect();
    for new in 0..=300 {
        for old in 0..=new {
            let proof = tiles.consistency_proof(old, new).unwrap();
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            assert_eq!(verify_consistency(old, new, &proof, old_root, new_root), Ok(()), "{old} to {new}");
            if old > 0 && (new < 70 || old % 17 == new % 17) {
                let expected = reference::subproof(old as usize, &leaves[..new as usize], true);
                assert_eq!(proof, expected, "{old} to {new}");
            }
        }
    }
}

#[test]
fn an_inclusion_proof_shows_nothing_else() {
    let leaves = reference::leaves(40);
    let tiles = reference::tiles(&leaves);
    for size in 1..=40_u64 {
        let root = tiles.root(size).unwrap();
        for index in 0..size {
            let leaf = leaves[index as usize];
            let proof = tiles.inclusion_proof(index, size).unwrap();
            let fails = |leaf: &Hash, index, proof: &[Hash], root: &Hash| {
                assert!(verify_inclusion(leaf, index, size, proof, root).is_err(), "{index} in {size}");
            };
            for other in (0..size + 2).filter(|other| *other != index) {
                fails(&leaf, other, &proof, &root);
            }
            fails(&leaf_hash(b"another"), index, &proof, &root);
            fails(&leaf, index, &proof, &leaf_hash(b"another root"));
            for changed in neighbours(&proof) {
                fails(&leaf, index, &changed, &root);
            }
        }
    }
}

#[test]
fn a_consistency_proof_shows_nothing_else() {
    let leaves = reference::leaves(40);
    let tiles = reference::tiles(&leaves);
    let roots: Vec<Hash> = (0..=40).map(|size| tiles.root(size).unwrap()).collect();
    for new in 1..=40_u64 {
        for old in 1..new {
            let proof = tiles.consistency_proof(old, new).unwrap();
            let (old_root, new_root) = (roots[old as usize], roots[new as usize]);
            let fails = |proof: &[Hash], old_root: &Hash, new_root: &Hash| {
                let verified = verify_consistency(old, new, proof, old_root, new_root);
                assert!(verified.is_err(), "{old} to {new}");
            };
            fails(&proof, &old_root, &roots[old as usize - 1]);
            fails(&proof, &roots[old as usize - 1], &new_root);
            fails(&proof, &new_root, &old_root);
            for changed in neighbours(&proof) {
                fails(&changed, &old_root, &new_root);
            }
        }
    }
}

/// Proofs one step from this one: a hash changed, left out, doubled, swapped or added.
fn neighbours(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for position in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[position].0[position % 32] ^= 1;
        all.push(changed);
        let mut shorter = proof.to_vec();
        shorter.remove(position);
        all.push(shorter);
        let mut longer = proof.to_vec();
        longer.insert(position, proof[position]);
        all.push(longer);
        if position > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(position - 1, position);
            all.push(swapped);
        }
    }
    all.push([proof, &[leaf_hash(b"more")]].concat());
    all
}

#[test]
fn sizes_alone_decide_where_there_is_nothing_to_hash() {
    let (some, other) = (leaf_hash(b"some"), leaf_hash(b"other"));
    assert_eq!(verify_consistency(0, 0, &[], &empty_root(), &empty_root()), Ok(()));
    assert_eq!(verify_consistency(0, 0, &[], &empty_root(), &some), Err(ProofError::RootMismatch));
    assert_eq!(verify_consistency(0, 5, &[], &empty_root(), &some), Ok(()));
    assert_eq!(verify_consistency(0, 5, &[], &some, &some), Err(ProofError::OldRootMismatch));
    assert_eq!(verify_consistency(0, 5, &[some], &empty_root(), &some), Err(ProofError::Length));
    assert_eq!(verify_consistency(5, 5, &[], &some, &some), Ok(()));
    assert_eq!(verify_consistency(5, 5, &[], &some, &other), Err(ProofError::RootMismatch));
    assert_eq!(verify_consistency(5, 5, &[some], &some, &some), Err(ProofError::Length));
    assert_eq!(verify_consistency(6, 5, &[], &some, &some), Err(ProofError::SizeOrder { old: 6, new: 5 }));
    assert_eq!(verify_consistency(4, 5, &[], &some, &some), Err(ProofError::Length));
    let outside = Err(ProofError::IndexOutOfRange { index: 0, size: 0 });
    assert_eq!(verify_inclusion(&some, 0, 0, &[], &some), outside);
    assert_eq!(verify_inclusion(&some, 0, 1, &[], &some), Ok(()));
}

#[test]
fn questions_outside_the_tree_are_refused() {
    let outside = TreeError::IndexOutOfRange { index: 5, size: 5 };
    assert_eq!(LARGE_TILES.inclusion_proof(5, 5), Err(outside));
    assert_eq!(TileSet::needed_for_inclusion(5, 5), Err(outside));
    let order = TreeError::SizeOrder { old: 6, new: 5 };
    assert_eq!(LARGE_TILES.consistency_proof(6, 5), Err(order));
    assert_eq!(TileSet::needed_for_consistency(6, 5), Err(order));
    assert_eq!(LARGE_TILES.leaf(LARGE), None);
    assert_eq!(LARGE_TILES.leaf(u64::MAX), None);
    assert!(LARGE_TILES.root(LARGE + 1).is_err());
    assert_eq!(LARGE_TILES.root(u64::MAX), Err(TreeError::SizeTooLarge));
}

#[test]
fn the_largest_numbers_are_answered_without_overflow() {
    let hash = leaf_hash(b"");
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1, (1 << 63) - 1] {
        for index in [0, 1, size / 2, size - 1] {
            assert!(!TileSet::needed_for_inclusion(index, size).unwrap().is_empty());
            assert!(verify_inclusion(&hash, index, size, &[hash; 64], &hash).is_err());
            assert!(verify_inclusion(&hash, index, size, &[], &hash).is_err());
            TileSet::needed_for_consistency(index, size).unwrap();
            assert!(verify_consistency(index.max(1), size, &[hash; 65], &hash, &hash).is_err());
        }
        assert!(!TileSet::needed_for_range(size).is_empty());
    }
}

/// Only the tiles named, each only as wide as a tree of `size` leaves has it.
fn served(size: u64, needed: &std::collections::BTreeSet<merkle::TileId>) -> TileSet {
    let mut part = TileSet::new();
    for (tile, width) in tiles_for_size(size).filter(|(tile, _)| needed.contains(tile)) {
        part.insert(tile, LARGE_TILES.tile(&tile).unwrap()[..usize::from(width)].to_vec());
    }
    part
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tiles_named_are_enough_and_each_is_needed(
        (size, index, old) in (1..=LARGE).prop_flat_map(|size| (Just(size), 0..size, 0..=size))
    ) {
        let needed = TileSet::needed_for_inclusion(index, size).unwrap();
        let part = served(size, &needed);
        let proof = part.inclusion_proof(index, size).unwrap();
        prop_assert_eq!(&proof, &LARGE_TILES.inclusion_proof(index, size).unwrap());
        let root = served(size, &TileSet::needed_for_range(size)).root(size).unwrap();
        prop_assert_eq!(root, reference::root(&LARGE_LEAVES[..size as usize]));
        prop_assert_eq!(verify_inclusion(&LARGE_LEAVES[index as usize], index, size, &proof, &root), Ok(()));
        for missing in &needed {
            let mut others = needed.clone();
            others.remove(missing);
            let refused = served(size, &others).inclusion_proof(index, size);
            prop_assert_eq!(refused, Err(TreeError::TileMissing(*missing)));
        }

        let needed = TileSet::needed_for_consistency(old, size).unwrap();
        let proof = served(size, &needed).consistency_proof(old, size).unwrap();
        let old_root = LARGE_TILES.root(old).unwrap();
        prop_assert_eq!(verify_consistency(old, size, &proof, &old_root, &root), Ok(()));
    }
}

//! How tiles grow.

use std::collections::BTreeSet;

use merkle::{CompactRange, Hash, TileId, TileSet, TreeError, tiles_for_size};
use proptest::prelude::*;

use crate::reference;

const fn tile(level: u8, number: u64) -> TileId {
    TileId { level, number }
}

/// The tiles of a tree by their definition: each hash is the root of the 256^level leaves under it.
fn expected_tiles(leaves: &[Hash]) -> TileSet {
    let mut tiles = TileSet::new();
    for (id, width) in tiles_for_size(leaves.len() as u64) {
        let span = 256_usize.pow(u32::from(id.level));
        let first = id.number as usize * 256 * span;
        let hashes = leaves[first..].chunks(span).take(usize::from(width)).map(reference::root).collect();
        tiles.insert(id, hashes);
    }
    tiles
}

#[test]
fn tiles_hold_what_their_definition_says() {
    let leaves = reference::leaves(66_000);
    for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000] {
        assert_eq!(reference::tiles(&leaves[..size]), expected_tiles(&leaves[..size]), "{size}");
    }
}

#[test]
fn an_edge_alone_grows_as_the_whole_tree_does() {
    let leaves = reference::leaves(66_000);
    let mut whole = TileSet::new();
    let mut edge = TileSet::new();
    let mut range = CompactRange::new();
    let mut size = 0;
    for chunk in leaves.chunks(997) {
        let changed = edge.extend(size, chunk).unwrap();
        for id in &changed {
            whole.insert_bytes(*id, &edge.tile_bytes(id).unwrap()).unwrap();
        }
        for leaf in chunk {
            range.append(*leaf);
        }
        size += chunk.len() as u64;
        edge.retain_edge(size);
        assert_eq!(edge.compact_range(size).unwrap(), range);
        assert_eq!(edge.root(size).unwrap(), range.root());
        let held: BTreeSet<TileId> =
            tiles_for_size(size).map(|(id, _)| id).filter(|id| edge.tile(id).is_some()).collect();
        assert_eq!(held, TileSet::needed_for_range(size));
    }
    assert_eq!(whole, expected_tiles(&leaves));
}

#[test]
fn growing_names_exactly_the_tiles_that_changed() {
    let leaves = reference::leaves(600);
    let mut tiles = TileSet::new();
    assert_eq!(tiles.extend(0, &[]).unwrap(), BTreeSet::new());
    assert_eq!(tiles.extend(0, &leaves[..255]).unwrap(), [tile(0, 0)].into());
    assert_eq!(tiles.extend(255, &leaves[255..256]).unwrap(), [tile(0, 0), tile(1, 0)].into());
    assert_eq!(tiles.extend(256, &leaves[256..257]).unwrap(), [tile(0, 1)].into());
    assert_eq!(tiles.extend(257, &leaves[257..600]).unwrap(), [tile(0, 1), tile(0, 2), tile(1, 0)].into());
}

#[test]
fn a_wrong_edge_is_refused_and_left_as_it_was() {
    let leaves = reference::leaves(1000);
    let good = reference::tiles(&leaves[..600]);
    let refused = |mut tiles: TileSet, size| {
        let before = tiles.clone();
        let error = tiles.extend(size, &leaves[600..700]).unwrap_err();
        assert_eq!(tiles, before);
        error
    };
    assert_eq!(refused(TileSet::new(), 600), TreeError::TileMissing(tile(0, 2)));
    let wide = TreeError::EdgeMismatch { tile: tile(0, 2), width: 88, expected: 87 };
    assert_eq!(refused(good.clone(), 599), wide);
    let narrow = TreeError::EdgeMismatch { tile: tile(0, 2), width: 88, expected: 89 };
    assert_eq!(refused(good.clone(), 601), narrow);
    let beyond = TreeError::EdgeMismatch { tile: tile(0, 2), width: 88, expected: 0 };
    assert_eq!(refused(good.clone(), 512), beyond);
    assert_eq!(
        refused(good.clone(), 0),
        TreeError::EdgeMismatch { tile: tile(0, 0), width: 256, expected: 0 }
    );
    let mut upper = good.clone();
    upper.insert(tile(1, 0), vec![leaves[0]]);
    assert_eq!(refused(upper, 600), TreeError::EdgeMismatch { tile: tile(1, 0), width: 1, expected: 2 });
    let mut stray = good.clone();
    stray.insert(tile(0, 7), vec![leaves[0]]);
    assert_eq!(refused(stray, 600), TreeError::EdgeMismatch { tile: tile(0, 7), width: 1, expected: 0 });
    assert_eq!(refused(good, u64::MAX), TreeError::SizeTooLarge);
}

#[test]
fn a_tile_too_narrow_for_the_question_is_named() {
    let leaves = reference::leaves(100);
    let tiles = reference::tiles(&leaves);
    let narrow = TreeError::TileTooNarrow { tile: tile(0, 0), width: 100, needed: 128 };
    assert_eq!(tiles.root(200), Err(narrow));
}

#[test]
fn bytes_that_are_not_whole_hashes_are_refused() {
    let mut tiles = TileSet::new();
    for length in [0, 1, 31, 33, 257 * 32] {
        assert_eq!(tiles.insert_bytes(tile(0, 0), &vec![0; length]), Err(TreeError::TileLength(length)));
    }
    assert_eq!(tiles, TileSet::new());
    let bytes: Vec<u8> = (0..64).collect();
    tiles.insert_bytes(tile(0, 0), &bytes).unwrap();
    assert_eq!(tiles.tile_bytes(&tile(0, 0)), Some(bytes));
    assert_eq!(tiles.tile(&tile(0, 0)).unwrap().len(), 2);
    assert_eq!(tiles.tile_bytes(&tile(0, 1)), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn chunks_of_any_size_give_the_tiles_that_single_leaves_give(
        chunks in proptest::collection::vec(0_usize..700, 1..12)
    ) {
        let leaves = reference::leaves(chunks.iter().sum::<usize>() as u64);
        let mut single = TileSet::new();
        for (size, leaf) in (0..).zip(&leaves) {
            single.extend(size, &[*leaf]).unwrap();
        }
        let mut chunked = TileSet::new();
        let mut size = 0;
        for chunk in chunks {
            let before = chunked.clone();
            let changed = chunked.extend(size as u64, &leaves[size..size + chunk]).unwrap();
            size += chunk;
            for (id, _) in tiles_for_size(size as u64) {
                prop_assert_eq!(changed.contains(&id), before.tile(&id) != chunked.tile(&id));
            }
        }
        prop_assert_eq!(&chunked, &single);
        prop_assert_eq!(&chunked, &expected_tiles(&leaves));
    }

    #[test]
    fn every_path_reads_back_and_only_as_itself(level in 0_u8..64, number: u64, width in 1_u16..=256) {
        let id = tile(level, number);
        prop_assert_eq!(TileId::parse_path(&id.path(width)), Some((id, width)));
    }

    #[test]
    fn any_text_read_as_a_path_is_the_path_that_would_be_written(text in "(tile/)?[0-9x/.p]{1,20}") {
        if let Some((id, width)) = TileId::parse_path(&text) {
            prop_assert_eq!(id.path(width), text);
        }
    }
}

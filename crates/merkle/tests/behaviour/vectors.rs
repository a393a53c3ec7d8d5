//! The test tree of the Certificate Transparency project, which every implementation of RFC 6962 is checked against.

use merkle::{CompactRange, Hash, TileSet, leaf_hash, verify_consistency, verify_inclusion};

const LINES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Roots of the trees of 0 to 8 of these lines.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const LEAF_0: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const LEAF_1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const LEAF_4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const NODE_2_4: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const NODE_4_6: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const NODE_4_8: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const NODE_6_8: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const NODE_0_2: &str = ROOTS[2];
const NODE_0_4: &str = ROOTS[4];

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|hex| Hash::from_hex(hex).unwrap()).collect()
}

fn tiles() -> TileSet {
    let mut tiles = TileSet::new();
    tiles.extend(0, &LINES.map(leaf_hash)).unwrap();
    tiles
}

#[test]
fn the_roots_are_the_published_ones() {
    let mut range = CompactRange::new();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(range.root().to_string(), *root, "{size}");
        assert_eq!(tiles().root(size as u64).unwrap().to_string(), *root, "{size}");
        if let Some(line) = LINES.get(size) {
            range.append(leaf_hash(line));
        }
    }
}

#[test]
fn the_inclusion_proofs_are_the_published_ones() {
    let vectors: [(u64, u64, &[&str]); 7] = [
        (0, 1, &[]),
        (0, 2, &[LEAF_1]),
        (1, 2, &[LEAF_0]),
        (2, 3, &[NODE_0_2]),
        (1, 5, &[LEAF_0, NODE_2_4, LEAF_4]),
        (0, 8, &[LEAF_1, NODE_2_4, NODE_4_8]),
        (5, 8, &[LEAF_4, NODE_6_8, NODE_0_4]),
    ];
    for (index, size, proof) in vectors {
        let proof = hashes(proof);
        assert_eq!(tiles().inclusion_proof(index, size).unwrap(), proof, "{index} in {size}");
        let root = Hash::from_hex(ROOTS[size as usize]).unwrap();
        let leaf = leaf_hash(LINES[index as usize]);
        assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
    }
}

#[test]
fn the_consistency_proofs_are_the_published_ones() {
    let vectors: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (1, 8, &[LEAF_1, NODE_2_4, NODE_4_8]),
        (2, 5, &[NODE_2_4, LEAF_4]),
        (6, 8, &[NODE_4_6, NODE_6_8, NODE_0_4]),
    ];
    for (old, new, proof) in vectors {
        let proof = hashes(proof);
        assert_eq!(tiles().consistency_proof(old, new).unwrap(), proof, "{old} to {new}");
        let root = |size: u64| Hash::from_hex(ROOTS[size as usize]).unwrap();
        assert_eq!(verify_consistency(old, new, &proof, &root(old), &root(new)), Ok(()));
    }
}

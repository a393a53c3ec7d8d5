//! Independent implementations agree, both ways round.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use merkle::{Checkpoint, Hash, Note, NoteSigner, TileSet, VerifierKey, empty_root, tiles_for_size};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::Sha256;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};

use crate::reference;

fn foreign(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}

fn foreign_proof(proof: &[Hash]) -> Vec<tlog_tiles::Hash> {
    proof.iter().map(foreign).collect()
}

fn concatenated(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

#[test]
fn ct_merkle_makes_the_same_roots_and_proofs() {
    let tiles = reference::tiles(&reference::leaves(300));
    let mut tree = MemoryBackedTree::<Sha256, String>::new();
    for size in 1..=300_u64 {
        tree.push(reference::line(size - 1));
        assert_eq!(tree.root().as_bytes().as_slice(), tiles.root(size).unwrap().as_ref());
        for index in (0..size).filter(|index| size < 40 || index % 13 == size % 13) {
            let proof = concatenated(&tiles.inclusion_proof(index, size).unwrap());
            assert_eq!(tree.prove_inclusion(index as usize).as_bytes(), proof, "{index} in {size}");
            let (old, new) = (index + 1, size);
            let proof = concatenated(&tiles.consistency_proof(old, new).unwrap());
            assert_eq!(tree.prove_consistency((new - old) as usize).as_bytes(), proof, "{old} to {new}");
        }
    }
}

#[test]
fn tlog_tiles_publishes_the_same_tiles() {
    for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000, 131_072] {
        let ours: Vec<_> =
            tiles_for_size(size).map(|(tile, width)| (tile.level, tile.number, u32::from(width))).collect();
        let theirs: Vec<_> = tlog_tiles::Tile::new_tiles(8, 0, size)
            .iter()
            .map(|tile| (tile.level(), tile.level_index(), tile.width()))
            .collect();
        assert_eq!(ours, theirs, "{size}");
        for (tile, width) in tiles_for_size(size) {
            // Their older form of the path has the tile height in it, otherwise it is the same.
            let theirs = tlog_tiles::Tile::new(8, tile.level, tile.number, u32::from(width), false).path();
            assert_eq!(tile.path(width), theirs.replacen("tile/8/", "tile/", 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tlog_tiles_accepts_our_proofs(
        (size, index, old) in (1..=3000_u64).prop_flat_map(|size| (Just(size), 0..size, 1..=size))
    ) {
        let leaves = reference::leaves(size);
        let tiles: TileSet = reference::tiles(&leaves);
        let root = foreign(&tiles.root(size).unwrap());
        let proof = foreign_proof(&tiles.inclusion_proof(index, size).unwrap());
        let leaf = foreign(&leaves[index as usize]);
        prop_assert!(tlog_tiles::check_record(&proof, size, root, index, leaf).is_ok());
        let proof = foreign_proof(&tiles.consistency_proof(old, size).unwrap());
        let old_root = foreign(&tiles.root(old).unwrap());
        prop_assert!(tlog_tiles::check_tree(&proof, size, root, old, old_root).is_ok());
    }

    #[test]
    fn signed_note_opens_our_notes_and_we_open_its(seed: u64, text in "([^\\x00-\\x1f]{0,20}\n){1,4}") {
        let signer = NoteSigner::generate("example.com/log", &mut StdRng::seed_from_u64(seed)).unwrap();
        let key = signer.verifier().to_string();
        let verifier = StandardVerifier::new(&key).unwrap();
        let theirs = StandardSigner::new(&signer.to_secret()).unwrap();

        let ours = signer.sign(&text).unwrap();
        let note = signed_note::Note::from_bytes(ours.as_bytes()).unwrap();
        prop_assert_eq!(note.text(), text.as_bytes());
        prop_assert!(note.verify(&VerifierList::new(vec![Box::new(verifier)])).is_ok());

        let mut note = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&theirs]).unwrap();
        let note = note.to_bytes();
        prop_assert_eq!(&note, ours.as_bytes());
        let keys = [VerifierKey::parse(&key).unwrap()];
        let read = Note::parse(&note).unwrap();
        prop_assert_eq!(read.verify(&keys).unwrap(), text);
    }
}

#[test]
fn tlog_tiles_reads_our_checkpoints() {
    for extensions in [vec![], vec!["one".to_owned(), "two words".to_owned()]] {
        let origin = "example.com/log".to_owned();
        let checkpoint = Checkpoint { origin, size: 20_852_163, root: empty_root(), extensions };
        let text = checkpoint.to_string();
        let theirs = tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).unwrap();
        assert_eq!(theirs.origin(), checkpoint.origin);
        assert_eq!(theirs.size(), checkpoint.size);
        assert_eq!(theirs.hash().0, checkpoint.root.0);
        assert_eq!(theirs.to_bytes(), text.as_bytes());
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint));
    }
}

//! Proof files.

use merkle::{Checkpoint, Hash, KeyRing, NoteError, ProofError, TlogProof, TlogProofError, VerifierKey};

use crate::notes::signer;
use crate::reference;

const ORIGIN: &str = "example.com/log";

/// A proof of leaf `index` in a tree of 11, the leaf, and the key.
fn example(index: u64) -> (TlogProof, Hash, [VerifierKey; 1]) {
    let leaves = reference::leaves(11);
    let tiles = reference::tiles(&leaves);
    let signer = signer(ORIGIN, 1);
    let root = tiles.root(11).unwrap();
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 11, root, extensions: Vec::new() };
    let proof = TlogProof {
        index,
        hashes: tiles.inclusion_proof(index, 11).unwrap(),
        extra: None,
        checkpoint: checkpoint.sign(&signer).unwrap(),
    };
    (proof, leaves[index as usize], [signer.verifier()])
}

#[test]
fn a_proof_reads_back_and_verifies() {
    for index in 0..11 {
        let (mut proof, leaf, keys) = example(index);
        for extra in [None, Some(b"why".to_vec())] {
            proof.extra = extra;
            let read = TlogProof::parse(&proof.to_string()).unwrap();
            assert_eq!(read, proof);
            assert_eq!(read.verify(&leaf, &keys).unwrap().size, 11);
            let ring = KeyRing::single(keys[0].clone());
            assert_eq!(read.verify_with_ring(&leaf, &ring).unwrap().size, 11);
        }
    }
}

#[test]
fn the_text_is_that_of_the_specification() {
    let (proof, ..) = example(10);
    let hashes: Vec<String> = proof.hashes.iter().map(|hash| hash.to_base64() + "\n").collect();
    let expected = format!("c2sp.org/tlog-proof@v1\nindex 10\n{}\n{}", hashes.concat(), proof.checkpoint);
    assert_eq!(proof.to_string(), expected);
    let extra = TlogProof { extra: Some(vec![0xff]), ..proof };
    let expected = expected.replacen("index", "extra /w==\nindex", 1);
    assert_eq!(extra.to_string(), expected);
}

#[test]
fn every_changed_byte_of_a_proof_is_found() {
    let (proof, leaf, keys) = example(10);
    let text = proof.to_string().into_bytes();
    let verify = |bytes: &[u8]| {
        str::from_utf8(bytes).ok().and_then(|text| TlogProof::parse(text).ok()?.verify(&leaf, &keys).ok())
    };
    assert!(verify(&text).is_some());
    for position in 0..text.len() {
        for change in 1..=255 {
            let mut changed = text.clone();
            changed[position] ^= change;
            assert!(verify(&changed).is_none(), "byte {position} changed by {change:#x} verifies");
        }
        assert!(verify(&text[..position]).is_none(), "the first {position} bytes verify");
    }
}

#[test]
fn a_proof_of_another_leaf_index_or_key_is_refused() {
    let (proof, leaf, keys) = example(3);
    let (other, other_leaf, _) = example(4);
    let inclusion = |refused| Err(TlogProofError::Inclusion(refused));
    assert_eq!(proof.verify(&other_leaf, &keys), inclusion(ProofError::RootMismatch));
    let moved = TlogProof { index: 4, ..proof.clone() };
    assert_eq!(moved.verify(&leaf, &keys), inclusion(ProofError::RootMismatch));
    let outside = TlogProof { index: 11, ..proof.clone() };
    let range = ProofError::IndexOutOfRange { index: 11, size: 11 };
    assert_eq!(outside.verify(&leaf, &keys), inclusion(range));
    let swapped = TlogProof { hashes: other.hashes, ..proof.clone() };
    assert_eq!(swapped.verify(&leaf, &keys), inclusion(ProofError::RootMismatch));
    let strangers = [signer(ORIGIN, 2).verifier()];
    assert_eq!(proof.verify(&leaf, &strangers), Err(TlogProofError::Checkpoint(NoteError::Unsigned)));
    let late = KeyRing::parse(&format!("{} 12 -", keys[0])).unwrap();
    let refused = proof.verify_with_ring(&leaf, &late);
    assert_eq!(refused, Err(TlogProofError::Checkpoint(NoteError::Unsigned)));
}

#[test]
fn other_spellings_are_refused() {
    let (proof, ..) = example(3);
    let text = proof.to_string();
    let hash = proof.hashes[0].to_base64();
    for changed in [
        text.replacen("@v1", "@v2", 1),
        text.replacen("index 3", "index 03", 1),
        text.replacen("index 3", "index +3", 1),
        text.replacen("index 3", "index", 1),
        text.replacen("index 3\n", "", 1),
        text.replacen("index 3", "extra \nindex 3", 1),
        text.replacen("index 3", "extra AB==\nindex 3", 1),
        text.replacen("index 3", "index 3\nextra AQ==", 1),
        text.replacen("index 3", "extra AQ==\nextra AQ==\nindex 3", 1),
        text.replacen("index 3", "index 3\nindex 3", 1),
        text.replacen(&hash, &hash[..43], 1),
        text.replacen(&hash, &format!("{hash} "), 1),
        text.replacen(&hash, &format!("{hash}\n").repeat(65), 1),
        text.replacen("\n\n", "\n\n\n", 1),
        text.replace('\n', "\r\n"),
        format!("\n{text}"),
        format!("{text}\n"),
    ] {
        assert!(TlogProof::parse(&changed).is_err(), "{changed:?}");
    }
}

use std::slice;

use merkle::{
    Checkpoint, Hash, KeyRing, Note, NoteError, NoteSigner, TileId, TlogProof, VerifierKey, check_origin,
    decode_base64, encode_base64, leaf_hash,
};

use crate::sample::{ORIGIN, signer};

/// Texts longer than this are not signed: nothing new happens in them, and signing costs.
const SIGNED_BYTES_MAX: usize = 4_096;

/// The input is a signed note, a checkpoint, a proof, a key, a list of keys, a tile's path, a hash, or a text to be signed:
/// each is tried.
///
/// Whatever is read prints as it was read: one meaning has one text. Whatever can be signed verifies, with its own text
/// and key and no other.
pub fn note(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        assert!(Note::parse(data).is_err(), "a note is UTF-8");
        return;
    };
    signed_text(text);
    stored_note(text);
    checkpoint(text);
    keys(text);
    key_ring(text);
    proof(text);
    if let Some((tile, width)) = TileId::parse_path(text) {
        assert_eq!(tile.path(width), text);
    }
    if let Ok(bytes) = decode_base64(text) {
        assert_eq!(encode_base64(&bytes), text);
        assert_eq!(Hash::from_base64(text).is_ok(), bytes.len() == Hash::LENGTH);
    }
    if let Ok(hash) = Hash::from_hex(text) {
        assert_eq!(hash.to_string(), text);
    }
}

fn signed_text(text: &str) {
    if text.len() > SIGNED_BYTES_MAX {
        return;
    }
    let may_be_signed = text.ends_with('\n') && !text.bytes().any(|byte| byte < 0x20 && byte != b'\n');
    let signed = signer().sign(text);
    assert_eq!(signed.is_ok(), may_be_signed);
    let Ok(signed) = signed else { return };
    let note = Note::parse(signed.as_bytes()).expect("what was signed is a note");
    assert_eq!(note.verify(&[signer().verifier()]), Ok(text));
    assert_eq!((note.signature_count(), note.unknown_signatures(&[])), (1, 1));
}

fn stored_note(text: &str) {
    let Ok(note) = Note::parse(text.as_bytes()) else { return };
    assert!((1..=100).contains(&note.signature_count()));
    assert!(note.text().ends_with('\n') && text.starts_with(note.text()));
    let known = [signer().verifier()];
    let verified = note.verify(&known).is_ok();
    if verified {
        assert!(signer().sign(note.text()).is_ok(), "what was signed can be signed");
        assert_eq!(note.unknown_signatures(&known), note.signature_count() - 1);
    }
    match signer().countersign(text) {
        Ok(both) => {
            assert!(!verified && both.starts_with(text), "signed twice by one key");
            let again = Note::parse(both.as_bytes()).expect("a note with one more signature");
            assert_eq!(again.verify(&known), Ok(note.text()));
            assert_eq!(again.signature_count(), note.signature_count() + 1);
            assert_eq!(again.unknown_signatures(&known), note.signature_count());
        }
        Err(NoteError::SignatureDuplicate { .. }) => {
            assert_ne!(note.unknown_signatures(&known), note.signature_count());
        }
        Err(_) => assert_eq!(note.signature_count(), 100),
    }
}

fn checkpoint(text: &str) {
    let Ok(checkpoint) = Checkpoint::parse(text) else { return };
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(check_origin(&checkpoint.origin), Ok(()));
    let signer = signer();
    match checkpoint.sign(&signer) {
        Ok(note) => {
            let key = signer.verifier();
            assert_eq!(checkpoint.origin, ORIGIN);
            assert_eq!(Checkpoint::open(note.as_bytes(), slice::from_ref(&key)), Ok(checkpoint.clone()));
            assert_eq!(KeyRing::single(key).open_checkpoint(note.as_bytes()), Ok(checkpoint));
        }
        Err(NoteError::OriginMismatch { origin }) => assert_ne!(origin, ORIGIN),
        Err(error) => panic!("a checkpoint that was read cannot be signed: {error}"),
    }
}

fn keys(text: &str) {
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
        assert_eq!(check_origin(key.name()), Ok(()));
    }
    if let Ok(signer) = NoteSigner::from_secret(text) {
        assert_eq!(*signer.to_secret(), text);
        let key = signer.verifier();
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key.clone()));
        let note = signer.sign("text\n").expect("a text can be signed");
        let note = Note::parse(note.as_bytes()).expect("what was signed is a note");
        assert_eq!(note.verify(&[key]), Ok("text\n"));
        assert!(!format!("{signer:?}").contains(&signer.to_secret()[12..]), "Debug shows the key");
    }
}

fn key_ring(text: &str) {
    let Ok(ring) = KeyRing::parse(text) else { return };
    assert_eq!(KeyRing::parse(&ring.to_string()), Ok(ring.clone()));
    let all = ring.all();
    assert!(!all.is_empty() && all.iter().all(|key| key.name() == ring.origin()));
    for size in [0, 1, 1_000, u64::MAX] {
        assert!(ring.keys_for(size).iter().all(|key| all.contains(key)));
    }
}

fn proof(text: &str) {
    let Ok(proof) = TlogProof::parse(text) else { return };
    assert_eq!(proof.to_string(), text);
    let keys = [signer().verifier()];
    let (leaf, other) = (leaf_hash(b"line"), leaf_hash(b"another line"));
    if let Ok(checkpoint) = proof.verify(&leaf, &keys) {
        assert!(proof.index < checkpoint.size);
        assert!(proof.verify(&other, &keys).is_err(), "two leaves at one index");
        assert_eq!(proof.verify_with_ring(&leaf, &KeyRing::single(keys[0].clone())), Ok(checkpoint));
    }
}

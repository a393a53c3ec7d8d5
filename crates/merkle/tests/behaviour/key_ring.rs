//! Which keys count for which sizes.

use merkle::{Checkpoint, KeyRing, KeyRingError, NoteError, empty_root};

use crate::notes::signer;

const ORIGIN: &str = "example.com/log";

fn signed(size: u64, seed: u64) -> String {
    let checkpoint =
        Checkpoint { origin: ORIGIN.to_owned(), size, root: empty_root(), extensions: Vec::new() };
    checkpoint.sign(&signer(ORIGIN, seed)).unwrap()
}

#[test]
fn a_lone_key_counts_for_all_sizes() {
    let key = signer(ORIGIN, 1).verifier();
    for ring in [
        KeyRing::parse(&key.to_string()).unwrap(),
        KeyRing::parse(&format!("# ours\n\n  {key}\r\n")).unwrap(),
        KeyRing::parse(&format!("{key} 0 -\n")).unwrap(),
        KeyRing::single(key.clone()),
    ] {
        assert_eq!(ring, KeyRing::single(key.clone()));
        assert_eq!(ring.origin(), ORIGIN);
        for size in [0, 1, u64::MAX] {
            assert_eq!(ring.keys_for(size), std::slice::from_ref(&key));
        }
    }
}

#[test]
fn a_key_counts_from_its_first_size_to_its_last() {
    let (one, two) = (signer(ORIGIN, 1).verifier(), signer(ORIGIN, 2).verifier());
    let text = format!("{one} 0 100\n{two}\t100 -\n{one} 500 500\n");
    let ring = KeyRing::parse(&text).unwrap();
    assert_eq!(ring.all(), [one.clone(), two.clone()]);
    assert_eq!(ring.keys_for(0), std::slice::from_ref(&one));
    assert_eq!(ring.keys_for(99), std::slice::from_ref(&one));
    assert_eq!(ring.keys_for(100), [one.clone(), two.clone()]);
    assert_eq!(ring.keys_for(101), std::slice::from_ref(&two));
    assert_eq!(ring.keys_for(500), [two.clone(), one.clone()]);
    assert_eq!(ring.keys_for(u64::MAX), [two]);
    assert_eq!(KeyRing::parse(&ring.to_string()), Ok(ring));
}

#[test]
fn a_checkpoint_opens_only_within_the_range_of_the_key_that_signed_it() {
    let (one, two) = (signer(ORIGIN, 1).verifier(), signer(ORIGIN, 2).verifier());
    let ring = KeyRing::parse(&format!("{one} 0 100\n{two} 100 -\n")).unwrap();
    for (size, seed) in [(0, 1), (100, 1), (100, 2), (101, 2)] {
        assert_eq!(ring.open_checkpoint(signed(size, seed).as_bytes()).unwrap().size, size);
    }
    for (size, seed) in [(101, 1), (99, 2), (100, 3)] {
        let opened = ring.open_checkpoint(signed(size, seed).as_bytes());
        assert_eq!(opened, Err(NoteError::Unsigned), "size {size}, key {seed}");
    }
    let late = KeyRing::parse(&format!("{one} 50 100\n")).unwrap();
    assert_eq!(late.keys_for(49), []);
    assert_eq!(late.open_checkpoint(signed(49, 1).as_bytes()), Err(NoteError::Unsigned));
}

#[test]
fn errors_name_the_line() {
    let (one, two) = (signer(ORIGIN, 1).verifier(), signer(ORIGIN, 2).verifier());
    let other = signer("example.com/other", 1).verifier();
    for range in ["", "0", "0 1 2", "0 x", "x -", "-1 -", "01 -", "0 +1", "- 0", "0 18446744073709551616"] {
        let refused = Err(KeyRingError::Form { line: 3 });
        assert_eq!(KeyRing::parse(&format!("# keys\n{one} 0 -\n{two} {range}\n")), refused, "{range:?}");
    }
    assert_eq!(KeyRing::parse(&format!("{one} 5 4")), Err(KeyRingError::SizeOrder { line: 1 }));
    let mixed = format!("{one} 0 -\n\n{other} 0 -\n");
    assert_eq!(KeyRing::parse(&mixed), Err(KeyRingError::OriginMismatch { line: 3 }));
    assert!(matches!(KeyRing::parse("\nkey 0 -"), Err(KeyRingError::Key { line: 2, .. })));
    for text in ["", "\n", "# nothing\n"] {
        assert_eq!(KeyRing::parse(text), Err(KeyRingError::Empty));
    }
}

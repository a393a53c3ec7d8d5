//! Signed notes and checkpoints: what opens, and everything that must not.

use merkle::{Checkpoint, Note, NoteError, NoteSigner, VerifierKey, encode_base64, leaf_hash};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// The key and message of the documentation of the Go `note` package, where this format comes from.
const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PUBLISHED_SECRET: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PUBLISHED_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const PUBLISHED_SIGNATURE: &str = "— PeterNeumann \
    x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

pub(crate) fn signer(name: &str, seed: u64) -> NoteSigner {
    NoteSigner::generate(name, &mut StdRng::seed_from_u64(seed)).unwrap()
}

fn checkpoint(size: u64) -> Checkpoint {
    let origin = "example.com/log".to_owned();
    Checkpoint { origin, size, root: leaf_hash(b"root"), extensions: Vec::new() }
}

/// A line that looks like a signature by `key` with this signature.
fn signature_line(key: &VerifierKey, signature: &[u8]) -> String {
    let bytes = [&key.key_id().to_be_bytes(), signature].concat();
    format!("— {} {}\n", key.name(), encode_base64(&bytes))
}

#[test]
fn the_published_note_opens_and_is_what_the_published_key_signs() {
    let note = format!("{PUBLISHED_TEXT}\n{PUBLISHED_SIGNATURE}");
    let key = VerifierKey::parse(PUBLISHED_KEY).unwrap();
    assert_eq!(key.to_string(), PUBLISHED_KEY);
    assert_eq!(Note::parse(note.as_bytes()).unwrap().verify(std::slice::from_ref(&key)), Ok(PUBLISHED_TEXT));
    let signer = NoteSigner::from_secret(PUBLISHED_SECRET).unwrap();
    assert_eq!(signer.verifier(), key);
    assert_eq!(*signer.to_secret(), PUBLISHED_SECRET);
    assert_eq!(signer.sign(PUBLISHED_TEXT).unwrap(), note);
}

#[test]
fn every_changed_byte_of_a_note_is_found() {
    let signer = signer("example.com/log", 1);
    let keys = [signer.verifier()];
    let note = signer.sign("one\n\ntwo\n").unwrap().into_bytes();
    assert!(Note::parse(&note).unwrap().verify(&keys).is_ok());
    for position in 0..note.len() {
        for change in 1..=255 {
            let mut changed = note.clone();
            changed[position] ^= change;
            let opened = Note::parse(&changed).and_then(|note| note.verify(&keys).map(str::to_owned));
            assert!(opened.is_err(), "byte {position} changed by {change:#x} opens");
        }
        assert!(Note::parse(&note[..position]).and_then(|note| note.verify(&keys).map(drop)).is_err());
    }
}

#[test]
fn a_text_may_hold_empty_lines_and_lines_that_look_like_signatures() {
    let signer = signer("example.com/log", 1);
    for text in ["\n", "\n\n\n", "a\n\nb\n", "a\n\n— b AAAAAAA=\n", "é\u{7f}\n"] {
        let note = signer.sign(text).unwrap();
        let parsed = Note::parse(note.as_bytes()).unwrap();
        assert_eq!(parsed.verify(&[signer.verifier()]), Ok(text));
    }
}

#[test]
fn a_text_that_no_note_can_hold_is_not_signed() {
    let signer = signer("example.com/log", 1);
    for text in ["", "no newline", "tab\t\n", "return\r\n", "nul\0\n"] {
        assert!(matches!(signer.sign(text), Err(NoteError::Text(_))), "{text:?}");
    }
}

#[test]
fn what_has_not_the_form_of_a_note_is_refused() {
    let line = "— example.com/log AAAAAAA=\n";
    assert!(Note::parse(format!("text\n\n{line}").as_bytes()).is_ok());
    assert!(Note::parse(format!("text\n\n{}", line.repeat(100)).as_bytes()).is_ok());
    for note in [
        String::new(),
        "\n".to_owned(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        format!("text\n{line}"),
        format!("\n{line}"),
        format!("text\n\n{line}\n"),
        format!("text\n\n{}", line.trim_end()),
        format!("text\n\n{line}text\n"),
        format!("text\n\n{}", line.repeat(101)),
        format!("te\txt\n\n{line}"),
        format!("text\r\n\r\n{line}"),
        "text\n\n- example.com/log AAAAAAA=\n".to_owned(),
        "text\n\n—example.com/log AAAAAAA=\n".to_owned(),
        "text\n\n—  AAAAAAA=\n".to_owned(),
        "text\n\n— example.com/log  AAAAAAA=\n".to_owned(),
        "text\n\n— example.com/log AAAAAAA= \n".to_owned(),
        "text\n\n— example.com/log AAAAAAA\n".to_owned(),
        "text\n\n— example.com/log AAAAAAB=\n".to_owned(),
        "text\n\n— example.com/log AAAAAA==\n".to_owned(),
        "text\n\n— example.com/log \n".to_owned(),
        "text\n\n— example+log AAAAAAA=\n".to_owned(),
        "text\n\n— example\u{2003}log AAAAAAA=\n".to_owned(),
    ] {
        assert!(matches!(Note::parse(note.as_bytes()), Err(NoteError::Malformed(_))), "{note:?}");
    }
    let invalid = [b"text\xff\n\n", line.as_bytes()].concat();
    assert_eq!(Note::parse(&invalid), Err(NoteError::Malformed("not UTF-8")));
}

#[test]
fn unknown_signatures_are_ignored_but_counted() {
    let (known, unknown) = (signer("example.com/log", 1), signer("witness.example", 2));
    let keys = [known.verifier()];
    let note = unknown.countersign(&known.sign("text\n").unwrap()).unwrap();
    let parsed = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.verify(&keys), Ok("text\n"));
    assert_eq!(parsed.signature_count(), 2);
    assert_eq!(parsed.unknown_signatures(&keys), 1);
    assert_eq!(parsed.unknown_signatures(&[known.verifier(), unknown.verifier()]), 0);
    let stranger = Note::parse(unknown.sign("text\n").unwrap().as_bytes()).unwrap();
    assert_eq!(stranger.verify(&keys), Err(NoteError::Unsigned));
    assert_eq!(stranger.verify(&[]), Err(NoteError::Unsigned));
}

#[test]
fn a_key_of_the_same_name_or_of_the_same_id_is_another_key() {
    let known = signer("example.com/log", 1).verifier();
    let good = signer("example.com/log", 1).sign("text\n").unwrap();
    let same_name = signature_line(&signer("example.com/log", 2).verifier(), &[0; 64]);
    let same_id = signature_line(&known, &[0; 64]).replace("example.com/log", "example.com/other");
    for line in [same_name, same_id] {
        let note = Note::parse(format!("{good}{line}").as_bytes()).unwrap();
        assert_eq!(note.verify(std::slice::from_ref(&known)), Ok("text\n"));
        assert_eq!(note.unknown_signatures(std::slice::from_ref(&known)), 1);
    }
}

#[test]
fn one_bad_signature_by_a_known_key_spoils_the_note() {
    let (one, two) = (signer("example.com/log", 1), signer("example.com/log", 2));
    let good = one.sign("text\n").unwrap();
    let keys = [one.verifier(), two.verifier()];
    for signature in [&[0; 64][..], &[0; 63], &[0; 65], &[0]] {
        let note = format!("{good}{}", signature_line(&two.verifier(), signature));
        let (name, key_id) = (two.name().to_owned(), two.verifier().key_id());
        let refused = Err(NoteError::SignatureInvalid { name, key_id });
        assert_eq!(Note::parse(note.as_bytes()).unwrap().verify(&keys), refused);
    }
}

#[test]
fn a_signature_counts_once() {
    let signer = signer("example.com/log", 1);
    let keys = [signer.verifier()];
    let note = signer.sign("text\n").unwrap();
    let line = &note["text\n\n".len()..];
    let (name, key_id) = (signer.name().to_owned(), signer.verifier().key_id());
    let duplicate = NoteError::SignatureDuplicate { name, key_id };
    let doubled = Note::parse(format!("{note}{line}").as_bytes()).unwrap();
    assert_eq!(doubled.verify(&keys), Err(duplicate.clone()));
    assert_eq!(signer.countersign(&note), Err(duplicate));
    let twice_known = [signer.verifier(), signer.verifier()];
    assert!(Note::parse(note.as_bytes()).unwrap().verify(&twice_known).is_ok());
}

#[test]
fn both_keys_of_a_rotation_can_sign_one_note() {
    let (old, new) = (signer("example.com/log", 1), signer("example.com/log", 2));
    let note = new.countersign(&old.sign("text\n").unwrap()).unwrap();
    let note = Note::parse(note.as_bytes()).unwrap();
    let keys = [new.verifier(), old.verifier()];
    assert_eq!(note.signers(&keys).unwrap(), [&old.verifier(), &new.verifier()]);
    assert_eq!(note.signers(&keys[..1]).unwrap(), [&new.verifier()]);
}

#[test]
fn keys_are_read_only_as_they_are_written() {
    let (name, rest) = PUBLISHED_KEY.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    let weak = encode_base64(&[&[1_u8, 1][..], &[0; 31]].concat());
    for text in [
        String::new(),
        name.to_owned(),
        format!("{name}+{id}"),
        format!("+{id}+{key}"),
        format!("Peter Neumann+{id}+{key}"),
        format!("PeterNeuman+{id}+{key}"),
        format!("{name}+{}+{key}", id.to_uppercase()),
        format!("{name}+{}+{key}", &id[1..]),
        format!("{name}+c74f20a4+{key}"),
        format!("{name}+{id}+{}", &key[1..]),
        format!("{name}+{id}+{key}\n"),
        format!("{name}+{id}+A{}", &key[1..]).replace("ARpc", "Ahpc"),
        format!("{name}+{id}+{}", encode_base64(&[1; 32])),
        format!("{name}+{id}+{weak}"),
        format!("{name}+{id}+"),
    ] {
        assert!(VerifierKey::parse(&text).is_err(), "{text:?}");
    }
    for text in [
        PUBLISHED_KEY.to_owned(),
        PUBLISHED_SECRET.replace("PRIVATE+KEY+", ""),
        PUBLISHED_SECRET.replace("c74f20a3", "c74f20a4"),
        PUBLISHED_SECRET.replace("Peter", "Pieter"),
        PUBLISHED_SECRET.replace("c74f20a3", "C74F20A3"),
        PUBLISHED_SECRET.replace("+AYEK", "+AoEK"),
        PUBLISHED_SECRET.replace("+AYEK", "+AYEL"),
        PUBLISHED_SECRET[..PUBLISHED_SECRET.len() - 4].to_owned(),
        format!("{PUBLISHED_SECRET}AAAA"),
        format!("{PUBLISHED_SECRET}\n"),
    ] {
        assert!(NoteSigner::from_secret(&text).is_err(), "{text:?}");
    }
}

#[test]
fn debug_output_never_holds_the_secret() {
    let signer = NoteSigner::from_secret(PUBLISHED_SECRET).unwrap();
    assert_eq!(format!("{signer:?}"), "NoteSigner(PeterNeumann+c74f20a3)");
}

#[test]
fn names_that_are_no_origin_get_no_key() {
    for name in ["", "a b", "a+b", "{a"] {
        let made = NoteSigner::generate(name, &mut StdRng::seed_from_u64(1));
        assert!(matches!(made, Err(NoteError::Origin(_))), "{name:?}");
    }
}

#[test]
fn a_checkpoint_opens_only_under_a_key_of_its_own_origin() {
    let (log, witness) = (signer("example.com/log", 1), signer("witness.example", 2));
    let signed = checkpoint(7).sign(&log).unwrap();
    assert_eq!(Checkpoint::open(signed.as_bytes(), &[log.verifier()]), Ok(checkpoint(7)));
    let witnessed = witness.countersign(&signed).unwrap();
    let both = [witness.verifier(), log.verifier()];
    assert_eq!(Checkpoint::open(witnessed.as_bytes(), &both), Ok(checkpoint(7)));
    let mismatch = NoteError::OriginMismatch { origin: "example.com/log".to_owned() };
    assert_eq!(Checkpoint::open(witnessed.as_bytes(), &both[..1]), Err(mismatch.clone()));
    assert_eq!(checkpoint(7).sign(&witness), Err(mismatch));
}

#[test]
fn a_checkpoint_with_lines_it_could_not_be_read_back_with_is_not_signed() {
    let log = signer("example.com/log", 1);
    for line in ["", "two\nlines", "tab\t"] {
        let checkpoint = Checkpoint { extensions: vec![line.to_owned()], ..checkpoint(7) };
        assert!(matches!(checkpoint.sign(&log), Err(NoteError::Checkpoint(_))), "{line:?}");
    }
}

#[test]
fn a_signed_text_that_is_no_checkpoint_is_not_opened_as_one() {
    let log = signer("example.com/log", 1);
    let note = log.sign("{\"format\":\"strongroom-batch/1\"}\n").unwrap();
    assert!(matches!(Checkpoint::open(note.as_bytes(), &[log.verifier()]), Err(NoteError::Origin(_))));
}

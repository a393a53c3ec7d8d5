use archive::{BATCHES_DIRECTORY, BatchId, BatchPlan, Manifest, Reason};
use merkle::{KeyRing, leaf_hash};

use crate::sample::{ORIGIN, signer};

/// The input is a signed manifest as stored, or the JSON text of one, which is then signed as the ledger would have.
///
/// No bytes without the ledger's signature are a manifest. What opens is what was written, to the byte; its numbers and
/// names agree with each other; its keys stay inside their directories; and one other byte makes it no manifest.
pub fn manifest(data: &[u8]) {
    let ring = KeyRing::single(signer().verifier());
    if let Ok(stored) = Manifest::open(data, &ring) {
        assert_eq!(
            stored.sign(&signer()).expect("it was signed").as_bytes(),
            data,
            "a manifest has one form"
        );
        is_consistent(&stored);
    }
    let Ok(mut manifest) = serde_json::from_slice::<Manifest>(data) else { return };
    if manifest.origin == ORIGIN {
        let checkpoint = plan(&manifest).checkpoint(leaf_hash(data));
        // An extension line has no control character, and neither has the id of a batch.
        manifest.checkpoint = checkpoint.sign(&signer()).expect("a batch's checkpoint can be signed");
    }
    let note = manifest.sign(&signer()).expect("JSON in one line can be signed");
    match Manifest::open(note.as_bytes(), &ring) {
        Ok(opened) => {
            assert_eq!(opened, manifest);
            is_consistent(&opened);
            counts_for_its_size_only(&note, manifest.size());
            is_covered(&note, data, &ring);
        }
        Err(problem) => {
            let reasons = [Reason::ManifestSignatureInvalid, Reason::CheckpointSignatureInvalid];
            assert!(reasons.contains(&problem.reason), "{problem}");
        }
    }
}

fn plan(manifest: &Manifest) -> BatchPlan {
    BatchPlan {
        id: manifest.batch.clone(),
        origin: manifest.origin.clone(),
        created_at: manifest.created_at,
        first_seq: manifest.first_seq,
        last_seq: manifest.last_seq,
        previous: manifest.previous.clone(),
    }
}

fn is_consistent(manifest: &Manifest) {
    assert_eq!(manifest.origin, ORIGIN);
    assert_eq!(BatchId::parse(manifest.batch.as_str()).expect("a batch id reads back"), manifest.batch);
    assert!(is_plain_path(&manifest.key()) && manifest.key().starts_with(BATCHES_DIRECTORY));
    assert_eq!(u128::from(manifest.entries), u128::from(manifest.last_seq - manifest.first_seq) + 1);
    assert_eq!(manifest.previous.is_none(), manifest.first_seq == 0);
    let entries: u128 = manifest.objects.iter().map(|object| u128::from(object.entries)).sum();
    assert_eq!(entries, u128::from(manifest.entries));
    for object in &manifest.objects {
        assert!(is_plain_path(&object.key), "{}", object.key);
        assert!(object.key.starts_with(&format!("{}/org_", object.stream)), "{}", object.key);
        assert!(manifest.first_seq <= object.first_seq && object.last_seq <= manifest.last_seq);
        assert!(object.entries >= 1 && object.first_occurred_at <= object.last_occurred_at);
        let members = object.member_seqs();
        assert_eq!(members.first().map(|range| *range.start()), Some(object.first_seq));
        assert_eq!(members.last().map(|range| *range.end()), Some(object.last_seq));
        assert!(members.iter().all(|range| !range.is_empty()), "a gzip member without entries");
        assert!(members.windows(2).all(|pair| pair[0].end() + 1 == *pair[1].start()));
    }
    let mut keys: Vec<_> = manifest.objects.iter().map(|object| &object.key).collect();
    keys.dedup();
    assert!(keys.is_sorted() && keys.len() == manifest.objects.len(), "two objects under one key");
}

/// Whether a key names a file below the directories it spells, on every file system.
fn is_plain_path(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-%~/".contains(&byte);
    key.bytes().all(is_plain) && key.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A key that came before or after signs nothing here.
fn counts_for_its_size_only(note: &str, size: u64) {
    let key = signer().verifier();
    for (range, counts) in
        [(format!("{size} {size}"), true), (format!("{} -", size.saturating_add(1)), size == u64::MAX)]
    {
        let ring = KeyRing::parse(&format!("{key} {range}")).expect("a list of one key");
        assert_eq!(Manifest::open(note.as_bytes(), &ring).is_ok(), counts, "sizes {range}");
    }
}

/// One byte of the note, chosen by the input, is changed in one bit.
fn is_covered(note: &str, data: &[u8], ring: &KeyRing) {
    let hash = leaf_hash(data).0;
    let chosen = u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]);
    let mut changed = note.as_bytes().to_vec();
    let at = (chosen % changed.len() as u64) as usize;
    changed[at] ^= 1 << (hash[8] % 8);
    assert!(Manifest::open(&changed, ring).is_err(), "byte {at} of a manifest may be changed");
}

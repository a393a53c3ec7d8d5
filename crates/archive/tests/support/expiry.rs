//! Notes on what expired, of an archive's files.

#![allow(dead_code)]

use archive::{Digest, ExpiredObject, ExpiryNote, ExpiryPlan, Manifest, ManifestRef};
use flate2::read::MultiGzDecoder;
use merkle::{Hash, leaf_hash};

use crate::support::{Files, keys, time};

/// The key of the last manifest, and the manifest.
pub(crate) fn last_manifest(files: &Files) -> (String, Manifest) {
    let (key, bytes) = files.iter().rfind(|(key, _)| key.ends_with(".manifest")).unwrap();
    (key.clone(), Manifest::open(bytes, &keys()).unwrap())
}

pub(crate) fn leaves(files: &Files, key: &str) -> Vec<(u64, Hash)> {
    use std::io::BufRead as _;
    let lines = std::io::BufReader::new(MultiGzDecoder::new(files[key].as_slice())).split(b'\n');
    let leaf = |line: std::io::Result<Vec<u8>>| {
        let line = line.unwrap();
        (event::EntryFields::parse(&line).unwrap().seq, leaf_hash(&line))
    };
    lines.map(leaf).collect()
}

pub(crate) fn plan(files: &Files) -> ExpiryPlan {
    let (key, manifest) = last_manifest(files);
    ExpiryPlan {
        origin: manifest.origin.clone(),
        created_at: time("2029-05-02T02:30:17Z"),
        tree_size: manifest.size(),
        batch: manifest.batch.clone(),
        number: 1,
        manifest: ManifestRef { sha256: Digest::of(&files[&key]), key },
    }
}

/// A note on the objects of the last batch under a prefix.
pub(crate) fn note(files: &Files, prefix: &str) -> ExpiryNote {
    let (_, manifest) = last_manifest(files);
    let objects = manifest.objects.iter().filter(|object| object.key.starts_with(prefix));
    let expired = objects.map(|object| ExpiredObject::new(object, &leaves(files, &object.key)));
    ExpiryNote::new(plan(files), expired.collect())
}

/// The same with one leaf hash that is another.
pub(crate) fn with_other_leaves(note: &ExpiryNote) -> ExpiryNote {
    let mut note = note.clone();
    let object = &mut note.objects[0];
    let mut leaves = merkle::decode_base64(&object.leaves).unwrap();
    leaves[0] ^= 1;
    object.leaves = merkle::encode_base64(&leaves);
    note
}

//! The archive's files, seen from the ledger.

use std::fs;
use std::path::PathBuf;

use crate::case::{Case, Findings};
use crate::sample::Scene;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = objects();
    cases.extend(manifests());
    cases
}

/// What the ledger says about its control rows is in the archive too: where that is damaged, they are not compared.
const UNCHECKED: Findings = &[("state-unchecked", None)];

fn objects() -> Vec<Case> {
    let cases = [
        Case::by_rows(
            "archive: object deleted",
            |scene| fs::remove_file(object(scene, 1)).unwrap(),
            &[("object-missing", Some(1))],
        ),
        Case::by_full(
            "archive: object deleted, full",
            |scene| fs::remove_file(object(scene, 1)).unwrap(),
            &[("object-missing", Some(1))],
        ),
        Case::by_full(
            "archive: object changed",
            |scene| {
                let path = object(scene, 58_000);
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::remove_file(&path).unwrap();
                fs::write(&path, bytes).unwrap();
            },
            &[("object-hash-mismatch", Some(58_000))],
        ),
        Case::by_full(
            "archive: two objects swapped",
            |scene| {
                let (one, other) = (object(scene, 1), object(scene, 2));
                let aside = scene.archive_directory().join("a");
                fs::rename(&one, &aside).unwrap();
                fs::rename(&other, &one).unwrap();
                fs::rename(&aside, &other).unwrap();
            },
            &[("object-hash-mismatch", Some(1)), ("object-hash-mismatch", Some(2))],
        ),
    ];
    cases.into_iter().map(|case| Case { warnings: UNCHECKED, ..case }).collect()
}

fn manifests() -> Vec<Case> {
    vec![
        Case {
            warnings: &[("object-unlisted", None), ("state-unchecked", None)],
            ..Case::by_rows(
                "archive: first manifest deleted",
                |scene| fs::remove_file(manifest(scene, 0)).unwrap(),
                &[("manifest-missing", Some(0))],
            )
        },
        Case {
            warnings: &[("object-unlisted", None)],
            ..Case::by_rows(
                "archive: last manifest deleted",
                |scene| fs::remove_file(manifest(scene, 58_000)).unwrap(),
                &[
                    ("entry-missing", Some(58_000)),
                    ("log-truncated", Some(58_000)),
                    ("manifest-missing", Some(58_000)),
                ],
            )
        },
    ]
}

/// The file of the object whose first entry this is.
fn object(scene: &Scene, first_seq: u64) -> PathBuf {
    let query = "SELECT body ->> 'key' FROM object WHERE body ->> 'first_seq' = ?1";
    let connection = scene.database();
    let key: String = connection.query_row(query, [first_seq as i64], |row| row.get(0)).unwrap();
    scene.archive_directory().join(key)
}

/// The manifest of the batch whose first entry this is.
fn manifest(scene: &Scene, first_seq: u64) -> PathBuf {
    let query = "SELECT body ->> '$.completed.manifest.key' FROM batch WHERE key = ?1";
    let connection = scene.database();
    let key: String = connection.query_row(query, [format!("{first_seq:020}")], |row| row.get(0)).unwrap();
    scene.archive_directory().join(key)
}

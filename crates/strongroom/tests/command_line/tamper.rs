use std::fs;
use std::path::{Path, PathBuf};

use crate::workplace::{Workplace, events, now};

fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn archived() -> Workplace {
    let place = Workplace::with_ledger();
    place.append(&events(0..30)).succeeds();
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    place
}

#[test]
fn a_flipped_bit_in_the_archive_is_found_offline_and_beside_the_ledger() {
    let place = archived();
    let object = files(&place.data().join("archive/audit/org_7"), ".jsonl.gz").remove(0);
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&object, bytes).unwrap();

    let vkey = place.vkey();
    let offline = ["verify", "--archive", "data/archive", "--key", &vkey, "--json"];
    let report = place.run(&offline).exits(1).json();
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"][0]["reason"], "object-hash-mismatch");
    assert_eq!(report["problems"][0]["seq"], 2, "the object's first entry");

    let report = place.run(&["verify", "--full", "--json"]).exits(1).json();
    let problems = report["problems"].as_array().unwrap();
    let found = problems.iter().find(|problem| problem["reason"] == "object-hash-mismatch").unwrap();
    assert_eq!(found["seq"], 2);
    let human = place.run(&["verify", "--full"]).exits(1);
    assert!(human.stdout.contains("NOT as it was signed"), "{}", human.stdout);
}

#[test]
fn a_changed_hot_line_is_found() {
    let place = Workplace::with_ledger();
    place.append(&events(0..30)).succeeds();
    place.run(&["verify"]).succeeds();
    // Empties the WAL, so that the rows are in the file itself.
    place.run(&["checkpoint"]).succeeds();
    let file = place.data().join("ledger.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let needle = b"\"request_id\":\"request-17\"";
    // All copies: pages that were split keep what they held in their free space.
    let found: Vec<usize> =
        (0..bytes.len() - needle.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[at + needle.len() - 2] = b'8';
    }
    fs::write(&file, bytes).unwrap();
    let report = place.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(report["problems"][0]["seq"], 19);
}

#[test]
fn a_missing_manifest_is_found() {
    let place = archived();
    place.append(&events(30..40)).succeeds();
    place.run(&["archive", "run", "--before", &now()]).succeeds();
    let batches = place.run(&["archive", "list", "--json"]).succeeds().json_lines();
    assert_eq!(batches.len(), 2);
    let first = batches[0]["manifest_key"].as_str().unwrap();
    fs::remove_file(place.data().join("archive").join(first)).unwrap();
    let vkey = place.vkey();
    let offline = ["verify", "--archive", "data/archive", "--key", &vkey, "--json"];
    let report = place.run(&offline).exits(1).json();
    assert_eq!(report["problems"][0]["reason"], "manifest-missing");
    place.run(&["verify"]).exits(1);
}

#[test]
fn an_older_copy_of_the_ledger_is_not_signed_again() {
    let place = Workplace::with_ledger();
    place.append(&events(0..3)).succeeds();
    let older = fs::read(place.data().join("ledger.sqlite")).unwrap();
    place.append(&events(3..6)).succeeds();
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(place.data().join(format!("ledger.sqlite{suffix}")));
    }
    fs::write(place.data().join("ledger.sqlite"), older).unwrap();
    place.run(&["verify"]).exits(1);
    place.append(&events(9..10)).exits(2);
}

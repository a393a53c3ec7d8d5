//! Every input of the corpora, and every one that ever found a defect, still passes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzzing::TARGETS;

/// A corpus stays small enough to be read and replayed with every test run.
const CORPUS_FILES_MAX: usize = 200;
const CORPUS_BYTES_MAX: u64 = 300 << 10;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder, sorted; none where there is no folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = listing.map(|item| item.unwrap().path()).collect();
    files.sort();
    files
}

/// The names of what is in a folder, without extensions.
fn names(folder: &Path) -> BTreeSet<String> {
    files(folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn targets() -> BTreeSet<String> {
    TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_input_passes() {
    for (name, check) in TARGETS {
        let corpus = files(&folder("corpus").join(name));
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for path in corpus.into_iter().chain(files(&folder("regressions").join(name))) {
            // Seen only when the target panics: which input it was.
            println!("{name}: {}", path.display());
            check(&fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_program_a_dictionary_and_a_corpus_and_nothing_else_has() {
    assert_eq!(names(&folder("../../fuzz/fuzz_targets")), targets());
    assert_eq!(names(&folder("dictionaries")), targets());
    assert_eq!(names(&folder("corpus")), targets());
    assert!(names(&folder("regressions")).is_subset(&targets()));
}

#[test]
fn a_corpus_is_small() {
    for (name, _) in TARGETS {
        let files = files(&folder("corpus").join(name));
        let bytes: u64 = files.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(files.len() <= CORPUS_FILES_MAX, "{name}: {} files", files.len());
        assert!(bytes <= CORPUS_BYTES_MAX, "{name}: {bytes} bytes");
    }
}

//! Whatever is done to the files of an archive, `verify` finds it and says what it is.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use archive::{ArchiveReport, Destination, Reason, VerifyOptions, verify};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use support::{Files, archive_all, archive_of, in_memory, keys, ledger, read_all, report, report_with};

const SIZES: [u64; 3] = [7, 12, 20];

/// Flips of the lowest bit, of the letter case, and of everything.
const PATTERNS: [u8; 3] = [0x01, 0x20, 0xff];

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Object,
    Sidecar,
    Manifest,
    Checkpoint,
    Tile,
}

fn kind(key: &str) -> Kind {
    if key.starts_with("log/tile/") {
        Kind::Tile
    } else if key.starts_with("log/checkpoint/") {
        Kind::Checkpoint
    } else if key.ends_with(".manifest") {
        Kind::Manifest
    } else if key.ends_with(".sha256") {
        Kind::Sidecar
    } else {
        Kind::Object
    }
}

fn when_changed(kind: Kind) -> Reason {
    match kind {
        Kind::Object => Reason::ObjectHashMismatch,
        Kind::Sidecar => Reason::SidecarMismatch,
        Kind::Manifest => Reason::ManifestSignatureInvalid,
        Kind::Checkpoint => Reason::CheckpointSignatureInvalid,
        Kind::Tile => Reason::TileMismatch,
    }
}

async fn small_archive() -> Files {
    let destination = in_memory();
    archive_all(&destination, &ledger(20), &SIZES).await;
    let report = report(&destination).await;
    assert!(report.ok && report.covered == 20 && report.warnings.is_empty(), "{report:#?}");
    read_all(&destination).await
}

#[track_caller]
fn assert_first(report: &ArchiveReport, reason: Reason, key: &str, what: &str) {
    let first = report.problems.first().unwrap_or_else(|| panic!("{what}: nothing found"));
    assert_eq!((first.reason, first.key.as_deref()), (reason, Some(key)), "{what}: {:#?}", report.problems);
    assert!(!report.ok);
}

/// Every way a file's bytes are changed in the walk.
fn mutations(kind: Kind, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut mutations = Vec::new();
    for at in 0..bytes.len() {
        for pattern in PATTERNS {
            let mut changed = bytes.to_vec();
            changed[at] ^= pattern;
            mutations.push(changed);
        }
        // The character before the padding carries bits that decode to nothing.
        if bytes[at] == b'=' && at > 0 && matches!(kind, Kind::Manifest | Kind::Checkpoint) {
            for letter in BASE64.iter().filter(|letter| **letter != bytes[at - 1]) {
                let mut changed = bytes.to_vec();
                changed[at - 1] = *letter;
                mutations.push(changed);
            }
        }
    }
    mutations.push(Vec::new());
    mutations.push(bytes[..bytes.len() - 1].to_vec());
    mutations.push([bytes, b"\n"].concat());
    mutations.push([bytes, bytes].concat());
    mutations
}

#[tokio::test]
async fn every_flipped_byte_of_every_file_is_found() {
    let files = Arc::new(small_archive().await);
    let next = Arc::new(AtomicUsize::new(0));
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let walkers = (0..workers).map(|_| {
        let (files, next) = (Arc::clone(&files), Arc::clone(&next));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { walk(&files, &next).await })
        })
    });
    let walked: usize = walkers.collect::<Vec<_>>().into_iter().map(|walker| walker.join().unwrap()).sum();
    assert!(walked > 3 * files.values().map(Vec::len).sum::<usize>());
}

/// Takes files off the common counter; gives how many changes were tried.
async fn walk(files: &Files, next: &AtomicUsize) -> usize {
    let store = Arc::new(InMemory::new());
    for (key, bytes) in files {
        store.put(&Path::parse(key).unwrap(), bytes.clone().into()).await.unwrap();
    }
    let destination = Destination::over_store("memory", store.clone(), "").unwrap();
    let mut tried = 0;
    while let Some((key, bytes)) = files.iter().nth(next.fetch_add(1, Ordering::Relaxed)) {
        let path = Path::parse(key).unwrap();
        for (number, changed) in mutations(kind(key), bytes).into_iter().enumerate() {
            store.put(&path, changed.into()).await.unwrap();
            let report = report(&destination).await;
            assert_first(&report, when_changed(kind(key)), key, &format!("{key}, change {number}"));
            tried += 1;
        }
        store.put(&path, bytes.clone().into()).await.unwrap();
    }
    tried
}

#[tokio::test]
async fn every_deleted_file_is_missed() {
    let files = small_archive().await;
    let manifests: Vec<&String> = files.keys().filter(|key| kind(key) == Kind::Manifest).collect();
    for key in files.keys() {
        let mut left = files.clone();
        left.remove(key);
        let report = report(&archive_of(&left).await).await;
        match kind(key) {
            Kind::Sidecar => assert_first(&report, Reason::SidecarMissing, key, key),
            Kind::Object | Kind::Checkpoint => assert_first(&report, Reason::ObjectMissing, key, key),
            Kind::Tile => {
                assert_first(&report, Reason::TileMismatch, key, key);
                assert!(report.problems[0].message.contains("missing"));
            }
            Kind::Manifest => {
                let position = manifests.iter().position(|manifest| *manifest == key).unwrap();
                let last = position == manifests.len() - 1;
                let start = [0, SIZES[0], SIZES[1]][position];
                let first = &report.problems[0];
                let expected = if last { Reason::LogTruncated } else { Reason::ManifestMissing };
                assert_eq!((first.reason, first.seq), (expected, Some(start)), "{:#?}", report.problems);
                assert_eq!(report.covered, start, "{key}");
            }
        }
    }
}

#[tokio::test]
async fn every_swapped_pair_of_files_is_found() {
    let files = small_archive().await;
    let keys: Vec<&String> = files.keys().collect();
    for (position, left) in keys.iter().enumerate() {
        for right in &keys[position + 1..] {
            if kind(left) != kind(right) || files[*left] == files[*right] {
                continue;
            }
            let mut swapped = files.clone();
            swapped.insert((*left).clone(), files[*right].clone());
            swapped.insert((*right).clone(), files[*left].clone());
            let report = report(&archive_of(&swapped).await).await;
            let expected = match kind(left) {
                Kind::Manifest => Reason::ManifestChainBroken,
                Kind::Checkpoint => Reason::RootMismatch,
                other => when_changed(other),
            };
            assert_eq!(report.problems[0].reason, expected, "{left} and {right}: {:#?}", report.problems);
            assert!(!report.ok);
        }
    }
}

/// The archive without everything its last batch wrote.
fn without_last_batch(files: &Files, before: &Files) -> Files {
    files
        .iter()
        .filter(|(key, _)| before.contains_key(*key))
        .map(|(key, bytes)| (key.clone(), bytes.clone()))
        .collect()
}

#[tokio::test]
async fn a_batch_cut_off_cleanly_is_found_only_with_a_checkpoint_from_elsewhere() {
    let files = small_archive().await;
    let shorter = in_memory();
    archive_all(&shorter, &ledger(20), &SIZES[..2]).await;
    let cut = archive_of(&without_last_batch(&files, &read_all(&shorter).await)).await;

    let alone = report(&cut).await;
    assert!(alone.ok && alone.covered == 12);
    assert!(alone.complete_up_to.contains("later batches cannot be excluded"), "{}", alone.complete_up_to);

    let checkpoint = files["log/checkpoint/00000000000000000020"].clone();
    let manifest = files.iter().rfind(|(key, _)| kind(key) == Kind::Manifest).unwrap().1.clone();
    for outside in [checkpoint, manifest] {
        let options = VerifyOptions { checkpoint: Some(outside), ..VerifyOptions::default() };
        let found = report_with(&cut, options).await;
        assert_eq!(found.problems[0].reason, Reason::LogTruncated);
        assert_eq!((found.problems[0].seq, found.checkpoint_size), (Some(12), Some(20)));
    }

    let expecting = VerifyOptions { expect_archived: Some(13), ..VerifyOptions::default() };
    assert_eq!(report_with(&cut, expecting).await.problems[0].reason, Reason::LogTruncated);
}

#[tokio::test]
async fn a_larger_checkpoint_that_is_no_batch_is_no_finding() {
    let destination = in_memory();
    let ledger = ledger(20);
    archive_all(&destination, &ledger, &[7]).await;
    let tree = support::tree(&ledger);
    for (size, ok) in [(3, true), (7, true), (20, true)] {
        let note = checkpoint_note(size, tree.root(size).unwrap());
        let options = VerifyOptions { checkpoint: Some(note), ..VerifyOptions::default() };
        let report = report_with(&destination, options).await;
        assert_eq!((report.ok, report.covered, report.checkpoint_size), (ok, 7, Some(size)));
    }
    let forked = VerifyOptions {
        checkpoint: Some(checkpoint_note(3, tree.root(4).unwrap())),
        ..VerifyOptions::default()
    };
    assert_eq!(report_with(&destination, forked).await.problems[0].reason, Reason::RootMismatch);
}

fn checkpoint_note(size: u64, root: merkle::Hash) -> Vec<u8> {
    let checkpoint =
        merkle::Checkpoint { origin: support::ORIGIN.to_owned(), size, root, extensions: Vec::new() };
    checkpoint.sign(&support::signer()).unwrap().into_bytes()
}

#[tokio::test]
async fn a_key_counts_only_for_its_sizes() {
    let destination = archive_of(&small_archive().await).await;
    let key = support::signer().verifier();
    let until = merkle::KeyRing::parse(&format!("{key} 0 12\n")).unwrap();
    let report = verify(&destination, &until, &VerifyOptions::default(), &()).await.unwrap();
    assert_eq!(report.problems[0].reason, Reason::ManifestSignatureInvalid);
    assert_eq!(report.covered, 12);
    assert!(verify(&destination, &keys(), &VerifyOptions::default(), &()).await.unwrap().ok);
}

#[tokio::test]
async fn an_empty_archive_verifies_as_empty_and_says_so() {
    let report = report(&in_memory()).await;
    assert!(report.ok);
    assert_eq!((report.entries, report.covered), (0, 0));
    assert!(report.complete_up_to.contains("empty"), "{}", report.complete_up_to);
}

#[tokio::test]
async fn a_file_no_manifest_names_is_a_warning() {
    let mut files = small_archive().await;
    files.insert("audit/org_7/2026/04/stray.jsonl.gz".to_owned(), b"x".to_vec());
    files.insert("batches/2026/05/01T023022Z-0000000000000007.notes".to_owned(), b"x".to_vec());
    let report = report(&archive_of(&files).await).await;
    assert!(report.ok);
    assert_eq!(report.warnings.len(), 2);
    assert!(report.warnings.iter().all(|warning| warning.reason == Reason::ObjectUnlisted));
}

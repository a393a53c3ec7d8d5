//! What a report says of an archive's end: damage is not a missing end, and an empty archive is empty.

mod support;

use archive::{ArchiveReport, Reason, VerifyOptions, verify};
use merkle::{KeyRing, NoteSigner};
use support::{Files, archive_all, archive_of, in_memory, keys, ledger, read_all, report_with, tree};

const CHECKPOINT: &str = "log/checkpoint/00000000000000000020";

async fn three_batches() -> Files {
    let destination = in_memory();
    archive_all(&destination, &ledger(20), &[7, 12, 20]).await;
    read_all(&destination).await
}

/// One byte flipped in an object of the second batch.
fn damaged(files: &Files) -> (Files, String) {
    let mut files = files.clone();
    let key =
        files.keys().find(|key| key.contains("T023026Z") && key.ends_with(".jsonl.gz")).unwrap().clone();
    files.get_mut(&key).unwrap()[20] ^= 1;
    (files, key)
}

fn given(files: &Files) -> VerifyOptions {
    VerifyOptions { checkpoint: Some(files[CHECKPOINT].clone()), ..VerifyOptions::default() }
}

fn expecting(entries: u64) -> VerifyOptions {
    VerifyOptions { expect_archived: Some(entries), ..VerifyOptions::default() }
}

fn reasons(report: &ArchiveReport) -> Vec<Reason> {
    report.problems.iter().map(|problem| problem.reason).collect()
}

#[tokio::test]
async fn damage_is_not_taken_for_a_missing_end() {
    let files = three_batches().await;
    let (damaged, key) = damaged(&files);
    let archive = archive_of(&damaged).await;
    for options in [given(&files), expecting(20), expecting(12)] {
        let report = report_with(&archive, options).await;
        assert_eq!(reasons(&report), [Reason::ObjectHashMismatch], "{:#?}", report.problems);
        assert_eq!((report.problems[0].key.as_ref(), report.covered), (Some(&key), 7));
        let sentence = &report.complete_up_to;
        assert!(sentence.contains("the entries from seq 7 on are not proven"), "{sentence}");
        assert!(!sentence.contains("not in this archive"), "{sentence}");
    }
}

#[tokio::test]
async fn an_end_that_is_missing_behind_damage_is_found_after_it() {
    let (damaged, _) = damaged(&three_batches().await);
    let report = report_with(&archive_of(&damaged).await, expecting(21)).await;
    assert_eq!(reasons(&report), [Reason::ObjectHashMismatch, Reason::LogTruncated]);
    assert_eq!(report.problems[1].seq, Some(20));
}

#[tokio::test]
async fn a_checkpoint_of_another_history_is_found_behind_damage() {
    let files = three_batches().await;
    let (damaged, _) = damaged(&files);
    let checkpoint = support::plan(12, 19, None).checkpoint(tree(&ledger(30)).root(20).unwrap());
    let note = checkpoint.sign(&support::signer()).unwrap().into_bytes();
    let options = VerifyOptions { checkpoint: Some(note.clone()), ..VerifyOptions::default() };
    let found = report_with(&archive_of(&damaged).await, options.clone()).await;
    assert_eq!(reasons(&found), [Reason::ObjectHashMismatch, Reason::RootMismatch]);

    let whole = report_with(&archive_of(&files).await, options).await;
    assert_eq!(reasons(&whole), [Reason::RootMismatch]);
    assert!(!whole.complete_up_to.contains("part of it"), "{}", whole.complete_up_to);
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_called_missing() {
    let files = three_batches().await;
    let shorter = in_memory();
    archive_all(&shorter, &ledger(20), &[7, 12]).await;
    let report = report_with(&shorter, given(&files)).await;
    assert_eq!(reasons(&report), [Reason::LogTruncated]);
    let sentence = &report.complete_up_to;
    assert!(sentence.contains("of the 20") && sentence.contains("from seq 12 on are not in"), "{sentence}");
}

#[tokio::test]
async fn an_empty_archive_is_called_empty_whatever_is_known_from_elsewhere() {
    let files = three_batches().await;
    for options in [VerifyOptions::default(), given(&files), expecting(20)] {
        let asked = options.checkpoint.is_some() || options.expect_archived.is_some();
        let report = report_with(&in_memory(), options.clone()).await;
        assert!(report.complete_up_to.starts_with("the archive is empty"), "{}", report.complete_up_to);
        assert_eq!(report.complete_up_to.contains("states 20"), options.checkpoint.is_some());
        assert_eq!(reasons(&report), if asked { vec![Reason::LogTruncated] } else { Vec::new() });
    }
}

#[tokio::test]
async fn the_key_of_another_ledger_is_named_as_that() {
    let destination = archive_of(&three_batches().await).await;
    let other = NoteSigner::generate("other.example", &mut rand::rng()).unwrap();
    let keys = KeyRing::single(other.verifier());
    let report = verify(&destination, &keys, &VerifyOptions::default(), &()).await.unwrap();
    let first = &report.problems[0];
    assert_eq!(first.reason, Reason::ManifestSignatureInvalid);
    for named in ["\"ledger.example\"", "\"other.example\"", "another ledger"] {
        assert!(first.message.contains(named), "{first}");
    }
    assert_eq!(report.complete_up_to, "nothing is proven");
}

#[tokio::test]
async fn warnings_of_one_reason_are_listed_up_to_a_number_and_then_counted() {
    let mut files = three_batches().await;
    for (more, listed) in [(20, 20), (25, 21)] {
        for number in 0..more {
            files.insert(format!("stray/{number:02}"), Vec::new());
        }
        let report =
            verify(&archive_of(&files).await, &keys(), &VerifyOptions::default(), &()).await.unwrap();
        assert!(report.ok);
        assert_eq!(report.warnings.len(), listed);
        assert!(report.warnings.iter().all(|warning| warning.reason == Reason::ObjectUnlisted));
        let last = report.warnings.last().unwrap();
        assert_eq!(last.key.is_none() && last.message.starts_with("5 more"), more == 25, "{last}");
    }
}

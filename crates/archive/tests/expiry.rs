//! Objects that expired: gone, proven by their notes, and nothing excused that a note does not say truly.

#[path = "support/expiry.rs"]
mod expiry;
mod support;

use archive::{ArchiveReport, ExpiryNote, Reason, VerifyOptions, expiry_id, sidecar_key, verify};
use expiry::{leaves, note, with_other_leaves};
use merkle::{KeyRing, NoteSigner};
use support::{
    Files, archive_all, archive_of, in_memory, keys, ledger, read_all, report, report_with, signer, time,
};

async fn archive() -> Files {
    let destination = in_memory();
    archive_all(&destination, &ledger(40), &[12, 40]).await;
    read_all(&destination).await
}

/// One object of the last batch.
const OBJECT: &str = "audit/org_7/2026/04/21";

fn put(files: &mut Files, note: &ExpiryNote) {
    files.insert(note.key(), note.sign(&signer()).unwrap().into_bytes());
}

fn take_away(files: &mut Files, note: &ExpiryNote) {
    for object in &note.objects {
        files.remove(&object.key);
        files.remove(&sidecar_key(&object.key));
    }
}

async fn verified(files: &Files) -> ArchiveReport {
    report(&archive_of(files).await).await
}

/// What is wrong, besides checksum files, which go with their objects.
fn reasons(report: &ArchiveReport) -> Vec<Reason> {
    let reasons = report.problems.iter().map(|problem| problem.reason);
    reasons.filter(|reason| *reason != Reason::SidecarMissing).collect()
}

#[tokio::test]
async fn an_archive_verifies_at_every_step_of_an_expiry() {
    let mut files = archive().await;
    let entries = verified(&files).await.entries;
    let note = note(&files, OBJECT);
    let expired = note.objects.iter().map(|object| object.entries).sum::<u64>();
    put(&mut files, &note);
    let noted = verified(&files).await;
    assert!(noted.ok && noted.warnings.is_empty(), "{noted:#?}");
    assert_eq!((noted.entries, noted.expired, noted.expired_objects.len()), (entries, 0, 0));
    assert_eq!(noted.expiry_notes[0].key, note.key());
    // The object goes first, then its checksum file.
    files.remove(&note.objects[0].key);
    let between = verified(&files).await;
    assert!(between.ok && between.warnings.is_empty(), "{between:#?}");
    take_away(&mut files, &note);
    let gone = verified(&files).await;
    assert!(gone.ok && gone.warnings.is_empty(), "{gone:#?}");
    assert_eq!((gone.entries, gone.expired, gone.covered), (entries - expired, expired, 40));
    assert_eq!(gone.expired_objects, [note.objects[0].key.clone()]);

    let resumed = VerifyOptions { resume_from: Some(gone.range.clone()), ..VerifyOptions::default() };
    let resumed = report_with(&archive_of(&files).await, resumed).await;
    assert!(resumed.ok && resumed.warnings.is_empty(), "{resumed:#?}");
    assert_eq!((resumed.resumed_from, resumed.expired), (40, expired));
}

#[tokio::test]
async fn what_is_gone_without_a_note_is_missing() {
    let mut files = archive().await;
    let note = note(&files, OBJECT);
    take_away(&mut files, &note);
    assert_eq!(reasons(&verified(&files).await)[0], Reason::ObjectMissing);
}

#[tokio::test]
async fn a_note_that_claims_other_leaf_hashes_leads_to_another_root() {
    let mut files = archive().await;
    let note = note(&files, OBJECT);
    put(&mut files, &with_other_leaves(&note));
    assert_eq!(reasons(&verified(&files).await), [Reason::ExpiryNoteInvalid]);
    take_away(&mut files, &note);
    assert_eq!(reasons(&verified(&files).await), [Reason::RootMismatch]);
}

#[tokio::test]
async fn a_note_of_another_key_or_with_a_changed_byte_excuses_nothing() {
    let files = archive().await;
    let note = note(&files, OBJECT);
    let stranger = NoteSigner::generate("ledger.example", &mut rand::rng()).unwrap();
    let mut foreign = files.clone();
    foreign.insert(note.key(), note.sign(&stranger).unwrap().into_bytes());
    take_away(&mut foreign, &note);
    assert_eq!(reasons(&verified(&foreign).await), [Reason::ObjectMissing, Reason::ExpiryNoteInvalid]);
    // The stranger's archive would take it, so it is the key that decides.
    assert!(ExpiryNote::open(&foreign[&note.key()], &KeyRing::single(stranger.verifier())).is_ok());

    let good = note.sign(&signer()).unwrap().into_bytes();
    let mut gone = files.clone();
    take_away(&mut gone, &note);
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        gone.insert(note.key(), changed);
        let found = verify(&archive_of(&gone).await, &keys(), &VerifyOptions::default(), &()).await.unwrap();
        let found = reasons(&found);
        assert!(found.contains(&Reason::ExpiryNoteInvalid), "byte {at}: {found:?}");
        assert!(found.contains(&Reason::ObjectMissing), "byte {at}: {found:?}");
    }
}

type Change = fn(&Files, &mut ExpiryNote);

#[tokio::test]
async fn a_signed_note_that_does_not_fit_its_manifest_excuses_nothing() {
    let changes: [(&str, Change); 9] = [
        ("an object of another batch", |files, note| {
            let (_, manifest) = expiry::last_manifest(files);
            let other = files.keys().find(|key| key.ends_with(".jsonl.gz") && !has(&manifest, key)).unwrap();
            note.objects[0].key.clone_from(other);
        }),
        ("another SHA-256", |_, note| note.objects[0].sha256 = archive::Digest([0; 32])),
        ("other entries", |_, note| note.objects[0].entries += 1),
        ("other seqs", |_, note| note.objects[0].seqs[0][1] += 1),
        ("fewer leaf hashes", |_, note| note.objects[0].leaves = String::new()),
        ("another manifest", |_, note| note.manifest.sha256 = archive::Digest([0; 32])),
        ("a tree before its batch", |_, note| note.tree_size = 1),
        ("another name", |_, note| note.expiry = expiry_id(&note.batch, 7, note.created_at)),
        ("another time than its name", |_, note| note.created_at = time("2029-05-03T00:00:00Z")),
    ];
    let files = archive().await;
    let good = note(&files, OBJECT);
    for (what, change) in changes {
        let mut bad = good.clone();
        change(&files, &mut bad);
        let mut gone = files.clone();
        take_away(&mut gone, &good);
        put(&mut gone, &bad);
        let mut found = reasons(&verified(&gone).await);
        found.sort_unstable();
        assert_eq!(found, [Reason::ObjectMissing, Reason::ExpiryNoteInvalid], "{what}");
    }
}

fn has(manifest: &archive::Manifest, key: &str) -> bool {
    manifest.objects.iter().any(|object| object.key == key)
}

#[tokio::test]
async fn the_ledgers_own_entries_never_expire_and_no_object_expires_twice() {
    let files = archive().await;
    let mut own = files.clone();
    let of_ledger = note(&files, "tool/org__strongroom/");
    assert!(!leaves(&files, &of_ledger.objects[0].key).is_empty());
    put(&mut own, &of_ledger);
    assert_eq!(reasons(&verified(&own).await), [Reason::ExpiryNoteInvalid]);

    let mut twice = files.clone();
    let first = note(&files, OBJECT);
    let mut second = first.clone();
    (second.number, second.expiry) = (2, expiry_id(&first.batch, 2, first.created_at));
    put(&mut twice, &first);
    put(&mut twice, &second);
    assert_eq!(reasons(&verified(&twice).await), [Reason::ExpiryNoteInvalid]);
}

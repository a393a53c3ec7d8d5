//! Objects that are encrypted: who can read them, how, and what is said where nobody can.

mod support;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::str::FromStr as _;

use age::secrecy::ExposeSecret as _;
use archive::{
    BatchWriter, Destination, Error, Identity, Manifest, ManifestObject, Reason, Recipients, StagedBatch,
    StagingLimits, copy_objects, encrypted_object_key, list_manifests, read_lines, reread,
};
use event::Stream;
use rand::{RngExt as _, SeedableRng as _};
use support::{
    Entry, archive_of, archive_staged, entry, in_memory, keys, ledger, plan, read_all, report, time,
};

const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

fn identity() -> Identity {
    Identity::parse(&format!("# created: today\n{SECRET}\n\n")).unwrap()
}

fn another() -> Identity {
    Identity::parse(age::x25519::Identity::generate().to_string().expose_secret()).unwrap()
}

fn stage(ledger: &[Entry], staging: &Path, limits: StagingLimits, recipients: Recipients) -> StagedBatch {
    let plan = plan(0, ledger.len() as u64 - 1, None);
    let mut writer = BatchWriter::create(plan, staging, limits, 2).unwrap().encrypt_to(recipients);
    for Entry { seq, stream, tenant, recorded_at, occurred_at, line } in ledger {
        writer.push(*seq, *stream, tenant, *recorded_at, *occurred_at, line).unwrap();
    }
    writer.finish().unwrap()
}

async fn archived(destination: &Destination, ledger: &[Entry], limits: StagingLimits) -> Vec<ManifestObject> {
    let staging = tempfile::tempdir().unwrap();
    let staged = stage(ledger, staging.path(), limits, identity().recipients());
    let objects = staged.objects.clone();
    archive_staged(destination, ledger, staged).await;
    objects
}

/// One tenant's entries whose lines do not compress: objects of many chunks.
fn incompressible(entries: u64) -> Vec<Entry> {
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    let at = time("2026-04-22T00:00:00Z");
    (0..entries)
        .map(|seq| {
            let detail: String = (0..300).map(|_| char::from(rng.random_range(b' '..b'~'))).collect();
            entry(seq, Stream::Audit, "7", at, &detail)
        })
        .collect()
}

fn sorted_lines(ledger: &[Entry]) -> BTreeSet<Vec<u8>> {
    ledger.iter().map(|entry| entry.line.clone()).collect()
}

fn split(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec)
}

#[tokio::test]
async fn the_age_program_and_gunzip_read_the_objects() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("archive");
    let destination = Destination::open_or_create("local", root.to_str().unwrap()).unwrap();
    let ledger = ledger(500);
    let objects = archived(&destination, &ledger, StagingLimits::default()).await;
    let key_file = directory.path().join("identity");
    std::fs::write(&key_file, SECRET).unwrap();
    let mut lines = BTreeSet::new();
    for object in &objects {
        let path = root.join(&object.key);
        let decrypted = Command::new("age").arg("-d").arg("-i").arg(&key_file).arg(&path).output();
        let decrypted = decrypted.unwrap_or_else(|error| panic!("install age (Debian: age): {error}"));
        assert!(decrypted.status.success(), "{}", String::from_utf8_lossy(&decrypted.stderr));
        let mut inflated = Vec::new();
        flate2::read::MultiGzDecoder::new(&decrypted.stdout[..]).read_to_end(&mut inflated).unwrap();
        lines.extend(split(&inflated));
        let checked = Command::new("sha256sum")
            .arg("-c")
            .arg(format!("{}.sha256", path.file_name().unwrap().display()))
            .current_dir(path.parent().unwrap())
            .output()
            .unwrap();
        assert!(checked.status.success());
    }
    assert_eq!(lines, sorted_lines(&ledger));
}

#[tokio::test]
async fn the_stock_library_reads_what_is_written() {
    let destination = in_memory();
    let ledger = ledger(500);
    let objects = archived(&destination, &ledger, StagingLimits::default()).await;
    let secret = age::x25519::Identity::from_str(SECRET).unwrap();
    let mut lines = BTreeSet::new();
    for object in &objects {
        assert!(object.is_encrypted() && object.key.ends_with(".jsonl.gz.age"), "{}", object.key);
        let stored = destination.get(&object.key).await.unwrap();
        let plain = age::decrypt(&secret, &stored).unwrap();
        let mut inflated = Vec::new();
        flate2::read::MultiGzDecoder::new(&plain[..]).read_to_end(&mut inflated).unwrap();
        lines.extend(split(&inflated));
    }
    assert_eq!(lines, sorted_lines(&ledger));
}

#[tokio::test]
async fn without_an_identity_that_opens_it_an_archive_is_no_pass_and_no_finding() {
    let destination = in_memory();
    archived(&destination, &ledger(500), StagingLimits::default()).await;
    let opened = report(&destination.clone().with_identity(identity())).await;
    assert!(opened.ok, "{:?}", opened.problems);
    assert_eq!((opened.entries, opened.unread, opened.covered), (500, 0, 500));
    for closed in [destination.clone(), destination.with_identity(another())] {
        let report = report(&closed).await;
        assert!(!report.ok && report.problems.is_empty(), "{:?}", report.problems);
        assert_eq!((report.entries, report.unread, report.covered), (0, 500, 500));
        assert!(report.complete_up_to.contains("500 entries are encrypted"), "{}", report.complete_up_to);
        assert_eq!(report.range, opened.range);
    }
}

#[tokio::test]
async fn a_changed_byte_is_found_with_and_without_an_identity() {
    let whole = in_memory();
    let objects = archived(&whole, &ledger(12), StagingLimits::default()).await;
    let files = read_all(&whole).await;
    let object = &objects[1];
    for at in (0..object.bytes as usize).step_by(7) {
        let mut files = files.clone();
        files.get_mut(&object.key).unwrap()[at] ^= 1;
        let destination = archive_of(&files).await;
        for destination in [destination.clone(), destination.with_identity(identity())] {
            let report = report(&destination).await;
            let found: Vec<_> = report.problems.iter().map(|found| (found.reason, found.seq)).collect();
            assert_eq!(found, [(Reason::ObjectHashMismatch, Some(object.first_seq))], "byte {at}");
        }
    }
}

#[tokio::test]
async fn without_an_identity_the_tiles_are_still_held_against_the_signed_root() {
    let whole = in_memory();
    archived(&whole, &ledger(600), StagingLimits::default()).await;
    for key in ["log/tile/0/001", "log/tile/0/002.p/88"] {
        let mut files = read_all(&whole).await;
        files.get_mut(key).unwrap()[33] ^= 1;
        let changed = report(&archive_of(&files).await).await;
        assert_eq!(changed.problems[0].reason, Reason::RootMismatch, "{key}");
        files.remove(key);
        let missing = report(&archive_of(&files).await).await;
        assert_eq!(missing.problems[0].reason, Reason::TileMismatch, "{key}");
        assert_eq!(missing.covered, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_read_from_the_chunks_that_hold_them() {
    let ledger = incompressible(13_000);
    for local in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let destination = if local {
            Destination::open_or_create("local", directory.path().to_str().unwrap()).unwrap()
        } else {
            in_memory()
        };
        let object = archived(&destination, &ledger, StagingLimits::default()).await.remove(0);
        assert!(object.bytes > 20 * 65_536 && object.members.len() == 4, "{}", object.bytes);
        let destination = destination.with_identity(identity());
        for (first, last) in [(0, 0), (4_095, 4_096), (4_096, 4_096), (8_191, 12_288), (12_999, 12_999)] {
            let lines = read_lines(&destination, &object, first..=last).await.unwrap();
            let expected: Vec<(u64, Vec<u8>)> =
                ledger[first as usize..=last as usize].iter().map(|e| (e.seq, e.line.clone())).collect();
            assert_eq!(lines, expected, "{first} to {last}");
        }
    }
}

#[tokio::test]
async fn lines_of_a_locked_object_are_an_error_that_says_what_to_set() {
    let destination = in_memory();
    let object = archived(&destination, &ledger(12), StagingLimits::default()).await.remove(0);
    for (destination, what) in [
        (destination.clone(), "no identity was given"),
        (destination.with_identity(another()), "the identity given does not open it"),
    ] {
        let error = read_lines(&destination, &object, 0..=11).await.unwrap_err();
        assert!(matches!(error, Error::Locked { .. }));
        let message = error.to_string();
        for part in [what, &object.key, "archive.#.identity_file", "--identity"] {
            assert!(message.contains(part), "{message}");
        }
        let content = reread(&destination, &object).await.unwrap();
        assert!(content.unread && content.leaves.is_empty());
    }
}

/// Whoever knows a recipient can encrypt to it, so what opens need not be what was written.
#[tokio::test]
async fn what_opens_and_is_another_object_is_refused() {
    let ledger = incompressible(9_000);
    let destination = in_memory();
    let object = archived(&destination, &ledger, StagingLimits::default()).await.remove(0);
    let recipient = age::x25519::Identity::from_str(SECRET).unwrap().to_public();
    let forge = |plain: &[u8]| age::encrypt(&recipient, plain).unwrap();
    let padded = |mut stored: Vec<u8>| {
        stored.resize(object.bytes as usize, 0);
        stored
    };
    let forgeries = [
        forge(b""),
        padded(forge(b"")),
        padded(forge(&vec![0; 70_000])),
        padded(b"age-encryption.org/v1\n".to_vec()),
        padded([&b"age-encryption.org/v1\n"[..], &vec![b'\n'; 20_000]].concat()),
        padded(Vec::new()),
        forge(&vec![0; object.bytes as usize]),
    ];
    for (number, forgery) in forgeries.into_iter().enumerate() {
        let other = in_memory();
        other.put_new(&object.key, forgery.into()).await.unwrap();
        let other = other.with_identity(identity());
        for wanted in [0..=0, 4_096..=4_096, 8_999..=8_999] {
            let error = read_lines(&other, &object, wanted.clone()).await.unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{number} {wanted:?}: {error}");
        }
        let error = reread(&other, &object).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)), "{number}: {error}");
    }
}

#[tokio::test]
async fn the_parts_of_a_split_object_are_each_named_by_their_bytes() {
    let destination = in_memory();
    let ledger = incompressible(13_000);
    let limits = StagingLimits { object_bytes_max: 1, ..StagingLimits::default() };
    let mut objects = archived(&destination, &ledger, limits).await;
    objects.sort_by_key(|object| object.first_seq);
    let batch = plan(0, 12_999, None).id;
    for (number, object) in (1..).zip(&objects) {
        let (stream, day) = (object.stream, object.day);
        let key = encrypted_object_key(&batch, stream, "7", day, Some(number), &object.sha256);
        assert_eq!(object.key, key);
        assert!(key.ends_with(&format!("-{number:04}.jsonl.gz.age")), "{key}");
    }
    assert_eq!(objects.len(), 4);
    assert!(report(&destination.with_identity(identity())).await.ok);
}

#[tokio::test]
async fn another_attempt_never_meets_the_names_of_the_first() {
    let (staging, destination, ledger) = (tempfile::tempdir().unwrap(), in_memory(), ledger(6));
    let (limits, to) = (StagingLimits::default(), identity().recipients());
    let first = stage(&ledger, staging.path(), limits, to.clone());
    first.upload(&destination, &()).await.unwrap();
    let left: BTreeSet<String> = first.objects.iter().map(|object| object.key.clone()).collect();
    let second = stage(&ledger, staging.path(), limits, to);
    assert!(second.objects.iter().all(|object| !left.contains(&object.key)));
    archive_staged(&destination, &ledger, second).await;
    let report = report(&destination.with_identity(identity())).await;
    assert!(report.ok, "{:?}", report.problems);
    let unlisted: BTreeSet<String> = report.warnings.iter().filter_map(|found| found.key.clone()).collect();
    assert!(left.iter().all(|key| unlisted.contains(key)));
}

#[test]
fn what_was_staged_whole_is_taken_up_and_anything_else_is_not() {
    let (staging, ledger) = (tempfile::tempdir().unwrap(), ledger(40));
    let to = identity().recipients();
    let staged = stage(&ledger, staging.path(), StagingLimits::default(), to.clone());
    let plan = staged.plan.clone();
    let resume = |recipients: Option<&Recipients>| {
        StagedBatch::resume(&plan, staging.path(), recipients).map(|staged| staged.objects)
    };
    assert_eq!(resume(Some(&to)), Some(staged.objects.clone()));
    assert_eq!(resume(None), None, "they are to be in the clear now");
    assert_eq!(resume(Some(&another().recipients())), None, "they are for others now");
    let mut other_plan = plan.clone();
    other_plan.created_at = time("2026-05-01T02:30:16Z");
    assert!(StagedBatch::resume(&other_plan, staging.path(), Some(&to)).is_none());
    for file in std::fs::read_dir(staged.directory()).unwrap() {
        let path = file.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        for end in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(resume(Some(&to)), None, "{} cut off at {end}", path.display());
        }
        let mut changed = whole.clone();
        changed[whole.len() / 3] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert_eq!(resume(Some(&to)), None, "{} changed", path.display());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(resume(Some(&to)), None, "{} gone", path.display());
        std::fs::write(&path, whole).unwrap();
        assert!(resume(Some(&to)).is_some());
    }
}

#[tokio::test]
async fn a_destination_is_completed_from_another_whose_bytes_are_right() {
    let (good, bad, empty) = (named("good"), named("bad"), named("empty"));
    let staging = tempfile::tempdir().unwrap();
    let objects = archived(&good, &ledger(60), StagingLimits::default()).await;
    bad.put_new(&objects[0].key, b"rotten".to_vec().into()).await.unwrap();
    let plan = plan(0, 59, None);
    let sources = [bad.clone(), empty.clone(), good.clone()];
    copy_objects(&plan, &objects, &sources, &empty, staging.path(), &()).await.unwrap();
    for object in &objects {
        assert!(reread(&empty, object).await.is_ok());
    }
    let key = list_manifests(&good).await.unwrap().remove(0);
    assert!(Manifest::open(&good.get(&key).await.unwrap(), &keys()).is_ok());
    let nowhere = copy_objects(&plan, &objects, &[bad], &named("new"), staging.path(), &()).await;
    assert!(matches!(nowhere, Err(Error::Corrupt(found)) if found.reason == Reason::ObjectMissing));
}

fn named(name: &str) -> Destination {
    Destination::over_store(name, std::sync::Arc::new(object_store::memory::InMemory::new()), "").unwrap()
}

#[test]
fn k5_neither_errors_nor_debug_output_show_a_secret() {
    let shown = [
        format!("{:?}", identity()),
        format!("{:?}", in_memory().with_identity(identity())),
        Identity::parse(&SECRET.replace('3', "4")).unwrap_err().to_string(),
        Recipients::parse(&[SECRET]).unwrap_err().to_string(),
    ];
    for text in shown {
        assert!(!text.to_uppercase().contains("GQ9778"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn an_identity_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("identity");
    std::fs::write(&path, SECRET).unwrap();
    for (mode, accepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = Identity::read_file(&path);
        assert_eq!(read.is_ok(), accepted, "{mode:o}: {:?}", read.err());
    }
    let missing = Identity::read_file(&directory.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("none"), "{missing}");
}

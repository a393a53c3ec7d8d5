//! What a verification proves, and that it is not fooled by what is signed but wrong.

mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;

use archive::{
    BatchPlan, Destination, Digest, Error, Manifest, ManifestObject, Progress, Reason, StagingLimits,
    VerifyOptions, publish_manifest, read_lines, reread, sidecar_key, tiles_of_batch, verify, write_log_copy,
};
use bytes::Bytes;
use merkle::{TileId, TileSet, leaf_hash, tiles_for_size};
use support::{
    Entry, archive_all, archive_staged, in_memory, keys, ledger, plan, read_all, report, report_with, signer,
    stage, tiles, tree,
};

#[tokio::test]
async fn an_archive_of_many_tiles_verifies_to_its_end() {
    let ledger = ledger(1_100);
    let destination = in_memory();
    archive_all(&destination, &ledger, &[256, 300, 600, 1_100]).await;
    let report = report(&destination).await;
    assert!(report.ok, "{:#?}", report.problems);
    assert_eq!((report.batches, report.entries, report.covered), (4, 1_100, 1_100));
    assert_eq!(report.range, tree(&ledger).compact_range(1_100).unwrap());
    assert!(report.warnings.is_empty(), "{:#?}", report.warnings);
}

#[test]
fn the_batches_together_write_the_tiles_a_log_serves() {
    let leaves: Vec<_> = (0..70_000_u32).map(|number| leaf_hash(&number.to_be_bytes())).collect();
    let mut grown = TileSet::new();
    let mut written = std::collections::BTreeSet::new();
    let mut first = 0;
    for size in [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 70_000_u64] {
        let changed = grown.extend(first, &leaves[first as usize..size as usize]).unwrap();
        let of_batch = tiles_of_batch(first, size);
        assert_eq!(
            of_batch.iter().map(|(tile, _)| *tile).collect::<std::collections::BTreeSet<_>>(),
            changed
        );
        written.extend(of_batch);
        assert!(tiles_for_size(size).all(|served| written.contains(&served)), "at size {size}");
        first = size;
    }
    let huge = tiles_of_batch(u64::MAX >> 1, u64::MAX >> 1);
    assert_eq!(huge, Vec::<(TileId, u16)>::new());
}

/// Each step of a run, repeated after every possible interruption, ends in the same archive.
#[tokio::test]
async fn a_run_that_stops_after_any_step_is_resumed_to_the_same_files() {
    let ledger = ledger(40);
    let expected = in_memory();
    archive_all(&expected, &ledger, &[40]).await;
    let expected = read_all(&expected).await;
    let staging = tempfile::tempdir().unwrap();
    let plan = plan(0, 39, None);
    let tree = tree(&ledger);
    let checkpoint = plan.checkpoint(tree.root(40).unwrap());
    let note = checkpoint.sign(&signer()).unwrap();
    for steps in 0..4 {
        let destination = in_memory();
        let staged = stage(&plan, &ledger, staging.path(), StagingLimits::default(), 1);
        if steps >= 1 {
            staged.upload(&destination, &()).await.unwrap();
        }
        if steps >= 2 {
            write_log_copy(&destination, &tiles(&tree, &plan), &checkpoint, &note).await.unwrap();
        }
        if steps >= 3 {
            let manifest = Manifest::new(&plan, staged.objects.clone(), note.clone(), BTreeMap::new());
            let manifest = manifest.sign(&signer()).unwrap();
            publish_manifest(&destination, &manifest, &keys()).await.unwrap();
        }
        let again = stage(&plan, &ledger, staging.path(), StagingLimits::default(), 2);
        archive_staged(&destination, &ledger, again).await;
        assert_eq!(read_all(&destination).await, expected, "after {steps} steps");
    }
}

#[tokio::test]
async fn a_run_that_stopped_before_its_manifest_is_named_as_that_or_a_cut() {
    let ledger = ledger(20);
    let destination = in_memory();
    let plans = archive_all(&destination, &ledger, &[12]).await;
    let next = plan(12, 19, None);
    assert_eq!(plans.len(), 1);
    let tree = tree(&ledger);
    let checkpoint = next.checkpoint(tree.root(20).unwrap());
    let note = checkpoint.sign(&signer()).unwrap();
    write_log_copy(&destination, &tiles(&tree, &next), &checkpoint, &note).await.unwrap();
    let report = report(&destination).await;
    let found = &report.problems[0];
    assert_eq!((found.reason, found.seq, report.covered), (Reason::LogTruncated, Some(12), 12));
    assert!(found.message.contains("cut off") && found.message.contains("not finished"), "{found}");
}

#[tokio::test]
async fn a_verification_is_taken_up_where_the_last_one_ended() {
    let ledger = ledger(900);
    let destination = in_memory();
    archive_all(&destination, &ledger, &[300, 600]).await;
    let first = report(&destination).await;
    let destination = in_memory();
    archive_all(&destination, &ledger, &[300, 600, 900]).await;
    let options = VerifyOptions { resume_from: Some(first.range.clone()), ..VerifyOptions::default() };
    let resumed = report_with(&destination, options.clone()).await;
    assert!(resumed.ok && resumed.warnings.is_empty(), "{resumed:#?}");
    assert_eq!((resumed.resumed_from, resumed.entries, resumed.covered), (600, 300, 900));
    assert_eq!(resumed.range, report(&destination).await.range);

    // What was read before is still missed when it is gone.
    let mut files = read_all(&destination).await;
    let object = files.keys().find(|key| key.ends_with(".jsonl.gz")).unwrap().clone();
    files.remove(&object);
    let report = report_with(&support::archive_of(&files).await, options).await;
    assert_eq!(report.problems[0].reason, Reason::ObjectMissing);
}

#[tokio::test]
async fn what_an_earlier_verification_proved_cannot_go_missing_or_change() {
    let ledger = ledger(60);
    let longer = in_memory();
    archive_all(&longer, &ledger, &[20, 40, 60]).await;
    let range = report(&longer).await.range;

    let shorter = in_memory();
    archive_all(&shorter, &ledger, &[20, 40]).await;
    let options = VerifyOptions { resume_from: Some(range), ..VerifyOptions::default() };
    let found = report_with(&shorter, options).await.problems.remove(0);
    assert_eq!((found.reason, found.seq), (Reason::LogTruncated, Some(40)));

    let mut rewritten = ledger.clone();
    rewritten[3].line = replaced(&rewritten[3].line, "success", "failure");
    let changed = in_memory();
    archive_all(&changed, &rewritten, &[20, 40]).await;
    for (sizes, resume_size) in [(vec![20, 40], 40), (vec![20], 20), (vec![15, 30], 20)] {
        let before = in_memory();
        archive_all(&before, &ledger, &sizes).await;
        let range = tree(&ledger).compact_range(resume_size).unwrap();
        let options = VerifyOptions { resume_from: Some(range), ..VerifyOptions::default() };
        assert!(report_with(&before, options.clone()).await.ok);
        assert_eq!(report_with(&changed, options).await.problems[0].reason, Reason::RootMismatch);
    }
}

#[tokio::test]
async fn a_staged_object_that_rotted_is_not_uploaded() {
    let ledger = ledger(8);
    let staging = tempfile::tempdir().unwrap();
    let staged = stage(&plan(0, 7, None), &ledger, staging.path(), StagingLimits::default(), 1);
    for file in std::fs::read_dir(staged.directory()).unwrap() {
        let path = file.unwrap().path();
        let mut body = std::fs::read(&path).unwrap();
        body[15] ^= 4;
        std::fs::write(&path, body).unwrap();
    }
    let destination = in_memory();
    assert!(matches!(staged.upload(&destination, &()).await.unwrap_err(), Error::Staging { .. }));
    assert!(read_all(&destination).await.is_empty());
}

#[tokio::test]
async fn the_ledgers_own_receipts_are_handed_over_in_order() {
    struct Receipts(Mutex<Vec<(u64, Vec<u8>)>>);
    impl Progress for Receipts {
        fn receipt(&self, seq: u64, line: &[u8]) {
            self.0.lock().unwrap().push((seq, line.to_vec()));
        }

        fn wants_receipts(&self) -> bool {
            true
        }
    }
    let ledger = ledger(50);
    let destination = in_memory();
    archive_all(&destination, &ledger, &[20, 50]).await;
    let receipts = Receipts(Mutex::default());
    verify(&destination, &keys(), &VerifyOptions::default(), &receipts).await.unwrap();
    let own = ledger.iter().filter(|entry| entry.tenant == "_strongroom");
    let expected: Vec<_> = own.map(|entry| (entry.seq, entry.line.clone())).collect();
    assert_eq!(*receipts.0.lock().unwrap(), expected);
}

#[tokio::test]
async fn lines_are_read_from_the_members_that_hold_them() {
    let ledger = ledger(20_000);
    let destination = in_memory();
    let staging = tempfile::tempdir().unwrap();
    let staged = stage(&plan(0, 19_999, None), &ledger, staging.path(), StagingLimits::default(), 2);
    staged.upload(&destination, &()).await.unwrap();
    let object = staged.objects.iter().max_by_key(|object| object.members.len()).unwrap();
    let of_object = |entry: &&Entry| {
        (entry.stream, &entry.tenant, entry.recorded_at.day()) == (object.stream, &object.tenant, object.day)
    };
    let all: Vec<(u64, Vec<u8>)> =
        ledger.iter().filter(of_object).map(|entry| (entry.seq, entry.line.clone())).collect();
    for range in [0..=u64::MAX, 5..=5, 100..=9_000, all[0].0..=all[0].0, 19_000..=40_000, 30_000..=40_000] {
        let expected: Vec<_> = all.iter().filter(|(seq, _)| range.contains(seq)).cloned().collect();
        assert_eq!(read_lines(&destination, object, range).await.unwrap(), expected);
    }
    let mut by_member = Vec::new();
    for range in object.member_seqs() {
        by_member.extend(read_lines(&destination, object, range).await.unwrap());
    }
    assert_eq!(by_member, all);
}

type Change = fn(&mut Manifest);

/// An archive whose single object was replaced by `body`, with a manifest that `adjust` made fit it, signed
/// by the right key: what a broken writer, or a dishonest one, could have left.
async fn with_body(
    body: Vec<u8>,
    adjust: impl Fn(&mut ManifestObject),
) -> (Destination, BatchPlan, Vec<ManifestObject>) {
    let ledger = single_object_ledger();
    let staging = tempfile::tempdir().unwrap();
    let plan = plan(0, 9, None);
    let staged = stage(&plan, &ledger, staging.path(), StagingLimits::default(), 1);
    let mut objects = staged.objects.clone();
    let object = &mut objects[0];
    (object.bytes, object.sha256) = (body.len() as u64, Digest::of(&body));
    adjust(object);
    let destination = in_memory();
    let sidecar = format!("{}  {}\n", object.sha256, object.key.rsplit('/').next().unwrap());
    destination.put_new(&object.key, Bytes::from(body)).await.unwrap();
    destination.put_new(&sidecar_key(&object.key), Bytes::from(sidecar)).await.unwrap();
    let tree = tree(&ledger);
    let checkpoint = plan.checkpoint(tree.root(10).unwrap());
    let note = checkpoint.sign(&signer()).unwrap();
    write_log_copy(&destination, &tiles(&tree, &plan), &checkpoint, &note).await.unwrap();
    let manifest = Manifest::new(&plan, objects.clone(), note, BTreeMap::new());
    let note = Bytes::from(manifest.sign(&signer()).unwrap());
    destination.put_new(&manifest.key(), note).await.unwrap();
    (destination, plan, objects)
}

fn single_object_ledger() -> Vec<Entry> {
    let at = support::time("2026-04-22T02:30:15Z");
    (0..10).map(|seq| support::entry(seq, event::Stream::Audit, "7", at, "x")).collect()
}

fn gzip(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for line in lines {
        std::io::Write::write_all(&mut encoder, line).unwrap();
        std::io::Write::write_all(&mut encoder, b"\n").unwrap();
    }
    encoder.finish().unwrap()
}

#[track_caller]
fn replaced(line: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}

#[tokio::test]
async fn a_signed_object_whose_lines_are_wrong_is_found_by_its_lines() {
    let lines: Vec<Vec<u8>> = single_object_ledger().into_iter().map(|entry| entry.line).collect();
    let total: u64 = lines.iter().map(|line| line.len() as u64 + 1).sum();
    let with = |at: usize, line: Vec<u8>| {
        let mut changed = lines.clone();
        changed[at] = line;
        changed
    };
    let without = |at: usize| {
        let mut changed = lines.clone();
        changed.remove(at);
        changed
    };
    let cases: [(&str, Vec<Vec<u8>>, Reason, u64); 8] = [
        ("untouched", lines.clone(), Reason::ObjectUnlisted, 0),
        ("another outcome", with(4, replaced(&lines[4], "success", "failure")), Reason::RootMismatch, 0),
        (
            "another tenant",
            with(4, replaced(&lines[4], "\"tenant\":\"7\"", "\"tenant\":\"8\"")),
            Reason::EntryChanged,
            4,
        ),
        (
            "another day",
            with(
                4,
                replaced(
                    &lines[4],
                    "{\"seq\":4,\"recorded_at\":\"2026-04-22",
                    "{\"seq\":4,\"recorded_at\":\"2026-04-23",
                ),
            ),
            Reason::EntryChanged,
            4,
        ),
        ("a repeated line", with(5, lines[4].clone()), Reason::EntryDuplicate, 4),
        ("a line left out", without(4), Reason::EntryMissing, 0),
        ("a last line left out", without(9), Reason::EntryMissing, 9),
        ("no json", with(0, b"not a line".to_vec()), Reason::EntryChanged, 0),
    ];
    for (what, lines, reason, seq) in cases {
        let (destination, ..) = with_body(gzip(&lines), |object| {
            object.bytes_uncompressed = total.max(lines.iter().map(|line| line.len() as u64 + 1).sum());
        })
        .await;
        let report = report(&destination).await;
        if reason == Reason::ObjectUnlisted {
            assert!(report.ok, "{what}: {:#?}", report.problems);
            continue;
        }
        let found = report.problems.first().unwrap_or_else(|| panic!("{what}"));
        assert_eq!((found.reason, found.seq), (reason, Some(seq)), "{what}: {found}");
        assert_eq!(report.covered, 0, "{what}");
    }
}

#[tokio::test]
async fn a_signed_object_whose_gzip_is_odd_is_refused() {
    let lines: Vec<Vec<u8>> = single_object_ledger().into_iter().map(|entry| entry.line).collect();
    let whole = gzip(&lines);
    let two_members = [gzip(&lines[..4]), gzip(&lines[4..])].concat();
    let unannounced = two_members.clone();
    let trailing = [&whole[..], b"tail"].concat();
    let cut = whole[..whole.len() - 9].to_vec();
    let empty_member = [&whole[..], &gzip(&[])].concat();
    for body in [unannounced, trailing, cut, empty_member, b"no gzip at all".to_vec()] {
        let (destination, _, objects) = with_body(body, |_| {}).await;
        let report = report(&destination).await;
        assert_eq!(report.problems[0].reason, Reason::EntryChanged, "{:#?}", report.problems);
        let error = reread(&destination, &objects[0]).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt(found) if found == report.problems[0]));
    }
    let second = gzip(&lines[..4]).len() as u64;
    let (destination, ..) = with_body(two_members, |object| object.members = vec![(0, 0), (second, 4)]).await;
    assert!(report(&destination).await.ok);
}

#[tokio::test]
async fn a_body_that_inflates_without_end_is_left_early() {
    let endless = gzip(&[vec![b'x'; 40 << 20]]);
    let (destination, ..) = with_body(endless, |object| object.bytes_uncompressed = u64::MAX).await;
    let report = report(&destination).await;
    let found = &report.problems[0];
    assert_eq!(found.reason, Reason::EntryChanged);
    assert!(found.message.contains("longer than"), "{found}");
}

#[tokio::test]
async fn a_manifest_that_contradicts_itself_does_not_count_though_signed() {
    let (destination, plan, objects) = with_body(vec![1], |_| {}).await;
    let stored = destination.get(&plan.id.manifest_key()).await.unwrap();
    let good = Manifest::open(&stored, &keys()).unwrap();
    let changes: [(&str, Change); 13] = [
        ("entries", |manifest| manifest.entries += 1),
        ("range", |manifest| manifest.last_seq += 1),
        ("previous", |manifest| {
            manifest.previous = Some(archive::ManifestRef { key: "k".to_owned(), sha256: Digest::of(b"") });
        }),
        ("no objects", |manifest| manifest.objects.clear()),
        ("key", |manifest| manifest.objects[0].key = "../../etc/passwd".to_owned()),
        ("tenant", |manifest| manifest.objects[0].tenant = "8".to_owned()),
        ("object range", |manifest| manifest.objects[0].last_seq = 10),
        ("object entries", |manifest| manifest.objects[0].first_seq = 3),
        ("members", |manifest| manifest.objects[0].members = Vec::new()),
        ("member offset", |manifest| manifest.objects[0].members = vec![(0, 0), (u64::MAX, 5)]),
        ("member order", |manifest| manifest.objects[0].members = vec![(0, 0), (0, 5)]),
        ("twice", |manifest| manifest.objects.push(manifest.objects[0].clone())),
        ("origin", |manifest| manifest.origin = "other.example".to_owned()),
    ];
    for (what, change) in changes {
        let mut manifest = good.clone();
        change(&mut manifest);
        let refused = Manifest::open(manifest.sign(&signer()).unwrap().as_bytes(), &keys()).unwrap_err();
        assert_eq!(refused.reason, Reason::ManifestSignatureInvalid, "{what}: {refused}");
    }
    let mut manifest = good.clone();
    manifest.checkpoint = manifest.checkpoint.replace("batch 2026", "batch 2027");
    let refused = Manifest::open(manifest.sign(&signer()).unwrap().as_bytes(), &keys()).unwrap_err();
    assert_eq!(refused.reason, Reason::CheckpointSignatureInvalid);
    assert_eq!(objects.len(), 1);
}

#[tokio::test]
async fn a_manifest_has_one_text() {
    let (destination, plan, _) = with_body(vec![1], |_| {}).await;
    let stored = destination.get(&plan.id.manifest_key()).await.unwrap();
    let manifest = Manifest::open(&stored, &keys()).unwrap();
    let text = manifest.to_text().unwrap();
    let variants = [
        text.replace("{\"format\"", "{ \"format\""),
        text.replace("\"projections\":{}", "\"projections\":{},\"extra\":1"),
        text.replace("\"entries\":10,\"previous\"", "\"entries\":1e1,\"previous\""),
        text.replace(
            "\"first_seq\":0,\"last_seq\":9,\"entries\"",
            "\"last_seq\":9,\"first_seq\":0,\"entries\"",
        ),
        text.replace("strongroom-batch/1", "strongroom-batch/2"),
        text.replace("\"stream\":\"audit\"", "\"stream\":\"a\\u0075dit\""),
    ];
    for variant in variants {
        assert_ne!(variant, text);
        let signed = signer().sign(&variant).unwrap();
        assert!(Manifest::open(signed.as_bytes(), &keys()).is_err(), "{variant}");
    }
    let countersigned = String::from_utf8(stored.to_vec()).unwrap() + "— other.example AAAAAAAA\n";
    assert!(Manifest::open(countersigned.as_bytes(), &keys()).is_err());
}

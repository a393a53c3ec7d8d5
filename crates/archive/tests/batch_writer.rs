//! The bytes of a batch follow from its plan and its lines, and from nothing else.

mod support;

use std::collections::BTreeMap;
use std::io::Read as _;

use archive::{
    BatchWriter, Digest, Error, MEMBER_BYTES_MAX, MEMBER_ENTRIES_MAX, ManifestObject, StagedBatch,
    StagingLimits, object_key,
};
use event::Stream;
use proptest::prelude::*;
use support::{Entry, ORIGIN, entry, ledger, plan, stage, time};

fn bodies(staged: &StagedBatch) -> BTreeMap<Digest, Vec<u8>> {
    std::fs::read_dir(staged.directory())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .map(|path| std::fs::read(path).unwrap())
        .map(|body| (Digest::of(&body), body))
        .collect()
}

/// Objects with their bodies; asserts that nothing but the marker was left beside them.
fn staged(ledger: &[Entry], limits: StagingLimits, threads: usize) -> Vec<(ManifestObject, Vec<u8>)> {
    let directory = tempfile::tempdir().unwrap();
    let plan = plan(0, ledger.len() as u64 - 1, None);
    let staged = stage(&plan, ledger, directory.path(), limits, threads);
    let mut bodies = bodies(&staged);
    let count = std::fs::read_dir(staged.directory()).unwrap().count();
    assert_eq!(count, staged.objects.len() + 1);
    staged
        .objects
        .iter()
        .map(|object| (object.clone(), bodies.remove(&object.sha256).expect("the body with this hash")))
        .collect()
}

fn lines_of(body: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    flate2::read::MultiGzDecoder::new(body).read_to_end(&mut lines).unwrap();
    lines
}

/// Cheap entries: only what the writer looks at has to be right.
fn plain_entries(count: u64, tenants: u64, line_bytes: usize) -> Vec<Entry> {
    let recorded_at = time("2026-04-22T02:30:15Z");
    (0..count)
        .map(|seq| {
            let noise = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut line = format!("{{\"seq\":{seq},\"noise\":\"{noise:016x}").into_bytes();
            line.resize(line_bytes.max(line.len()), b'.');
            Entry {
                seq,
                stream: Stream::Audit,
                tenant: (seq % tenants).to_string(),
                recorded_at,
                occurred_at: recorded_at,
                line,
            }
        })
        .collect()
}

#[test]
fn every_entry_is_in_the_object_of_its_stream_tenant_and_day() {
    let ledger = ledger(200);
    let objects = staged(&ledger, StagingLimits::default(), 2);
    assert!(objects.is_sorted_by(|left, right| left.0.key < right.0.key));
    let mut seen = 0;
    for (object, body) in &objects {
        let belongs = |entry: &&Entry| {
            (entry.stream, &entry.tenant, entry.recorded_at.day())
                == (object.stream, &object.tenant, object.day)
        };
        let entries: Vec<&Entry> = ledger.iter().filter(belongs).collect();
        let expected: Vec<u8> =
            entries.iter().flat_map(|entry| entry.line.iter().copied().chain([b'\n'])).collect();
        assert_eq!(lines_of(body), expected);
        assert_eq!(object.entries, entries.len() as u64);
        assert_eq!(object.bytes, body.len() as u64);
        assert_eq!(object.bytes_uncompressed, expected.len() as u64);
        assert_eq!((object.first_seq, object.last_seq), (entries[0].seq, entries[entries.len() - 1].seq));
        let occurred = entries.iter().map(|entry| entry.occurred_at);
        assert_eq!(Some(object.first_occurred_at), occurred.clone().min());
        assert_eq!(Some(object.last_occurred_at), occurred.max());
        assert_eq!(object.members, [(0, object.first_seq)]);
        seen += object.entries;
    }
    assert_eq!(seen, 200);
}

#[test]
fn the_layout_is_the_documented_one() {
    let recorded_at = time("2026-04-22T23:59:59.999999Z");
    let batch = plan(0, 0, None).id;
    assert_eq!(batch.as_str(), "20260501T023015Z-0000000000000001");
    assert_eq!(batch.manifest_key(), "batches/2026/05/01T023015Z-0000000000000001.manifest");
    let key = |tenant, part| object_key(&batch, Stream::Audit, tenant, recorded_at.day(), part);
    assert_eq!(key("7", None), "audit/org_7/2026/04/22T023015Z-ba3c6bb58d09af92.jsonl.gz");
    assert_eq!(key("7", Some(12)), "audit/org_7/2026/04/22T023015Z-ba3c6bb58d09af92-0012.jsonl.gz");
    assert!(key("..", None).starts_with("audit/org_%2E%2E/2026/04/22T023015Z-"));
    assert_eq!(archive::checkpoint_key(65_536), "log/checkpoint/00000000000000065536");
    let tile = merkle::TileId { level: 0, number: 1_234 };
    assert_eq!(archive::tile_key(tile, 256), "log/tile/0/x001/234");
    assert_eq!(archive::tile_key(tile, 7), "log/tile/0/x001/234.p/7");
    assert_eq!(ORIGIN, "ledger.example");
}

#[test]
fn a_member_ends_after_4096_entries_and_is_found_by_its_offset() {
    let entries = plain_entries(2 * MEMBER_ENTRIES_MAX + 1, 1, 60);
    let (object, body) = staged(&entries, StagingLimits::default(), 3).remove(0);
    let seqs: Vec<u64> = object.members.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, [0, MEMBER_ENTRIES_MAX, 2 * MEMBER_ENTRIES_MAX]);
    for (offset, seq) in object.members {
        let mut member = String::new();
        flate2::read::GzDecoder::new(&body[offset as usize..]).read_to_string(&mut member).unwrap();
        assert!(member.starts_with(&format!("{{\"seq\":{seq},")));
    }
}

#[test]
fn a_member_ends_before_it_holds_more_bytes_than_the_limit() {
    let line_bytes = (MEMBER_BYTES_MAX / 4) as usize;
    let entries = plain_entries(9, 1, line_bytes);
    let limits = StagingLimits { memory_bytes_max: MEMBER_BYTES_MAX / 2, ..StagingLimits::default() };
    let (object, _) = staged(&entries, limits, 2).remove(0);
    // Four lines and their newlines are just too much, so three go in.
    assert_eq!(object.members.iter().map(|(_, seq)| *seq).collect::<Vec<_>>(), [0, 3, 6]);
}

#[test]
fn an_object_that_grows_too_large_is_split_and_every_part_is_numbered() {
    let entries = plain_entries(3 * MEMBER_ENTRIES_MAX, 1, 100);
    let by_lines = StagingLimits {
        object_bytes_uncompressed_max: 2 * MEMBER_ENTRIES_MAX * 101,
        ..StagingLimits::default()
    };
    let by_bytes = StagingLimits { object_bytes_max: 1, ..StagingLimits::default() };
    for (limits, first_seqs) in [(by_lines, vec![0, 8192]), (by_bytes, vec![0, 4096, 8192])] {
        let objects = staged(&entries, limits, 2);
        let found: Vec<u64> = objects.iter().map(|(object, _)| object.first_seq).collect();
        assert_eq!(found, first_seqs);
        for (number, (object, _)) in (1..).zip(&objects) {
            let batch = plan(0, entries.len() as u64 - 1, None).id;
            let key = object_key(&batch, object.stream, &object.tenant, object.day, Some(number));
            assert_eq!(object.key, key);
            assert!(object.key.ends_with(&format!("-{number:04}.jsonl.gz")));
        }
    }
}

#[test]
fn what_an_interrupted_run_staged_is_gone_before_the_next_begins() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = ledger(20);
    let plan = plan(0, 19, None);
    let limits = StagingLimits { memory_bytes_max: 0, ..StagingLimits::default() };
    let mut interrupted = BatchWriter::create(plan.clone(), directory.path(), limits, 1).unwrap();
    for entry in &ledger[..10] {
        let Entry { seq, stream, tenant, recorded_at, occurred_at, line } = entry;
        interrupted.push(*seq, *stream, tenant, *recorded_at, *occurred_at, line).unwrap();
    }
    drop(interrupted);
    let again = stage(&plan, &ledger, directory.path(), limits, 1);
    let fresh = stage(&plan, &ledger, tempfile::tempdir().unwrap().path(), StagingLimits::default(), 2);
    assert_eq!(again.objects, fresh.objects);
    assert_eq!(bodies(&again).len(), again.objects.len());
    again.remove_staging().unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn entries_out_of_order_or_outside_the_plan_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = time("2026-04-22T00:00:00Z");
    let mut writer =
        BatchWriter::create(plan(0, 1, None), directory.path(), StagingLimits::default(), 1).unwrap();
    let mut push = |seq, line: &[u8]| writer.push(seq, Stream::Audit, "7", at, at, line);
    assert!(matches!(push(1, b"x"), Err(Error::Invalid(_))));
    assert!(matches!(push(0, b""), Err(Error::Invalid(_))));
    assert!(matches!(push(0, b"x\ny"), Err(Error::Invalid(_))));
    push(0, b"x").unwrap();
    assert!(matches!(push(0, b"x"), Err(Error::Invalid(_))));
    push(1, b"y").unwrap();
    assert!(matches!(push(2, b"z"), Err(Error::Invalid(_))));
    let short = BatchWriter::create(plan(0, 1, None), directory.path(), StagingLimits::default(), 1).unwrap();
    assert!(matches!(short.finish(), Err(Error::Invalid(_))));
}

#[test]
fn a_plan_that_contradicts_itself_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut backwards = plan(0, 5, None);
    backwards.first_seq = 6;
    for plan in [backwards, plan(3, 5, None)] {
        let created = BatchWriter::create(plan, directory.path(), StagingLimits::default(), 1);
        assert!(matches!(created.err(), Some(Error::Invalid(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_entries_give_the_same_bytes_whatever_the_memory_and_the_threads(
        count in 1_u64..9_000,
        tenants in 1_u64..40,
        memory_bytes_max in prop_oneof![Just(0), 1_u64..2_000_000],
        threads in 1_usize..5,
        object_bytes_uncompressed_max in 100_000_u64..1_000_000,
    ) {
        let entries = plain_entries(count, tenants, 90);
        let reference = StagingLimits { object_bytes_uncompressed_max, ..StagingLimits::default() };
        let tight = StagingLimits { memory_bytes_max, ..reference };
        // Spilling for every line is slow, and one hundred lines show as much as a thousand.
        let entries = if memory_bytes_max < 10_000 { &entries[..entries.len().min(300)] } else { &entries[..] };
        prop_assert_eq!(staged(entries, tight, threads), staged(entries, reference, 2));
    }
}

#[test]
fn a_real_line_goes_in_unchanged() {
    let line = entry(0, Stream::Discovery, "é", time("2026-04-22T00:00:00Z"), "\u{1f512} \\ \"").line;
    let ledger =
        [Entry { line: line.clone(), ..entry(0, Stream::Discovery, "é", time("2026-04-22T00:00:00Z"), "") }];
    let (_, body) = staged(&ledger, StagingLimits::default(), 1).remove(0);
    assert_eq!(lines_of(&body), [line, b"\n".to_vec()].concat());
}

//! A small ledger and the run that archives it, as the engine does it.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use archive::{
    ArchiveReport, BatchId, BatchPlan, BatchWriter, Destination, Manifest, ManifestRef, StagedBatch,
    StagingLimits, VerifyOptions, publish_manifest, reread, tiles_of_batch, verify, write_log_copy,
};
use event::{Event, Limits, Stream, Timestamp};
use merkle::{KeyRing, NoteSigner, TileSet, leaf_hash};
use object_store::memory::InMemory;

pub(crate) const ORIGIN: &str = "ledger.example";
pub(crate) const SECRET: &str =
    "PRIVATE+KEY+ledger.example+5c3b714a+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
pub(crate) const TENANTS: [&str; 4] = ["7", "../é \"x\"", "_strongroom", "."];

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::from_secret(SECRET).expect("the test key is well formed")
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::single(signer().verifier())
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("a time in a test")
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) stream: Stream,
    pub(crate) tenant: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) occurred_at: Timestamp,
    pub(crate) line: Vec<u8>,
}

/// An entry whose line is rendered by the event crate, so the two crates cannot drift apart.
pub(crate) fn entry(seq: u64, stream: Stream, tenant: &str, recorded_at: Timestamp, detail: &str) -> Entry {
    let occurred_at = Timestamp::from_micros(recorded_at.micros() - 1_000_000 * (seq as i64 % 5)).unwrap();
    let mut value = serde_json::json!({
        "stream": stream.as_str(),
        "event_id": format!("id-{seq}\"\\"),
        "occurred_at": occurred_at.to_string(),
        "tenant": tenant,
        "actor": {"type": "system"},
        "action": "entry.write",
        "outcome": "success",
        "metadata": {"detail": detail},
    });
    match stream {
        Stream::Tool => value["tool"] = "probe".into(),
        Stream::Discovery => value["conversation_id"] = "c".into(),
        Stream::Audit => {}
    }
    let event = Event::parse(value.to_string().as_bytes(), &Limits::default(), recorded_at)
        .unwrap_or_else(|violations| panic!("{violations:?}"));
    let mut line = Vec::new();
    event.write_line(seq, recorded_at, None, &mut line);
    Entry { seq, stream, tenant: tenant.to_owned(), recorded_at, occurred_at, line }
}

/// A ledger over several tenants, two streams and two days.
pub(crate) fn ledger(entries: u64) -> Vec<Entry> {
    let start = time("2026-04-21T23:59:59Z").micros();
    (0..entries)
        .map(|seq| {
            let stream = if seq % 3 == 2 { Stream::Tool } else { Stream::Audit };
            let tenant = TENANTS[(seq % 4) as usize];
            let step = 2_000_000 / entries.max(1) as i64;
            entry(seq, stream, tenant, Timestamp::from_micros(start + seq as i64 * step).unwrap(), "x")
        })
        .collect()
}

pub(crate) fn plan(first_seq: u64, last_seq: u64, previous: Option<ManifestRef>) -> BatchPlan {
    let created_at =
        Timestamp::from_micros(time("2026-05-01T02:30:15Z").micros() + last_seq as i64 * 1_000_000).unwrap();
    BatchPlan {
        id: BatchId::new(created_at, (last_seq + 1).to_be_bytes()),
        origin: ORIGIN.to_owned(),
        created_at,
        first_seq,
        last_seq,
        previous,
    }
}

pub(crate) fn stage(
    plan: &BatchPlan,
    ledger: &[Entry],
    staging: &Path,
    limits: StagingLimits,
    threads: usize,
) -> StagedBatch {
    let mut writer = BatchWriter::create(plan.clone(), staging, limits, threads).unwrap();
    for entry in &ledger[plan.first_seq as usize..=plan.last_seq as usize] {
        let Entry { seq, stream, tenant, recorded_at, occurred_at, line } = entry;
        writer.push(*seq, *stream, tenant, *recorded_at, *occurred_at, line).unwrap();
    }
    writer.finish().unwrap()
}

/// The whole run of one batch, each step as the engine takes it.
pub(crate) async fn archive_batch(
    destination: &Destination,
    ledger: &[Entry],
    plan: &BatchPlan,
    staging: &Path,
    limits: StagingLimits,
) -> ManifestRef {
    let staged = stage(plan, ledger, staging, limits, 2);
    archive_staged(destination, ledger, staged).await
}

pub(crate) async fn archive_staged(
    destination: &Destination,
    ledger: &[Entry],
    staged: StagedBatch,
) -> ManifestRef {
    let plan = staged.plan.clone();
    staged.upload(destination, &()).await.unwrap();
    for object in &staged.objects {
        for (seq, leaf) in reread(destination, object).await.unwrap().leaves {
            assert_eq!(leaf, leaf_hash(&ledger[seq as usize].line));
        }
    }
    let tree = tree(&ledger[..plan.size() as usize]);
    let checkpoint = plan.checkpoint(tree.root(plan.size()).unwrap());
    let checkpoint_note = checkpoint.sign(&signer()).unwrap();
    write_log_copy(destination, &tiles(&tree, &plan), &checkpoint, &checkpoint_note).await.unwrap();
    let manifest = Manifest::new(&plan, staged.objects.clone(), checkpoint_note, BTreeMap::new());
    let published = publish_manifest(destination, &manifest.sign(&signer()).unwrap(), &keys()).await.unwrap();
    staged.remove_staging().unwrap();
    published
}

pub(crate) fn tree(entries: &[Entry]) -> TileSet {
    let mut tree = TileSet::new();
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(&entry.line)).collect();
    tree.extend(0, &leaves).unwrap();
    tree
}

pub(crate) fn tiles(tree: &TileSet, plan: &BatchPlan) -> Vec<(merkle::TileId, u16, Vec<u8>)> {
    tiles_of_batch(plan.first_seq, plan.size())
        .into_iter()
        .map(|(tile, width)| {
            let mut bytes = tree.tile_bytes(&tile).unwrap();
            bytes.truncate(usize::from(width) * 32);
            (tile, width, bytes)
        })
        .collect()
}

/// Archives a ledger in batches that end at `sizes`.
pub(crate) async fn archive_all(
    destination: &Destination,
    ledger: &[Entry],
    sizes: &[u64],
) -> Vec<BatchPlan> {
    let staging = tempfile::tempdir().unwrap();
    let mut plans: Vec<BatchPlan> = Vec::new();
    let (mut first, mut previous) = (0, None);
    for size in sizes {
        let plan = plan(first, size - 1, previous.clone());
        let reference =
            archive_batch(destination, ledger, &plan, staging.path(), StagingLimits::default()).await;
        (first, previous) = (*size, Some(reference));
        plans.push(plan);
    }
    plans
}

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) async fn read_all(destination: &Destination) -> Files {
    let mut files = Files::new();
    for (key, _) in destination.list("").await.unwrap() {
        let bytes = destination.get(&key).await.unwrap().to_vec();
        files.insert(key, bytes);
    }
    files
}

/// An archive in memory with exactly these files.
pub(crate) async fn archive_of(files: &Files) -> Destination {
    let destination = in_memory();
    for (key, bytes) in files {
        destination.put_new(key, bytes.clone().into()).await.unwrap();
    }
    destination
}

pub(crate) fn in_memory() -> Destination {
    Destination::over_store("memory", Arc::new(InMemory::new()), "").unwrap()
}

pub(crate) async fn report(destination: &Destination) -> ArchiveReport {
    report_with(destination, VerifyOptions::default()).await
}

pub(crate) async fn report_with(destination: &Destination, options: VerifyOptions) -> ArchiveReport {
    verify(destination, &keys(), &options, &()).await.unwrap()
}

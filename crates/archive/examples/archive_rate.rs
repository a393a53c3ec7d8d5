//! How fast a batch is staged, uploaded and verified on this machine.
//!
//! `cargo run --release -p archive --example archive_rate [entries]`

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use archive::{
    BatchId, BatchPlan, BatchWriter, Destination, Manifest, StagingLimits, VerifyOptions, publish_manifest,
    tiles_of_batch, verify, write_log_copy,
};
use event::{Stream, Timestamp};
use merkle::{KeyRing, NoteSigner, TileSet, leaf_hash};

const START: &str = "2026-04-22T02:30:15.000000Z";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let directory = tempfile::tempdir()?;
    let destination =
        Destination::open_or_create("local", &format!("file://{}/archive", directory.path().display()))?;
    let signer = NoteSigner::generate("rate.example", &mut rand::rng())?;
    let keys = KeyRing::single(signer.verifier());
    let start = Timestamp::parse_rfc3339(START)?;
    let plan = BatchPlan {
        id: BatchId::new(start, [0; 8]),
        origin: signer.name().to_owned(),
        created_at: start,
        first_seq: 0,
        last_seq: entries - 1,
        previous: None,
    };

    let lines: Vec<String> = (0..entries).map(line).collect();
    let bytes: usize = lines.iter().map(String::len).sum();
    println!("{entries} entries of {} bytes, {threads} threads", bytes as u64 / entries);

    let begun = Instant::now();
    let mut writer = BatchWriter::create(plan.clone(), directory.path(), StagingLimits::default(), threads)?;
    for (seq, line) in (0..).zip(&lines) {
        writer.push(seq, Stream::Audit, &(seq % 20).to_string(), start, start, line.as_bytes())?;
    }
    let staged = writer.finish()?;
    rate("staged", entries, begun.elapsed());

    let begun = Instant::now();
    staged.upload(&destination, &()).await?;
    rate("uploaded", entries, begun.elapsed());

    let mut tree = TileSet::new();
    let leaves: Vec<_> = lines.iter().map(|line| leaf_hash(line.as_bytes())).collect();
    tree.extend(0, &leaves)?;
    let checkpoint = plan.checkpoint(tree.root(entries)?);
    let note = checkpoint.sign(&signer)?;
    let tiles: Vec<_> = tiles_of_batch(0, entries)
        .into_iter()
        .filter_map(|(tile, width)| Some((tile, width, tree.tile_bytes(&tile)?)))
        .collect();
    let begun = Instant::now();
    write_log_copy(&destination, &tiles, &checkpoint, &note).await?;
    rate("log copied", entries, begun.elapsed());
    let manifest = Manifest::new(&plan, staged.objects.clone(), note, BTreeMap::new());
    publish_manifest(&destination, &manifest.sign(&signer)?, &keys).await?;

    let begun = Instant::now();
    let report = verify(&destination, &keys, &VerifyOptions::default(), &()).await?;
    rate("verified", entries, begun.elapsed());
    println!("{} in {} objects, {} bytes stored", report.complete_up_to, report.objects, report.bytes);
    Ok(())
}

fn rate(what: &str, entries: u64, taken: Duration) {
    println!("{what:>12} {:>10.0} entries/s", entries as f64 / taken.as_secs_f64());
}

/// About 650 bytes, compressing about six times, as audit entries do.
fn line(seq: u64) -> String {
    let id = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut line = format!(
        "{{\"seq\":{seq},\"recorded_at\":\"{START}\",\"stream\":\"audit\",\"event_id\":\"0198{id:016x}\",\
         \"occurred_at\":\"{START}\",\"tenant\":\"{}\",\"actor\":{{\"type\":\"user\",\"id\":\"user-{}\",\
         \"email\":\"user-{}@example.com\",\"ip\":\"10.{}.{}.{}\"}},\"action\":\"session.create\",\
         \"outcome\":\"success\",\"source\":\"web\",\"request_id\":\"{id:032x}\",\"metadata\":{{",
        seq % 20,
        id % 997,
        id % 997,
        id % 7,
        id % 251,
        id % 241
    );
    for field in 0..8 {
        let _ = write!(line, "\"attribute_{field}\":\"value {}\",", (id >> field) % 13);
    }
    line.push_str("\"note\":\"the session was created by password and a second factor\"}}");
    line
}

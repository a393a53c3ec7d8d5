use std::io::{Read as _, Write as _};
use std::sync::{Arc, OnceLock};

use archive::{
    BatchId, Destination, Digest, Error, ManifestObject, object_key, read_lines, reread, sidecar_key,
};
use bytes::Bytes;
use event::{Day, Stream, Timestamp};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use merkle::{Hash, leaf_hash};
use object_store::memory::InMemory;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::sample::{now, time};

const TENANT: &str = "7";
const DAY: &str = "2026-04-21";

/// What a stored body is inflated to by the second reader here; a longer one is not compared.
const INFLATED_BYTES_MAX: u64 = 1 << 20;

/// The input is a letter and an object's content: `g` and a stored gzip body, `t` and the lines of one gzip member, or `m`
/// and lines that are stored as one gzip member each. The manifest agrees with them as far as they can be read at all.
///
/// An object that is accepted holds exactly the lines that stand in it, as a second reader finds them, and partial reading
/// finds the same ones. With one byte changed it is not accepted any more.
pub fn object(data: &[u8]) {
    let Some((letter, content)) = data.split_first() else { return };
    let (stored, offsets) = match letter {
        b'g' => (content.to_vec(), vec![0]),
        b't' => stored_members(&[content]),
        b'm' => stored_members(&content.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>()),
        _ => return,
    };
    let Some(inflated) = inflate(&stored) else { return };
    let lines: Vec<&[u8]> = inflated.split_inclusive(|byte| *byte == b'\n').collect();
    let object = describe(&stored, &offsets, &lines);
    let whole = object.first_seq..=object.last_seq;
    runtime().block_on(async {
        let destination = destination(&object, &stored).await;
        match reread(&destination, &object).await {
            Ok(content) => {
                assert_eq!(content.leaves, expected(&lines), "the object holds other lines");
                let read =
                    read_lines(&destination, &object, whole).await.expect("the object was read before");
                let leaves: Vec<_> = read.iter().map(|(seq, line)| (*seq, leaf_hash(line))).collect();
                assert_eq!(leaves, content.leaves, "partial reading finds other lines");
                is_covered(&object, stored).await;
            }
            Err(error) => {
                assert!(matches!(error, Error::Corrupt(_)), "{error}");
                // Nothing is known of this object, so only that the answer is one.
                let _lines = read_lines(&destination, &object, whole).await;
            }
        }
    });
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"))
}

/// Each content as a gzip member, and where the members begin.
fn stored_members(contents: &[&[u8]]) -> (Vec<u8>, Vec<u64>) {
    let (mut stored, mut offsets) = (Vec::new(), Vec::new());
    for content in contents {
        offsets.push(stored.len() as u64);
        let mut encoder = GzEncoder::new(stored, Compression::fast());
        encoder.write_all(content).expect("a vector takes every byte");
        stored = encoder.finish().expect("a vector takes every byte");
    }
    (stored, offsets)
}

fn inflate(stored: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    let read = MultiGzDecoder::new(stored).take(INFLATED_BYTES_MAX).read_to_end(&mut inflated);
    // What is no gzip is described as well as it can be: the archive's own reader has to say so.
    (read.is_err() || (inflated.len() as u64) < INFLATED_BYTES_MAX).then_some(inflated)
}

/// The seq and the time that a line claims.
fn claims(line: &[u8]) -> Option<(u64, Timestamp)> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let occurred_at = Timestamp::parse_rfc3339(line["occurred_at"].as_str()?).ok()?;
    Some((line["seq"].as_u64()?, occurred_at))
}

/// The manifest's words on these bytes; made up where the lines cannot be read.
fn describe(stored: &[u8], offsets: &[u64], lines: &[&[u8]]) -> ManifestObject {
    let claims: Vec<_> = lines.iter().map(|line| claims(line).unwrap_or((0, now()))).collect();
    let seqs = || claims.iter().map(|(seq, _)| *seq);
    let times = || claims.iter().map(|(_, occurred_at)| *occurred_at);
    let (first_seq, day) = (seqs().next().unwrap_or(0), Day::parse(DAY).expect("a day"));
    let batch = BatchId::new(time("2026-05-01T02:30:15Z"), [0; 8]);
    ManifestObject {
        key: object_key(&batch, Stream::Audit, TENANT, day, None),
        stream: Stream::Audit,
        tenant: TENANT.to_owned(),
        day,
        entries: lines.len() as u64,
        first_seq,
        last_seq: seqs().next_back().unwrap_or(0),
        first_occurred_at: times().min().unwrap_or_else(now),
        last_occurred_at: times().max().unwrap_or_else(now),
        bytes: stored.len() as u64,
        bytes_uncompressed: lines.iter().map(|line| line.len() as u64).sum(),
        sha256: Digest::of(stored),
        // One member a line, or one for all of them.
        members: offsets.iter().copied().zip(seqs().chain(std::iter::repeat(first_seq))).collect(),
    }
}

fn expected(lines: &[&[u8]]) -> Vec<(u64, Hash)> {
    let expected = lines.iter().map(|line| {
        let line = line.strip_suffix(b"\n").expect("every line that is accepted ends in a newline");
        let seq = read_seq(line).expect("every line that is accepted begins with its seq");
        (seq, leaf_hash(line))
    });
    expected.collect()
}

/// The digits after `{"seq":`. The archive reads no more of a line than its beginning, so it need not be JSON.
fn read_seq(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"seq\":")?;
    str::from_utf8(rest.split(|byte| *byte == b',').next()?).ok()?.parse().ok()
}

async fn destination(object: &ManifestObject, stored: &[u8]) -> Destination {
    let destination =
        Destination::over_store("memory", Arc::new(InMemory::new()), "").expect("a destination");
    let name = object.key.rsplit('/').next().unwrap_or_default();
    let sidecar = format!("{}  {name}\n", object.sha256);
    for (key, bytes) in
        [(object.key.clone(), stored.to_vec()), (sidecar_key(&object.key), sidecar.into_bytes())]
    {
        destination.put_new(&key, Bytes::from(bytes)).await.expect("memory takes every object");
    }
    destination
}

/// One bit of the stored bytes, chosen by their hash, is changed.
async fn is_covered(object: &ManifestObject, mut stored: Vec<u8>) {
    let chosen = usize::from(object.sha256.0[0]) << 8 | usize::from(object.sha256.0[1]);
    let at = chosen % stored.len();
    stored[at] ^= 1 << (object.sha256.0[2] % 8);
    let destination = destination(object, &stored).await;
    assert!(reread(&destination, object).await.is_err(), "byte {at} of an object may be changed");
}

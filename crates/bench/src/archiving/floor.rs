//! The floor of archiving: the lines compressed and hashed on one core, with nothing read, written or proven.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use event::{Day, EntryFields, Stream};
use libdeflater::{CompressionLvl, Compressor};
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::measurement::Measurement;
use crate::step::StepCall;
use crate::workload::{Feed, Workload};

/// The archive's own level and member size.
const LEVEL: i32 = 6;
const MEMBER_LINES: u64 = 4_096;
const PIECE_LINES: u64 = 10_000;

/// Lines are grouped by stream, tenant and day first, as the archive does, because it compresses better; the grouping is
/// outside the clock.
pub(crate) fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let mut feed = Feed::open(&Workload::new(&call.directory).lines_file(), call.entries)?;
    let mut floor = Floor::new()?;
    let mut members: HashMap<(Stream, String, Day), (u64, Vec<u8>)> = HashMap::new();
    while let Some(piece) = feed.next(PIECE_LINES)? {
        for line in piece.lines() {
            let fields = EntryFields::parse(line)?;
            let group = (fields.stream, fields.tenant.into_owned(), fields.recorded_at.day());
            let (lines, bytes) = members.entry(group).or_default();
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
            *lines += 1;
            if *lines == MEMBER_LINES {
                floor.take(bytes)?;
                bytes.clear();
                *lines = 0;
            }
        }
    }
    for (_, bytes) in members.into_values() {
        floor.take(&bytes)?;
    }
    Ok(Measurement::of(call.entries, floor.taken)
        .with("uncompressed_bytes", floor.uncompressed_bytes as f64)
        .with("stored_bytes", floor.stored_bytes as f64))
}

struct Floor {
    compressor: Compressor,
    buffer: Vec<u8>,
    taken: Duration,
    uncompressed_bytes: usize,
    stored_bytes: usize,
}

impl Floor {
    fn new() -> Result<Self, Failure> {
        let level =
            CompressionLvl::new(LEVEL).map_err(|_| "libdeflater does not know the archive's level")?;
        Ok(Self {
            compressor: Compressor::new(level),
            buffer: Vec::new(),
            taken: Duration::ZERO,
            uncompressed_bytes: 0,
            stored_bytes: 0,
        })
    }

    fn take(&mut self, lines: &[u8]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        self.buffer.resize(self.compressor.gzip_compress_bound(lines.len()), 0);
        let started = Instant::now();
        let stored = self.compressor.gzip_compress(lines, &mut self.buffer)?;
        std::hint::black_box(Sha256::digest(lines));
        self.taken += started.elapsed();
        self.uncompressed_bytes += lines.len();
        self.stored_bytes += stored;
        Ok(())
    }
}

//! The bytes that every measurement of a run works on, in two files: submitted events, and the same events as lines.
//!
//! In files, not in memory: a measuring process would count them in its own memory peak.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use engine::{Clock as _, SystemClock};
use event::{Event, Limits, Timestamp, Violation};
use traffic::Traffic;

use crate::Failure;

/// Every run works on the same traffic.
const SEED: u64 = 2_026;
/// It occurred over so many days before now.
const TRAFFIC_DAYS: i64 = 80;
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// What a line says its retention is; its length is what matters.
const RETAIN_DAYS: i64 = 1_095;
/// A month: no run is spread over more in one batch.
const FUTURE_SECONDS_MAX: u32 = 31 * 86_400;
const READ_BUFFER_BYTES: usize = 1 << 20;

/// When the entries of a run are recorded: evenly over whole UTC days, the last of which ends before now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days {
    start_micros: i64,
    step_micros: i64,
    last_seq: u64,
}

impl Days {
    /// So many entries over so many days, at least one of each.
    pub(crate) fn before(now: Timestamp, days: u64, entries: u64) -> Self {
        let span = days.max(1) as i64 * MICROS_PER_DAY;
        let midnight = now.micros().div_euclid(MICROS_PER_DAY) * MICROS_PER_DAY;
        let entries = entries.max(1);
        Self { start_micros: midnight - span, step_micros: span / entries as i64, last_seq: entries - 1 }
    }

    /// When the entry is recorded; its event occurred at the same moment. Time stands still after the last one.
    pub(crate) fn recorded_at(&self, seq: u64) -> Timestamp {
        let micros = self.start_micros + self.step_micros * seq.min(self.last_seq) as i64;
        Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN)
    }
}

/// Where a run's workload is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload<'a> {
    directory: &'a Path,
}

impl<'a> Workload<'a> {
    pub(crate) fn new(directory: &'a Path) -> Self {
        Self { directory }
    }

    pub(crate) fn events_file(self) -> PathBuf {
        self.directory.join("events.jsonl")
    }

    pub(crate) fn lines_file(self) -> PathBuf {
        self.directory.join("lines.jsonl")
    }

    /// Writes events of many days that are all recorded now.
    pub(crate) fn write(self, entries: u64) -> Result<(), Failure> {
        let now = SystemClock.now();
        let start = now.checked_sub_days(TRAFFIC_DAYS).ok_or("the clock is before any traffic")?.micros();
        let step = (now.micros() - start) / entries.max(1) as i64;
        self.write_at(Traffic::new(SEED), entries, |seq| (start + step * seq as i64, now))
    }

    /// Writes events that are recorded as they occur, over so many days, of so many tenants.
    pub(crate) fn write_over_days(self, entries: u64, tenants: u64, days: u64) -> Result<(), Failure> {
        let days = Days::before(SystemClock.now(), days, entries);
        self.write_at(Traffic::with_tenants(SEED, tenants as usize), entries, |seq| {
            let recorded_at = days.recorded_at(seq);
            (recorded_at.micros(), recorded_at)
        })
    }

    /// Writes both files, and syncs them so that writing them back does not disturb what is measured later. `times`
    /// says of a seq when it occurred and when it was recorded.
    fn write_at(
        self,
        mut traffic: Traffic,
        entries: u64,
        times: impl Fn(u64) -> (i64, Timestamp),
    ) -> Result<(), Failure> {
        let mut events = BufWriter::new(File::create(self.events_file())?);
        let mut lines = BufWriter::new(File::create(self.lines_file())?);
        let mut line = Vec::new();
        for seq in 0..entries {
            let (occurred_at_micros, recorded_at) = times(seq);
            let json = traffic.event(occurred_at_micros);
            let until = recorded_at.checked_add_days(RETAIN_DAYS);
            line.clear();
            parse(&json, recorded_at)?.write_line(seq, recorded_at, until, &mut line);
            for (file, text) in [(&mut events, &json), (&mut lines, &line)] {
                file.write_all(text)?;
                file.write_all(b"\n")?;
            }
        }
        for file in [events, lines] {
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        Ok(())
    }
}

/// Parses a submitted event as the server does, except that it may lie ahead: of events that are spread over days, those of
/// a batch occur long after the moment that the batch is parsed at.
pub(crate) fn parse(json: &[u8], now: Timestamp) -> Result<Event, Failure> {
    let limits = Limits { future_seconds_max: FUTURE_SECONDS_MAX, ..Limits::default() };
    Event::parse(json, &limits, now).map_err(|violations| {
        let all: Vec<String> = violations.iter().map(Violation::to_string).collect();
        format!("generated traffic is not valid: {}", all.join("; ")).into()
    })
}

/// Reads one of the files in pieces of whole lines.
pub(crate) struct Feed {
    reader: BufReader<File>,
    left: u64,
}

impl Feed {
    /// The first `lines` lines of a file.
    pub(crate) fn open(path: &Path, lines: u64) -> io::Result<Self> {
        Ok(Self { reader: BufReader::with_capacity(READ_BUFFER_BYTES, File::open(path)?), left: lines })
    }

    /// The next lines, at most so many; `None` at the end.
    pub(crate) fn next(&mut self, lines_max: u64) -> io::Result<Option<Piece>> {
        let mut piece = Piece::default();
        while self.left > 0 && (piece.ends.len() as u64) < lines_max {
            if self.reader.read_until(b'\n', &mut piece.bytes)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the workload is too short"));
            }
            piece.ends.push(piece.bytes.len());
            self.left -= 1;
        }
        Ok((!piece.ends.is_empty()).then_some(piece))
    }
}

/// Some lines, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    /// With the newlines.
    pub(crate) bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    pub(crate) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The lines, without their newlines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..end - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_gives_every_line_once_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let workload = Workload::new(directory.path());
        workload.write(25).unwrap();
        let mut feed = Feed::open(&workload.lines_file(), 25).unwrap();
        let mut sizes = Vec::new();
        let mut seqs = Vec::new();
        while let Some(piece) = feed.next(10).unwrap() {
            sizes.push(piece.len());
            seqs.extend(piece.lines().map(|line| event::EntryFields::parse(line).unwrap().seq));
        }
        assert_eq!(sizes, [10, 10, 5]);
        assert_eq!(seqs, (0..25).collect::<Vec<_>>());
    }

    #[test]
    fn a_workload_that_is_too_short_is_an_error_and_not_a_faster_run() {
        let directory = tempfile::tempdir().unwrap();
        let workload = Workload::new(directory.path());
        workload.write(3).unwrap();
        let mut feed = Feed::open(&workload.events_file(), 4).unwrap();
        assert!(feed.next(10).is_err());
    }
}

//! Counters beside the work: updated once a commit or a call, never once an event, and read by whoever watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use event::Timestamp;
use store::Commit;

use crate::archiving::ArchiveReport;
use crate::error::{ErrorKind, Result};
use crate::plan::Placed;

/// Upper ends of the buckets of commit latency, microseconds.
const COMMIT_MICROS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// Upper ends of the buckets of commit size, entries.
const COMMIT_ENTRIES: [u64; 10] = [1, 5, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000];

/// How often which magnitude was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// For each bucket its upper end, inclusive, and how many values fell into it and into none before it.
    pub buckets: Vec<(u64, u64)>,
    /// Values above the last bucket.
    pub beyond: u64,
    /// Sum of all values.
    pub sum: u64,
}

/// A [`Histogram`] in the making.
#[derive(Debug)]
struct Distribution<const BUCKETS: usize> {
    ends: &'static [u64; BUCKETS],
    counts: [AtomicU64; BUCKETS],
    beyond: AtomicU64,
    sum: AtomicU64,
}

impl<const BUCKETS: usize> Distribution<BUCKETS> {
    fn new(ends: &'static [u64; BUCKETS]) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { ends, counts, beyond: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    fn observe(&self, value: u64) {
        let bucket = self.ends.partition_point(|end| *end < value);
        self.counts.get(bucket).unwrap_or(&self.beyond).fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    fn read(&self) -> Histogram {
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        Histogram {
            buckets: self.ends.iter().copied().zip(counts).collect(),
            beyond: self.beyond.load(Relaxed),
            sum: self.sum.load(Relaxed),
        }
    }
}

/// What the engine counts of itself since it was opened.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) batches: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) waiting_events: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
    pub(crate) line_bytes: AtomicU64,
    pub(crate) commits_failed: AtomicU64,
    pub(crate) entries_lost: AtomicU64,
    pub(crate) checkpoint_size: AtomicU64,
    pub(crate) checkpoint_at: AtomicI64,
    pub(crate) archive_completed: AtomicU64,
    pub(crate) archive_refused: AtomicU64,
    pub(crate) archive_failed: AtomicU64,
    pub(crate) archived_entries: AtomicU64,
    pub(crate) pruned_entries: AtomicU64,
    commit_micros: Distribution<{ COMMIT_MICROS.len() }>,
    commit_entries: Distribution<{ COMMIT_ENTRIES.len() }>,
}

impl Default for Gauges {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            batches: zero(),
            events: zero(),
            duplicates: zero(),
            waiting_events: zero(),
            waiting_bytes: zero(),
            line_bytes: zero(),
            commits_failed: zero(),
            entries_lost: zero(),
            checkpoint_size: zero(),
            checkpoint_at: AtomicI64::new(0),
            archive_completed: zero(),
            archive_refused: zero(),
            archive_failed: zero(),
            archived_entries: zero(),
            pruned_entries: zero(),
            commit_micros: Distribution::new(&COMMIT_MICROS),
            commit_entries: Distribution::new(&COMMIT_ENTRIES),
        }
    }
}

impl Gauges {
    /// A producer's batch was answered.
    pub(crate) fn placed(&self, placed: &[Placed]) {
        let repeated = placed.iter().filter(|place| matches!(place, Placed::Duplicate { .. })).count() as u64;
        self.batches.fetch_add(1, Relaxed);
        self.events.fetch_add(placed.len() as u64 - repeated, Relaxed);
        self.duplicates.fetch_add(repeated, Relaxed);
    }

    /// The newest checkpoint was signed, or found good, at this time.
    pub(crate) fn signed(&self, size: u64, at: Timestamp) {
        self.checkpoint_size.store(size, Relaxed);
        self.checkpoint_at.store(at.micros(), Relaxed);
    }

    /// The store was read back and held less than what was acknowledged.
    pub(crate) fn lost(&self, entries: u64) {
        self.entries_lost.fetch_add(entries, Relaxed);
    }

    /// An archive run that was no dry run has ended.
    pub(crate) fn archive_ran(&self, outcome: &Result<()>, report: &ArchiveReport) {
        // What it did before it stopped, it did.
        self.archived_entries.fetch_add(report.archived, Relaxed);
        self.pruned_entries.fetch_add(report.pruned, Relaxed);
        let counted = match outcome {
            Ok(()) => &self.archive_completed,
            Err(error) if error.kind() == ErrorKind::Refused => &self.archive_refused,
            Err(_) => &self.archive_failed,
        };
        counted.fetch_add(1, Relaxed);
    }

    pub(crate) fn commit_latency(&self) -> Histogram {
        self.commit_micros.read()
    }

    pub(crate) fn commit_sizes(&self) -> Histogram {
        self.commit_entries.read()
    }
}

/// A commit on its way to the store.
#[derive(Debug)]
pub(crate) struct Timed {
    started: Instant,
    entries: u64,
    line_bytes: u64,
}

impl Timed {
    pub(crate) fn start(commit: &Commit) -> Self {
        let line_bytes = commit.lines.iter().map(|line| line.len() as u64).sum();
        Self { started: Instant::now(), entries: commit.lines.len() as u64, line_bytes }
    }

    /// The store has answered.
    pub(crate) fn end<T>(&self, outcome: &store::Result<T>, gauges: &Gauges) {
        if outcome.is_err() {
            gauges.commits_failed.fetch_add(1, Relaxed);
            return;
        }
        gauges.commit_micros.observe(micros(self.started.elapsed()));
        gauges.line_bytes.fetch_add(self.line_bytes, Relaxed);
        // A commit of control rows alone says nothing about how events are gathered.
        if self.entries > 0 {
            gauges.commit_entries.observe(self.entries);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A work's share of the queue, counted until it is answered; with it its room in the byte budget, if it needs any.
#[derive(Debug)]
pub(crate) struct Share {
    gauges: Arc<Gauges>,
    events: u64,
    bytes: u64,
    _room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Share {
    pub(crate) fn take(
        gauges: &Arc<Gauges>,
        events: usize,
        bytes: usize,
        room: Option<tokio::sync::OwnedSemaphorePermit>,
    ) -> Self {
        let (events, bytes) = (events as u64, bytes as u64);
        gauges.waiting_events.fetch_add(events, Relaxed);
        gauges.waiting_bytes.fetch_add(bytes, Relaxed);
        Self { gauges: gauges.clone(), events, bytes, _room: room }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.gauges.waiting_events.fetch_sub(self.events, Relaxed);
        self.gauges.waiting_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let distribution = Distribution::new(&COMMIT_ENTRIES);
        for value in [1, 2, 5, 10_000, 10_001] {
            distribution.observe(value);
        }
        let read = distribution.read();
        assert_eq!((read.buckets[0], read.buckets[1], read.buckets[9]), ((1, 1), (5, 2), (10_000, 1)));
        assert_eq!((read.beyond, read.sum), (1, 20_009));
    }

    #[test]
    fn a_share_of_the_queue_is_given_back() {
        let gauges = Arc::new(Gauges::default());
        let share = Share::take(&gauges, 3, 100, None);
        assert_eq!((gauges.waiting_events.load(Relaxed), gauges.waiting_bytes.load(Relaxed)), (3, 100));
        drop(share);
        assert_eq!((gauges.waiting_events.load(Relaxed), gauges.waiting_bytes.load(Relaxed)), (0, 0));
    }
}

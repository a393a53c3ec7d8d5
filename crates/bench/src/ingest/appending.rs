//! Events through the engine: from JSON bytes to receipts, with several submitters at the same time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{Clock, Engine, SystemClock};
use event::{Event, Timestamp};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::metered::MeteredStore;
use crate::step::StepCall;
use crate::subject::Subject;
use crate::workload::{Days, Feed, Piece, Workload, parse};

/// Larger batches are parsed beside the threads that answer requests, as the server does.
const PARSED_INLINE_BYTES_MAX: usize = 64 << 10;

/// Where the sizes of the engine's commits are left for the floors, one a line.
pub(crate) fn commit_sizes_file(run: &Path) -> PathBuf {
    run.join("commit-sizes")
}

/// Appends into a new ledger, which stays.
pub(crate) fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let runtime = Runtime::new()?;
    let (subject, measurement) = runtime.block_on(append_all(call))?;
    // Tasks that were told to stop may hold the store until the runtime is gone; then SQLite closes its files.
    drop(runtime);
    let bytes = subject.database_bytes()? as f64;
    Ok(measurement.with("disk_bytes", bytes))
}

async fn append_all(call: &StepCall) -> Result<(Subject, Measurement), Failure> {
    let taken = Arc::new(AtomicU64::new(0));
    let clock: Arc<dyn Clock> = match call.days {
        0 => Arc::new(SystemClock),
        days => Arc::new(FedClock {
            days: Days::before(SystemClock.now(), days, call.entries),
            taken: taken.clone(),
        }),
    };
    let subject = Subject::create(&call.directory, clock).await?;
    let store = Arc::new(MeteredStore::over(subject.store()?));
    let engine = subject.engine(store.clone()).await?;
    let feed = Feed::open(&Workload::new(&call.directory).events_file(), call.entries)?;
    let submitters = Submitters {
        engine: engine.clone(),
        feed: Arc::new(Mutex::new(feed)),
        taken,
        acknowledged: Arc::default(),
        stopwatch: Arc::new(Stopwatch::start()),
    };
    let mut tasks = JoinSet::new();
    for _ in 0..call.submitters {
        tasks.spawn(submitters.clone().submit(call.batch));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    let measurement = submitters.stopwatch.stop(call.entries);
    engine.shutdown().await?;
    let signed = submitters.stopwatch.elapsed();
    let sizes: Vec<String> = store.commit_entries().iter().map(u64::to_string).collect();
    fs::write(commit_sizes_file(&call.directory), sizes.join("\n"))?;
    let acknowledged = submitters.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    let mut measurement = store.tell(measurement).with("signed_seconds", signed.as_secs_f64());
    if let Some((first, last)) = tenths(&acknowledged, call.entries) {
        measurement = measurement.with("first_tenth_per_second", first).with("last_tenth_per_second", last);
    }
    Ok((subject, measurement))
}

/// Goes as far as events were taken from the workload, so that days pass in seconds.
struct FedClock {
    days: Days,
    taken: Arc<AtomicU64>,
}

impl Clock for FedClock {
    fn now(&self) -> Timestamp {
        self.days.recorded_at(self.taken.load(Ordering::SeqCst))
    }
}

#[derive(Clone)]
struct Submitters {
    engine: Engine,
    feed: Arc<Mutex<Feed>>,
    /// How many events were taken from the feed.
    taken: Arc<AtomicU64>,
    /// When so many events more were acknowledged.
    acknowledged: Arc<Mutex<Vec<(Duration, u64)>>>,
    stopwatch: Arc<Stopwatch>,
}

impl Submitters {
    async fn submit(self, batch: u64) -> Result<(), Failure> {
        loop {
            let piece = self.feed.lock().unwrap_or_else(PoisonError::into_inner).next(batch)?;
            let Some(piece) = piece else { return Ok(()) };
            let count = piece.len();
            self.taken.fetch_add(count, Ordering::SeqCst);
            let now = self.engine.ledger().now();
            let events = if piece.bytes.len() <= PARSED_INLINE_BYTES_MAX {
                parse_all(&piece, now)?
            } else {
                tokio::task::spawn_blocking(move || parse_all(&piece, now)).await??
            };
            let appended = self.engine.append(events).await?;
            if appended.receipts.iter().any(|receipt| receipt.duplicate) {
                return Err("generated traffic repeats itself".into());
            }
            let at = self.stopwatch.elapsed();
            self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push((at, count));
        }
    }
}

fn parse_all(piece: &Piece, now: Timestamp) -> Result<Vec<Event>, Failure> {
    piece.lines().map(|json| parse(json, now)).collect()
}

/// Events a second over the first and over the last tenth. `None` where one of them was acknowledged all at once, so
/// that there is no rate to tell.
fn tenths(acknowledged: &[(Duration, u64)], entries: u64) -> Option<(f64, f64)> {
    let mut count = 0;
    let counts: Vec<(Duration, u64)> = acknowledged
        .iter()
        .map(|(at, events)| {
            count += events;
            (*at, count)
        })
        .collect();
    let reaches = |least: u64| counts.iter().find(|(_, count)| *count >= least);
    let (first_end, first_count) = reaches(entries / 10)?;
    let (last_start, last_count) = reaches(entries - entries / 10)?;
    let (end, _) = counts.last()?;
    let rate = |count: u64, taken: Duration| (!taken.is_zero()).then(|| count as f64 / taken.as_secs_f64());
    let last = rate(entries - last_count, end.saturating_sub(*last_start))?;
    Some((rate(*first_count, *first_end)?, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenths_are_those_of_the_events_and_not_of_the_time() {
        let mut acknowledged: Vec<_> = (1..=90).map(|second| (Duration::from_secs(second), 10)).collect();
        acknowledged.extend((1..=10).map(|step| (Duration::from_secs(90 + 2 * step), 10)));
        assert_eq!(tenths(&acknowledged, 1_000), Some((10.0, 5.0)));
        assert_eq!(tenths(&[(Duration::from_secs(1), 1_000)], 1_000), None);
    }
}

//! Searches of the archive: for one entry, and through all of a tenant's day.

use std::time::{Duration, Instant};

use engine::{Ledger, Order, Page, Tier};
use event::{Day, EntryFields, Filter};

use crate::Failure;
use crate::archiving::searching::percentile;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::subject::Subject;
use crate::workload::{Feed, Workload};

/// Needles that are looked for, at most.
const NEEDLES: u64 = 200;
const PAGE_ENTRIES: usize = 50;
const PIECE_LINES: u64 = 10_000;
/// The busiest tenant of the traffic.
const TENANT: &str = "1";
/// In no line, so that every one of them is looked at.
const ABSENT: &str = "there is no such text";

pub(crate) async fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let Wanted { needles, day, day_bytes } = Wanted::of(call)?;
    let subject = Subject::of(&call.directory)?;
    let opening = Instant::now();
    let ledger = subject.reader().await?;
    let opening = opening.elapsed();
    let stored: u64 = ledger.batches().await?.iter().map(|batch| batch.bytes).sum();

    let all = Stopwatch::start();
    let (mut times, mut bytes_read) = (Vec::new(), 0);
    for request_id in &needles {
        let filter = filter(&[("request_id", request_id)])?;
        let started = Instant::now();
        let found = every_page(&ledger, &filter).await?;
        times.push(started.elapsed());
        bytes_read += found.bytes_read;
        if found.entries == 0 {
            return Err(format!("nothing was found for {filter}: what is not found is not measured").into());
        }
    }
    let first = times.first().copied().unwrap_or_default();
    times.sort_unstable();
    let [p50, p99] = [50, 99].map(|hundredths| percentile(&times, hundredths));

    let next_day = day.start().checked_add_days(1).ok_or("there is no next day")?;
    let (from, to) = (day.start().to_string(), next_day.to_string());
    let scan =
        filter(&[("tenant", TENANT), ("recorded_from", &from), ("recorded_to", &to), ("text", ABSENT)])?;
    let stopwatch = Stopwatch::start();
    every_page(&ledger, &scan).await?;
    let scanned = stopwatch.stop(call.entries);

    let seconds = |time: Duration| time.as_secs_f64();
    Ok(all
        .stop(needles.len() as u64)
        .with("opening_seconds", seconds(opening))
        .with("needle_first_seconds", seconds(first))
        .with("needle_p50_seconds", seconds(p50))
        .with("needle_p99_seconds", seconds(p99))
        .with("needle_bytes_read", bytes_read as f64 / needles.len().max(1) as f64)
        .with("stored_bytes", stored as f64)
        .with("scanned_bytes", day_bytes as f64)
        .with("scan_seconds", scanned.seconds)
        .with("scan_cpu_seconds", scanned.cpu_seconds.unwrap_or_default()))
}

/// What the searches look for, out of the workload.
struct Wanted {
    /// Request ids, evenly over the ledger.
    needles: Vec<String>,
    /// The first day, and how many bytes of lines the tenant has on it.
    day: Day,
    day_bytes: usize,
}

impl Wanted {
    fn of(call: &StepCall) -> Result<Self, Failure> {
        let mut feed = Feed::open(&Workload::new(&call.directory).lines_file(), call.entries)?;
        let every = (call.entries / NEEDLES).max(1);
        let (mut needles, mut due) = (Vec::new(), 0);
        let (mut first_day, mut day_bytes) = (None, 0);
        while let Some(piece) = feed.next(PIECE_LINES)? {
            for line in piece.lines() {
                let fields = EntryFields::parse(line)?;
                let day = *first_day.get_or_insert(fields.recorded_at.day());
                if fields.tenant == TENANT && fields.recorded_at.day() == day {
                    day_bytes += line.len() + 1;
                }
                if fields.seq >= due
                    && let Some(request_id) = fields.request_id
                {
                    needles.push(request_id.into_owned());
                    due += every;
                }
            }
        }
        let day = first_day.ok_or("the workload is empty")?;
        Ok(Self { needles, day, day_bytes })
    }
}

fn filter(pairs: &[(&str, &str)]) -> Result<Filter, Failure> {
    Filter::from_pairs(pairs.iter().copied()).map_err(|violations| format!("{violations:?}").into())
}

#[derive(Default)]
struct Found {
    entries: usize,
    bytes_read: u64,
}

/// All pages of a search of the archive.
async fn every_page(ledger: &Ledger, filter: &Filter) -> Result<Found, Failure> {
    let mut page = Page { order: Order::Descending, limit: PAGE_ENTRIES, cursor: None, tier: Tier::Cold };
    let mut found = Found::default();
    loop {
        let answer = ledger.search(filter, &page).await?;
        found.entries += answer.entries.len();
        found.bytes_read += answer.bytes_read;
        match answer.next_cursor {
            None => return Ok(found),
            cursor => page.cursor = cursor,
        }
    }
}

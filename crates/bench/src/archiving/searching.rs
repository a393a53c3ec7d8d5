//! Searches of the hot ledger, one after the other, each timed on its own.

use std::time::{Duration, Instant};

use engine::{Ledger, Order, Page, Tier};
use event::{EntryFields, Filter};

use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::subject::Subject;
use crate::workload::{Feed, Workload};

/// Queries of each kind, at most.
const QUERIES: u64 = 2_000;
const PAGE_ENTRIES: usize = 50;
const PIECE_LINES: u64 = 10_000;
/// A prime, so that going on by it in a list of any other length visits all of it, out of order.
const STRIDE: usize = 7_919;

/// A condition of a filter: its name and value.
type Pair = (&'static str, String);

/// A kind of search.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// The filter that finds the entry, if it has what the kind asks for.
    pairs: fn(&EntryFields<'_>) -> Option<Vec<Pair>>,
}

pub(super) const KINDS: [Kind; 3] = [
    Kind {
        name: "needle",
        description: "for a request id",
        pairs: |fields| Some(vec![("request_id", fields.request_id.as_deref()?.to_owned())]),
    },
    Kind {
        name: "actor",
        description: "for an actor, newest 50",
        pairs: |fields| Some(vec![("actor", fields.actor_id.as_deref()?.to_owned())]),
    },
    Kind {
        name: "tenant_action",
        description: "for a tenant and an action, newest 50",
        pairs: |fields| {
            Some(vec![("tenant", fields.tenant.to_string()), ("action", fields.action.to_string())])
        },
    },
];

pub(crate) async fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let subject = Subject::of(&call.directory)?;
    let opening = Instant::now();
    let ledger = subject.reader().await?;
    let opening = opening.elapsed();
    let queries: Vec<Vec<Filter>> = KINDS.iter().map(|kind| filters(call, kind)).collect::<Result<_, _>>()?;
    let stopwatch = Stopwatch::start();
    let mut times = Vec::new();
    for filters in &queries {
        times.push(search_all(&ledger, filters).await?);
    }
    let asked: usize = queries.iter().map(Vec::len).sum();
    let mut measurement = stopwatch.stop(asked as u64).with("opening_seconds", opening.as_secs_f64());
    for (kind, mut times) in KINDS.iter().zip(times) {
        times.sort_unstable();
        for (name, hundredths) in [("p50", 50), ("p99", 99)] {
            let time = percentile(&times, hundredths).as_secs_f64();
            measurement = measurement.with(format!("{}_{name}_seconds", kind.name), time);
        }
    }
    Ok(measurement)
}

/// Filters that each find something, made from entries evenly over the ledger, out of order.
fn filters(call: &StepCall, kind: &Kind) -> Result<Vec<Filter>, Failure> {
    let mut feed = Feed::open(&Workload::new(&call.directory).lines_file(), call.entries)?;
    let every = (call.entries / QUERIES).max(1);
    let mut filters = Vec::new();
    let mut due = 0;
    while let Some(piece) = feed.next(PIECE_LINES)? {
        for line in piece.lines() {
            let fields = EntryFields::parse(line)?;
            // Where the entry that is due lacks what is asked for, the next one that has it stands in.
            if fields.seq >= due
                && let Some(pairs) = (kind.pairs)(&fields)
            {
                let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
                let filter = Filter::from_pairs(pairs).map_err(|violations| format!("{violations:?}"))?;
                filters.push(filter);
                due += every;
            }
        }
    }
    let count = filters.len();
    Ok((0..count).map(|index| filters[index * STRIDE % count].clone()).collect())
}

async fn search_all(ledger: &Ledger, filters: &[Filter]) -> Result<Vec<Duration>, Failure> {
    let page = Page { order: Order::Descending, limit: PAGE_ENTRIES, tier: Tier::Hot, cursor: None };
    let mut times = Vec::with_capacity(filters.len());
    for filter in filters {
        let started = Instant::now();
        let found = ledger.search(filter, &page).await?;
        times.push(started.elapsed());
        if found.entries.is_empty() {
            return Err(format!("nothing was found for {filter}: what is not found is not measured").into());
        }
    }
    Ok(times)
}

/// The time that so many of a hundred searches stay within; `times` is sorted and not empty.
pub(crate) fn percentile(times: &[Duration], hundredths: usize) -> Duration {
    let rank = (times.len() * hundredths).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_least_time_that_enough_searches_stay_within() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
    }
}

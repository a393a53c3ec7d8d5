use std::ops::Range;

use engine::{Clock, Engine, SystemClock};
use event::{Event, Limits, Timestamp};
use tokio::task::JoinSet;
use traffic::Traffic;

use crate::failure::{Failure, violation_text};
use crate::progress::Bar;

/// Tasks that append at the same time, as clients of a server would.
pub(super) const TASKS: u64 = 4;
/// Events in a batch.
pub(super) const BATCH_EVENTS: u64 = 1_000;
/// The first of the tasks' seeds: every demo shows the same traffic.
const SEED: u64 = 2_026;
/// The traffic is spread over so many days before now.
const TRAFFIC_DAYS: i64 = 80;

/// What to search for later: one event of those that were appended.
#[derive(Debug, Clone)]
pub(super) struct Needle {
    pub(super) request_id: String,
    pub(super) actor: String,
}

/// Generates and appends the events numbered `range` of `total`, from several tasks at once.
pub(super) async fn append(
    engine: &Engine,
    range: Range<u64>,
    total: u64,
    bar: &Bar,
) -> Result<Needle, Failure> {
    let now = SystemClock.now();
    let limits = *engine.ledger().limits();
    let mut tasks = JoinSet::new();
    let share = (range.end - range.start).div_ceil(TASKS).max(1);
    for task in 0..TASKS {
        let start = (range.start + task * share).min(range.end);
        let feed = Feed {
            engine: engine.clone(),
            traffic: Traffic::new(SEED ^ start),
            numbers: start..(start + share).min(range.end),
            clock: Spread { now, total },
            limits,
        };
        tasks.spawn(feed.run());
    }
    engine::Progress::begin(bar, "appending", Some(range.end - range.start));
    let mut needle = None;
    while let Some(done) = tasks.join_next().await {
        let found = done.map_err(|error| Failure::caused("a task of the demo failed", error))??;
        needle = needle.or(found);
    }
    engine::Progress::end(bar);
    needle.ok_or_else(|| Failure::new("the generated traffic has no request ids"))
}

/// Gives every event its time: evenly over the days before now.
#[derive(Clone, Copy)]
struct Spread {
    now: Timestamp,
    total: u64,
}

impl Spread {
    fn occurred_at_micros(self, number: u64) -> i64 {
        const DAY_MICROS: i64 = 86_400_000_000;
        let step = TRAFFIC_DAYS * DAY_MICROS / (self.total.max(1) as i64);
        self.now.micros() - (self.total - number) as i64 * step
    }
}

struct Feed {
    engine: Engine,
    traffic: Traffic,
    numbers: Range<u64>,
    clock: Spread,
    limits: Limits,
}

impl Feed {
    async fn run(mut self) -> Result<Option<Needle>, Failure> {
        let mut needle = None;
        while !self.numbers.is_empty() {
            let batch = self.numbers.start..(self.numbers.start + BATCH_EVENTS).min(self.numbers.end);
            self.numbers.start = batch.end;
            let mut events = Vec::with_capacity((batch.end - batch.start) as usize);
            for number in batch {
                let json = self.traffic.event(self.clock.occurred_at_micros(number));
                if needle.is_none() {
                    needle = needle_in(&json);
                }
                events.push(self.parse(&json)?);
            }
            self.engine.append(events).await?;
        }
        Ok(needle)
    }

    fn parse(&self, json: &[u8]) -> Result<Event, Failure> {
        Event::parse(json, &self.limits, self.clock.now).map_err(|violations| {
            Failure::listing("a generated event is not valid:", violations.iter().map(violation_text))
        })
    }
}

fn needle_in(json: &[u8]) -> Option<Needle> {
    let event: serde_json::Value = serde_json::from_slice(json).ok()?;
    let request_id = event.get("request_id")?.as_str()?.to_owned();
    let actor = event.get("actor")?.get("id")?.as_str()?.to_owned();
    Some(Needle { request_id, actor })
}

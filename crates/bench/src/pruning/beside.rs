//! Appends at half of what goes in at most, alone and then beside an archive run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Actor, ArchiveReport, ArchiveRun, Clock as _, Engine, Progress, SystemClock, Window};
use event::Event;
use tokio::task::JoinSet;
use traffic::Traffic;

use crate::Failure;
use crate::archiving::searching::percentile;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::subject::Subject;
use crate::workload::parse;

/// Other events than those that are in the ledger already.
const SEED: u64 = 2_027;

/// What goes on while an append waits: as details are named, and in words.
pub(super) const PHASES: [(&str, &str); 3] =
    [("alone", "alone"), ("archiving", "beside writing and proving"), ("pruning", "beside pruning")];

pub(crate) async fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let subject = Subject::of(&call.directory)?;
    let engine = subject.engine(subject.store()?).await?;
    let mut source = Source { traffic: Traffic::new(SEED), batch: call.batch };
    let stopwatch = Stopwatch::start();
    let warm_up = (call.entries / 4).max(call.batch);
    let peak_per_second = source.as_fast_as_it_goes(&engine, warm_up, call.submitters).await?;
    let pace = Pace { interval: Duration::from_secs_f64(call.batch as f64 / (peak_per_second / 2.0)) };

    let alone = pace.append(&engine, &mut source, |appended| appended >= warm_up).await?;
    let (phases, pruned) = beside_a_run(&engine, &mut source, &pace, call.entries).await?;
    engine.shutdown().await?;
    let mut measurement = stopwatch.stop(call.entries).with("peak_per_second", peak_per_second);
    let [archiving, pruning] = phases.waits;
    for ((phase, _), mut waits) in PHASES.into_iter().zip([alone, archiving, pruning]) {
        waits.sort_unstable();
        if !waits.is_empty() {
            for (name, hundredths) in [("p50", 50), ("p99", 99)] {
                let wait = percentile(&waits, hundredths).as_secs_f64() * 1e3;
                measurement = measurement.with(format!("{phase}_{name}_ms"), wait);
            }
        }
    }
    Ok(measurement.with("pruned", pruned as f64).with("pruning_seconds", phases.pruning_seconds))
}

struct Phases {
    /// Of the appends that were due before pruning began, and of those due afterwards.
    waits: [Vec<Duration>; 2],
    pruning_seconds: f64,
}

/// Archives so many entries while appends go on. Answers how many were pruned.
async fn beside_a_run(
    engine: &Engine,
    source: &mut Source,
    pace: &Pace,
    entries: u64,
) -> Result<(Phases, u64), Failure> {
    let run = ArchiveRun {
        window: Window::Before(engine.ledger().now()),
        limit: Some(entries),
        dry_run: false,
        forced: true,
    };
    let pruning = Arc::new(PruningBegan::default());
    let started = Instant::now();
    let running = {
        let (engine, pruning) = (engine.clone(), pruning.clone());
        tokio::spawn(async move { engine.archive_run(&run, &Actor::system(), pruning.as_ref()).await })
    };
    let waits = pace.append_timed(engine, source, |_| running.is_finished()).await?;
    let report: ArchiveReport = running.await??;
    let began = pruning.0.lock().unwrap_or_else(PoisonError::into_inner);
    let began = began.ok_or("the run pruned nothing")?;
    let mut phases = Phases { waits: [Vec::new(), Vec::new()], pruning_seconds: 0.0 };
    for (due, wait) in waits {
        phases.waits[usize::from(due >= began)].push(wait);
    }
    phases.pruning_seconds = report.duration_ms as f64 / 1e3 - (began - started).as_secs_f64();
    Ok((phases, report.pruned))
}

/// When the run came to pruning.
#[derive(Default)]
struct PruningBegan(Mutex<Option<Instant>>);

impl Progress for PruningBegan {
    fn begin(&self, what: &str, _total: Option<u64>) {
        if what == "pruning" {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        }
    }

    fn advance(&self, _by: u64) {}

    fn end(&self) {}
}

/// Makes events as they are needed.
struct Source {
    traffic: Traffic,
    batch: u64,
}

impl Source {
    fn next(&mut self) -> Vec<Vec<u8>> {
        let now = SystemClock.now().micros();
        (0..self.batch).map(|_| self.traffic.event(now)).collect()
    }

    /// Appends with so many submitters, each waiting for its answer; events a second.
    async fn as_fast_as_it_goes(
        &mut self,
        engine: &Engine,
        events: u64,
        submitters: u64,
    ) -> Result<f64, Failure> {
        let started = Instant::now();
        let (mut submitted, mut waiting) = (0, JoinSet::new());
        while submitted < events {
            waiting.spawn(append(engine.clone(), self.next()));
            submitted += self.batch;
            if waiting.len() as u64 >= submitters
                && let Some(done) = waiting.join_next().await
            {
                done??;
            }
        }
        while let Some(done) = waiting.join_next().await {
            done??;
        }
        Ok(submitted as f64 / started.elapsed().as_secs_f64())
    }
}

async fn append(engine: Engine, batch: Vec<Vec<u8>>) -> Result<(), Failure> {
    let now = engine.ledger().now();
    let events: Vec<Event> = batch.iter().map(|json| parse(json, now)).collect::<Result<_, _>>()?;
    engine.append(events).await?;
    Ok(())
}

/// An append is due every so often, whether the one before was answered or not.
struct Pace {
    interval: Duration,
}

impl Pace {
    async fn append(
        &self,
        engine: &Engine,
        source: &mut Source,
        enough: impl Fn(u64) -> bool,
    ) -> Result<Vec<Duration>, Failure> {
        Ok(self.append_timed(engine, source, enough).await?.into_iter().map(|(_, wait)| wait).collect())
    }

    /// When each append was due, and how long it waited from then on.
    async fn append_timed(
        &self,
        engine: &Engine,
        source: &mut Source,
        enough: impl Fn(u64) -> bool,
    ) -> Result<Vec<(Instant, Duration)>, Failure> {
        let (mut due, mut appended) = (Instant::now(), 0);
        let mut waits = Vec::new();
        let mut waiting = JoinSet::new();
        while !enough(appended) {
            let (engine, batch) = (engine.clone(), source.next());
            tokio::time::sleep_until(due.into()).await;
            waiting.spawn(async move {
                append(engine, batch).await?;
                Ok::<_, Failure>((due, due.elapsed()))
            });
            appended += source.batch;
            due += self.interval;
            while let Some(done) = waiting.try_join_next() {
                waits.push(done??);
            }
        }
        while let Some(done) = waiting.join_next().await {
            waits.push(done??);
        }
        Ok(waits)
    }
}

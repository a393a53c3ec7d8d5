//! One archive run over the oldest hot entries: written, read back, proven, recorded and pruned.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Actor, ArchiveRun, Progress, Window};

use crate::Failure;
use crate::measurement::{Measurement, Stopwatch};
use crate::step::StepCall;
use crate::subject::Subject;

/// The steps of a run as it names them to whoever follows it, in their order.
pub(super) const STAGES: [&str; 6] =
    ["staging", "writing", "proving", "publishing", "pruning", "giving space back"];

pub(crate) async fn measure(call: &StepCall) -> Result<Measurement, Failure> {
    let subject = Subject::of(&call.directory)?;
    let engine = subject.engine(subject.store()?).await?;
    let run = ArchiveRun {
        window: Window::Before(engine.ledger().now()),
        limit: Some(call.entries),
        dry_run: false,
        forced: true,
    };
    let stages = Stages::default();
    let stopwatch = Stopwatch::start();
    // The measured rate is that of what was moved, which is less only where the ledger ends.
    let report = engine.archive_run(&run, &Actor::system(), &stages).await?;
    let measurement = stopwatch.stop(report.pruned);
    let batches = engine.ledger().batches().await?;
    let objects = batches
        .iter()
        .find(|batch| Some(&batch.batch) == report.batch.as_ref())
        .map_or(0, |batch| batch.objects);
    engine.shutdown().await?;
    if report.pruned == 0 || report.verified != report.pruned || report.archived != report.pruned {
        return Err(format!("of {} entries not all were moved: {report:?}", call.entries).into());
    }
    let measurement = measurement
        .with("uncompressed_bytes", report.bytes_uncompressed as f64)
        .with("stored_bytes", report.bytes as f64)
        .with("objects", objects as f64);
    Ok(stages.tell(measurement))
}

/// Times the steps of the run by its progress.
#[derive(Debug, Default)]
struct Stages {
    state: Mutex<StagesState>,
}

#[derive(Debug, Default)]
struct StagesState {
    under_way: Option<(String, Instant)>,
    taken: BTreeMap<String, Duration>,
}

impl StagesState {
    fn end(&mut self) {
        if let Some((stage, started)) = self.under_way.take() {
            *self.taken.entry(stage).or_default() += started.elapsed();
        }
    }
}

impl Stages {
    fn tell(&self, measurement: Measurement) -> Measurement {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken.iter().fold(measurement, |measurement, (stage, taken)| {
            measurement.with(format!("{stage}_seconds"), taken.as_secs_f64())
        })
    }
}

impl Progress for Stages {
    fn begin(&self, what: &str, _total: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end();
        state.under_way = Some((what.to_owned(), Instant::now()));
    }

    fn advance(&self, _by: u64) {}

    fn end(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).end();
    }
}

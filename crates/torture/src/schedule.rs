//! From a seed to processes, faults and ends.

use std::time::Duration;

use faultvfs::{Ending, Failure, Operation, Rule};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::{Connection, OpenFlags};
use testkit::{Fault, FaultyStore, Finding, Submission, WriteCall};

use crate::life::{Process, Witness, runtime, settle, with_causes};
use crate::place::Place;
use crate::tally::Tally;
use crate::workload::Workload;

/// Long enough for everything under way to come to rest, as the clock runs ahead only then.
const REST: Duration = Duration::from_millis(1);
/// Longer than the time between two signatures.
const PAUSE: Duration = Duration::from_millis(700);

/// Runs one schedule to its end, with the combination that once lost entries or without it.
///
/// Known: another process reads while the WAL is copied, so that it is copied in part, which `SQLite` does not sync. When
/// the sync of a later copy fails, nobody is told, and those pages are not written again; the WAL is used anew, and a
/// power cut then loses them. Without the combination no sync fails in a process beside which another one was reading.
pub fn run_schedule(seed: u64, with_known: bool, tally: &mut Tally) -> Result<(), Finding> {
    let mut schedule = Schedule::new(seed, with_known);
    let outcome = schedule.run();
    tally.schedules += 1;
    tally.acknowledged += schedule.witness.oracle().acknowledged();
    for ((operation, failure), times) in schedule.place.disk.failures() {
        schedule.tally.strike(format!("disk: {operation:?} {failure:?}"), times);
    }
    let trace = std::mem::take(&mut schedule.trace).join("\n  ");
    tally.add(schedule.tally);
    outcome.map_err(|Finding(what)| Finding(format!("{what}\n  {trace}")))
}

struct Schedule {
    random: StdRng,
    place: Place,
    witness: Witness,
    workload: Workload,
    tally: Tally,
    /// What was decided and met, for whoever reads of a finding.
    trace: Vec<String>,
    submitters: usize,
    archives: bool,
    with_known: bool,
}

/// How a process is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It stopped as it does on a signal.
    Shutdown,
    /// It went away and closed its files on the way.
    Dropped,
    /// It was killed, or the power went.
    Sudden(Ending),
}

impl Schedule {
    fn new(seed: u64, with_known: bool) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut place = Place::new(seed);
        // Small enough for the WAL to be copied, and for the cache to spill, many times.
        place.options.wal_pages_max = *[6, 20, 100].choose(&mut random).unwrap_or(&20);
        place.options.write_cache_kib = *[80, 400, 4_000].choose(&mut random).unwrap_or(&400);
        place.policy.transaction_entries = random.random_range(5..200);
        if random.random_bool(0.1) {
            place.policy.queue_bytes_max = 16 << 10;
        }
        let submitters = random.random_range(1..=5);
        let archives = random.random_bool(0.25);
        Self {
            random,
            place,
            witness: Witness::default(),
            workload: Workload::default(),
            tally: Tally::default(),
            trace: Vec::new(),
            submitters,
            archives,
            with_known,
        }
    }

    fn run(&mut self) -> Result<(), Finding> {
        for _ in 0..self.random.random_range(1..=4) {
            let runtime = runtime();
            let end = runtime.block_on(self.live())?;
            if matches!(end, End::Sudden(_)) {
                self.place.disk.end();
            }
            // Whatever the process had open is closed here.
            drop(runtime);
            self.begin_again(end)?;
        }
        self.place.disk.clear();
        let runtime = runtime();
        runtime.block_on(settle(&self.place, &self.witness, true))?;
        drop(runtime);
        Ok(())
    }

    fn begin_again(&mut self, end: End) -> Result<(), Finding> {
        // A process that closes its files may die of it.
        let sudden = self.place.disk.has_ended().then(|| self.sudden_ending());
        let ending = match end {
            End::Sudden(ending) => ending,
            End::Shutdown | End::Dropped => sudden.unwrap_or(Ending::Killed),
        };
        self.tally.strike(format!("end: {end:?}"), 1);
        self.trace.push(format!("{end:?}, at step {}", self.place.disk.steps()));
        self.place.disk.restart(ending).map_err(|error| Finding(format!("the rig: {error}")))
    }

    fn sudden_ending(&mut self) -> Ending {
        if self.random.random_bool(0.7) { Ending::PowerCut } else { Ending::Killed }
    }

    /// One process, from its opening to its end.
    async fn live(&mut self) -> Result<End, Finding> {
        self.tally.lives += 1;
        let reads_beside = self.random.random_bool(0.3);
        if !reads_beside {
            self.plan_faults(false);
        }
        let Some(process) = self.open().await? else {
            let ending = self.sudden_ending();
            return Ok(End::Sudden(ending));
        };
        // Another process that reads keeps the WAL from being copied whole. Faults begin when it is done.
        let reader = reads_beside.then(|| self.reader()).flatten();
        let end = self.work(&process, reader).await;
        for ((call, fault), times) in process.store.failures() {
            self.tally.strike(format!("store: {call:?} {fault:?}"), times);
        }
        let end = end?;
        if end == End::Shutdown
            && let Err(error) = process.engine.shutdown().await
        {
            self.trace.push(format!("shutdown: {}", with_causes(&error)));
        }
        Ok(end)
    }

    fn reader(&self) -> Option<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(self.place.database(), flags).ok()?;
        reader.execute_batch("BEGIN").ok()?;
        reader.query_row("SELECT size FROM head", [], |_| Ok(())).ok()?;
        Some(reader)
    }

    /// Opens the ledger; `None` where the faults do not let it.
    async fn open(&mut self) -> Result<Option<Process>, Finding> {
        let faults = self.store_faults();
        self.trace.push(format!("opens at step {}; calls that fail: {faults:?}", self.place.disk.steps()));
        let plan = |store: &FaultyStore| {
            for (call, after, fault) in &faults {
                store.fail(*call, *after, *fault);
            }
        };
        let before = self.place.disk.failures();
        match Process::begin(&self.place, plan).await {
            Ok(process) => Ok(Some(process)),
            Err(error) => {
                let is_damage =
                    matches!(error.kind(), engine::ErrorKind::Corrupt | engine::ErrorKind::Truncated);
                let is_harmed = self.place.disk.failures() != before || !faults.is_empty();
                if is_damage || !is_harmed {
                    return Err(Finding(format!("the ledger does not open: {}", with_causes(&error))));
                }
                self.trace.push(format!("does not open: {}", with_causes(&error)));
                Ok(None)
            }
        }
    }

    fn store_faults(&mut self) -> Vec<(WriteCall, usize, Fault)> {
        let count = if self.random.random_bool(0.4) { self.random.random_range(1..=3) } else { 0 };
        (0..count)
            .filter_map(|_| {
                let any = *WriteCall::ALL.choose(&mut self.random)?;
                let call = if self.random.random_bool(0.5) { WriteCall::Commit } else { any };
                let fault = *Fault::EVERY.choose(&mut self.random)?;
                Some((call, self.random.random_range(0..10), fault))
            })
            .collect()
    }

    /// What the disk does to this process.
    fn plan_faults(&mut self, was_read: bool) {
        let disk = self.place.disk.clone();
        for _ in 0..self.random.random_range(0..=3) {
            let from = disk.steps() + self.random.random_range(0..160);
            let steps = from..from + *[1, 3, 30].choose(&mut self.random).unwrap_or(&1);
            let (operation, failure) = match self.random.random_range(0..9) {
                0..3 => (None, Failure::End),
                3 => (Some(Operation::Sync), Failure::Io),
                4 => (Some(Operation::Sync), Failure::IoAndForgotten),
                5 => {
                    let reads = disk.reads() + self.random.random_range(0..120);
                    let length = self.random.random_range(1..20);
                    let rule = Rule {
                        operation: Some(Operation::Read),
                        steps: reads..reads + length,
                        failure: Failure::Io,
                    };
                    self.trace.push(format!("{rule:?}"));
                    disk.inject(rule);
                    continue;
                }
                6 => {
                    let bytes_max = disk.used_bytes() + self.random.random_range(0..300_000);
                    self.trace.push(format!("at most {bytes_max} bytes"));
                    disk.limit_bytes(Some(bytes_max));
                    continue;
                }
                _ => (None, *Failure::SURVIVABLE.choose(&mut self.random).unwrap_or(&Failure::Io)),
            };
            let may_fail_a_sync = operation != Some(Operation::Write)
                && matches!(failure, Failure::Io | Failure::IoAndForgotten);
            let is_known = was_read && may_fail_a_sync && !self.with_known;
            let failure = if is_known { Failure::IoAfterwards } else { failure };
            let rule = Rule { operation, steps, failure };
            self.trace.push(format!("{rule:?}"));
            disk.inject(rule);
        }
    }

    async fn work(&mut self, process: &Process, mut reader: Option<Connection>) -> Result<End, Finding> {
        let mut again: Vec<(usize, Vec<Submission>)> = Vec::new();
        for wave in 0..self.random.random_range(2..8) {
            if wave > 0 && reader.is_some() && self.random.random_bool(0.5) {
                reader = None;
                self.plan_faults(true);
            }
            let advance = self.random.random_range(0..2_000_000);
            self.place.clock.advance_micros(advance);
            again = self.wave(process, std::mem::take(&mut again)).await?;
            if let Some(end) = self.ended(process) {
                return Ok(end);
            }
        }
        drop(reader);
        if self.random.random_bool(0.6) {
            self.place.disk.clear();
            process.store.clear();
            self.trace.push("no faults".into());
            let event = self.workload.plain(1).remove(0);
            process.goes_on(&self.witness, &event).await?;
            if self.random.random_bool(0.5) {
                again = self.wave(process, again).await?;
            }
            drop(again);
        }
        let sudden = End::Sudden(self.sudden_ending());
        Ok(self.ended(process).unwrap_or(match self.random.random_range(0..4) {
            0 => End::Shutdown,
            1 => End::Dropped,
            _ => sudden,
        }))
    }

    /// How the process is over, if it is.
    fn ended(&mut self, process: &Process) -> Option<End> {
        // A ledger that gives up ends its process, which closes what it has open.
        let has_given_up = process.engine.state().failed.is_some();
        if let Some(reason) = process.engine.state().failed {
            self.trace.push(format!("gave up: {reason}"));
        }
        if self.place.disk.has_ended() {
            return Some(End::Sudden(self.sudden_ending()));
        }
        has_given_up.then(|| {
            if self.random.random_bool(0.5) { End::Dropped } else { End::Sudden(self.sudden_ending()) }
        })
    }

    /// Every submitter offers one batch, or several one after the other; beside that the ledger is signed or archived.
    /// Answers what is to be offered again.
    async fn wave(
        &mut self,
        process: &Process,
        again: Vec<(usize, Vec<Submission>)>,
    ) -> Result<Vec<(usize, Vec<Submission>)>, Finding> {
        let each = if self.random.random_bool(0.2) { self.random.random_range(2..5) } else { 1 };
        let plans: Vec<(usize, Vec<Vec<Submission>>)> = (0..self.submitters)
            .map(|submitter| {
                let mut batches: Vec<_> =
                    again.iter().filter(|(by, _)| *by == submitter).map(|(_, batch)| batch.clone()).collect();
                batches.extend((0..each).map(|_| self.workload.batch(&mut self.random)));
                (submitter, batches)
            })
            .collect();
        let witness = &self.witness;
        let submitting = join_all(plans.into_iter().map(|(submitter, batches)| async move {
            let mut failed = Vec::new();
            for batch in batches {
                if let Some(kind) = process.offer(witness, submitter, batch.clone()).await? {
                    failed.push((submitter, batch, kind));
                }
            }
            Ok::<_, Finding>(failed)
        }));
        let (archives, signs) = (self.archives && self.random.random_bool(0.3), self.random.random_bool(0.2));
        let entries_max = self.random.random_range(1..400);
        let beside = async {
            if archives {
                process.archive(entries_max).await?;
            }
            if signs {
                process.sign().await?;
            }
            Ok::<_, Finding>(())
        };
        let (submitted, done) = tokio::join!(submitting, beside);
        done?;
        let mut repeated = Vec::new();
        for outcome in submitted {
            for (submitter, batch, kind) in outcome? {
                self.trace.push(format!("submitter {submitter}: {} events, {kind:?}", batch.len()));
                if kind != engine::ErrorKind::Conflict && self.random.random_bool(0.6) {
                    repeated.push((submitter, batch));
                }
            }
        }
        match self.random.random_range(0..3) {
            0 => {}
            1 => tokio::time::sleep(REST).await,
            _ => tokio::time::sleep(PAUSE).await,
        }
        Ok(repeated)
    }
}

//! One process of a ledger: how it begins, what it is asked, and what must be true when it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, str};

use engine::{Actor, ArchiveRun, Engine, ErrorKind, NoProgress, VerifyOptions, Window};
use merkle::CompactRange;
use store::Store as _;
use testkit::{Fault, FaultyStore, Finding, Oracle, Submission, ledger_lines};
use tokio::runtime::{Builder, Runtime};

use crate::place::Place;

/// Events offered once more at once, in the end.
const AGAIN_AT_ONCE: usize = 50;
/// A ledger without faults, and without having given up, takes an event and signs after at most so many tries.
const TRIES_MAX: usize = 4;

/// A runtime of one thread, whose clock runs ahead while everybody waits: nothing takes the time that it would.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// What the oracle heard so far, shared by those who wait for answers.
#[derive(Default)]
pub(crate) struct Witness(Mutex<Oracle>);

impl Witness {
    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process that has the ledger open.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<FaultyStore>,
}

impl Process {
    /// Opens the ledger, or makes it where there is none. `prepare` may have calls of the store fail from the start.
    pub(crate) async fn begin(place: &Place, prepare: impl FnOnce(&FaultyStore)) -> engine::Result<Self> {
        let store = Arc::new(FaultyStore::new(Arc::new(place.store()?), Fault::Lost));
        prepare(&store);
        let parts = place.parts(store.clone());
        let engine = if store.head().await?.is_some() {
            let engine = Engine::open(parts).await?;
            // The process before is dead, as whoever has the data directory's lock knows. Where a fault is in the way,
            // its leases expire.
            let _ = engine.end_earlier_leases().await;
            engine
        } else {
            Engine::create(parts, &Actor::system()).await?
        };
        Ok(Self { engine, store })
    }

    /// Offers events; the kind of the failure, if they were not acknowledged.
    pub(crate) async fn offer(
        &self,
        witness: &Witness,
        submitter: usize,
        batch: Vec<Submission>,
    ) -> Result<Option<ErrorKind>, Finding> {
        let now = self.engine.ledger().now();
        let events = batch.iter().map(|submission| submission.event(now)).collect();
        let offer = witness.oracle().offer(submitter, batch);
        match self.engine.append(events).await {
            Ok(appended) => witness.oracle().succeeded(offer, &appended).map(|()| None),
            Err(error) => {
                let kind = error.kind();
                witness
                    .oracle()
                    .failed(offer, kind)
                    .map_err(|finding| Finding(format!("{finding}: {}", with_causes(&error))))?;
                Ok(Some(kind))
            }
        }
    }

    /// Archives what there is; a failure is fine where there are faults, damage is not.
    pub(crate) async fn archive(&self, entries_max: u64) -> Result<bool, Finding> {
        let window = Window::Before(self.engine.ledger().now());
        let run = ArchiveRun { window, limit: Some(entries_max), dry_run: false, forced: true };
        match self.engine.archive_run(&run, &Actor::system(), &NoProgress).await {
            Ok(_) => Ok(true),
            Err(error) => unless_damage("the archive run", &error).map(|()| false),
        }
    }

    /// Signs; a failure is fine where there are faults, damage is not.
    pub(crate) async fn sign(&self) -> Result<bool, Finding> {
        match self.engine.checkpoint().await {
            Ok(_) => Ok(true),
            Err(error) => unless_damage("signing", &error).map(|()| false),
        }
    }

    /// No faults are left. Unless it has given up, and so asks for a new process, the ledger takes an event and signs.
    pub(crate) async fn goes_on(&self, witness: &Witness, event: &Submission) -> Result<(), Finding> {
        let mut last = None;
        for _ in 0..TRIES_MAX {
            if self.engine.state().failed.is_some() {
                return Ok(());
            }
            last = self.offer(witness, usize::MAX, vec![event.clone()]).await?;
            if last.is_none() && self.sign().await? {
                return Ok(());
            }
        }
        let state = self.engine.state();
        if state.failed.is_some() {
            return Ok(());
        }
        Err(Finding(format!("without faults the ledger does not go on (last answer {last:?}): {state:?}")))
    }
}

fn unless_damage(what: &str, error: &engine::Error) -> Result<(), Finding> {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Truncated | ErrorKind::Internal => {
            Err(Finding(format!("{what} found damage: {}", with_causes(error))))
        }
        _ => Ok(()),
    }
}

pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A last process, without faults: it opens without repair, holds what was acknowledged, finds every event that is
/// offered again, and verifies.
pub(crate) async fn settle(place: &Place, witness: &Witness, offers_again: bool) -> Result<(), Finding> {
    let unopened = |error: engine::Error| {
        Finding(format!("without faults the ledger does not open: {}", with_causes(&error)))
    };
    let process = Process::begin(place, |_| {}).await.map_err(unopened)?;
    check(place, witness, &process).await?;
    let all = if offers_again { witness.oracle().submissions() } else { Vec::new() };
    let (contested, plain): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|submission| witness.oracle().is_contested(submission));
    for batch in plain.chunks(AGAIN_AT_ONCE) {
        if let Some(kind) = process.offer(witness, 0, batch.to_vec()).await? {
            return Err(Finding(format!("without faults an offer was answered with {kind:?}")));
        }
    }
    for submission in contested {
        match process.offer(witness, 0, vec![submission]).await? {
            None | Some(ErrorKind::Conflict) => {}
            Some(kind) => return Err(Finding(format!("without faults an offer was answered with {kind:?}"))),
        }
    }
    process.engine.checkpoint().await.map_err(|error| {
        Finding(format!("without faults the ledger does not sign: {}", with_causes(&error)))
    })?;
    check(place, witness, &process).await?;
    is_signed(place, &process).await?;
    let verified = process.engine.ledger().verify(&VerifyOptions { full: true }, &NoProgress).await;
    let report =
        verified.map_err(|error| Finding(format!("it cannot be verified: {}", with_causes(&error))))?;
    if !report.ok {
        return Err(Finding(format!("the ledger does not verify: {:?}", report.problems)));
    }
    process.engine.shutdown().await.map_err(|error| {
        Finding(format!("without faults the ledger does not close: {}", with_causes(&error)))
    })
}

async fn check(place: &Place, witness: &Witness, process: &Process) -> Result<(), Finding> {
    let lines = ledger_lines(process.store.as_ref(), &place.archive_directory()).await?;
    witness.oracle().check(&lines, process.engine.ledger().tree_size())
}

/// The checkpoint in the store and the one in the file beside it are both of the tree over all lines.
async fn is_signed(place: &Place, process: &Process) -> Result<(), Finding> {
    let lines = ledger_lines(process.store.as_ref(), &place.archive_directory()).await?;
    let mut range = CompactRange::new();
    for line in lines.values() {
        range.append(merkle::leaf_hash(line));
    }
    let stored = process.store.checkpoint().await.ok().flatten().map(|stored| stored.note.into_bytes());
    let beside = fs::read(place.checkpoint_file()).ok();
    for (place_of_note, note) in [("the store", stored), ("the file", beside)] {
        let note = note.ok_or_else(|| Finding(format!("there is no checkpoint in {place_of_note}")))?;
        let signed = place.keys().open_checkpoint(&note).map_err(|error| {
            Finding(format!("the checkpoint in {place_of_note} does not verify: {error}"))
        })?;
        if (signed.size, signed.root) != (range.size(), range.root()) {
            let text = str::from_utf8(&note).unwrap_or_default().to_owned();
            return Err(Finding(format!("the checkpoint in {place_of_note} is of another tree: {text}")));
        }
    }
    Ok(())
}

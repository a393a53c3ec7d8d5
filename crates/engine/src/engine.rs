//! The engine: a ledger that takes events, with its tasks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use archive::Destination;
use event::{Event, RESERVED_TENANT, Timestamp, Violation};
use merkle::NoteSigner;
use rand::{Rng as _, rngs::StdRng};
use serde_json::{Map, json};
use store::{Commit, Row, RowChange, Store, Table};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::actor::Actor;
use crate::attestation::{Statement, event_for};
use crate::checkpointer::{Checkpointer, LastCheckpoint, SignedCheckpoint};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::gauges::Share;
use crate::identity::{IDENTITY_KEY, Identity};
use crate::ledger::Ledger;
use crate::operations::OperationLocks;
use crate::plan::{Keyed, Placed, PlanHead, Work, plan};
use crate::policy::Policy;
use crate::progress::Progress;
use crate::schedule::ClockWatch;
use crate::sequencer::{Answer, Appended, Queued, Receipt, Sequencer};
use crate::verify::{VerifyOptions, VerifyReport};

/// The queue's byte budget is counted in units of this size, because a semaphore counts in 32 bits.
const BUDGET_UNIT_BYTES: u64 = 1_024;

/// What an engine is made of.
pub struct Parts {
    /// The ledger's rows.
    pub store: Arc<dyn Store>,
    /// The key that signs for the ledger.
    pub signer: Arc<NoteSigner>,
    /// Where the last signed checkpoint is remembered outside the store.
    pub last_checkpoint: Arc<dyn LastCheckpoint>,
    /// Where batches go; all of them must confirm.
    pub destinations: Vec<Destination>,
    /// A directory for the objects of a batch in the making.
    pub staging: PathBuf,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// What the operator decided.
    pub policy: Policy,
}

/// What an operator should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineState {
    /// Why nothing is signed any more, if so.
    pub signing_stopped: Option<String>,
    /// Why nothing is accepted any more, if so.
    pub failed: Option<String>,
    /// Why the wall clock is not believed, if so. Scheduled archive runs wait; ingest goes on.
    pub clock_in_doubt: Option<String>,
}

/// A ledger that takes events. Cheap to clone; one for each data directory.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<EngineInner>,
}

pub(crate) struct EngineInner {
    ledger: Ledger,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) signer: Arc<NoteSigner>,
    pub(crate) staging: PathBuf,
    /// Held by the archive run under way.
    pub(crate) archiving: tokio::sync::Mutex<()>,
    /// Held while a token is revoked: whether it is the last of its kind is read before it is written.
    pub(crate) revoking: tokio::sync::Mutex<()>,
    /// Sealing a segment and pruning it exclude each other: both decide whether its index is wanted.
    pub(crate) segment_changes: Arc<tokio::sync::Mutex<()>>,
    pub(crate) operations: OperationLocks,
    queue: Mutex<Option<mpsc::UnboundedSender<Queued>>>,
    budget: Arc<Semaphore>,
    random: Mutex<StdRng>,
    failed: watch::Receiver<Option<String>>,
    pub(crate) clock_watch: ClockWatch,
    sequencer: Mutex<Option<JoinHandle<()>>>,
    background: Vec<JoinHandle<()>>,
}

impl Drop for EngineInner {
    fn drop(&mut self) {
        self.background.iter().for_each(JoinHandle::abort);
    }
}

impl Engine {
    /// Makes a ledger in a store that has none: its first commit holds who it is.
    pub async fn create(parts: Parts, actor: &Actor) -> Result<Self> {
        if parts.store.head().await?.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "there is a ledger already: it keeps its key and origin",
            ));
        }
        let identity = Identity {
            origin: parts.signer.name().to_owned(),
            vkeys: vec![parts.signer.verifier().to_string()],
        };
        let now = parts.clock.now();
        let body = serde_json::to_string(&identity).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the identity cannot be written", error)
        })?;
        let rows = vec![RowChange::Put(Table::Identity, Row { key: IDENTITY_KEY.into(), body })];
        let mut details = Map::new();
        details.insert("origin".into(), json!(identity.origin));
        details.insert("vkeys".into(), json!(identity.vkeys));
        let target = ("ledger", identity.origin.as_str());
        let statement = Statement { action: "ledger.created", actor, target, details };
        let mut rng: StdRng = rand::make_rng();
        let event = event_for(statement, &rows, &uuid_v7(now, &mut rng), now)?;
        let head = PlanHead { range: merkle::CompactRange::new(), recorded_at: now, hold_version: 0 };
        let mut works = [Work { events: vec![event.into()], rows, ..Work::default() }];
        let planned = plan(&head, &mut works, [&HashMap::new(), &HashMap::new()], now, &parts.policy);
        planned.answers.into_iter().collect::<Result<Vec<_>>>()?;
        let commit: Commit = planned.commit;
        parts.store.commit(commit).await?;
        Self::open(parts).await
    }

    /// Opens a ledger for taking events. Refuses a key that the ledger does not list, and a ledger that holds less
    /// than was signed for it.
    pub async fn open(parts: Parts) -> Result<Self> {
        let ledger = Ledger::open_read_only(
            parts.store.clone(),
            parts.destinations,
            parts.last_checkpoint,
            parts.clock,
            parts.policy,
        )
        .await?;
        let vkey = parts.signer.verifier().to_string();
        if !ledger.identity().vkeys.contains(&vkey) {
            let message = format!(
                "the signing key ({vkey}) is not one of this ledger's ({}): put its own key back",
                ledger.identity().vkeys.join(", ")
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let checkpointer = Arc::new(Checkpointer::open(ledger.clone(), parts.signer.clone()).await?);
        let sealing = Arc::new(Notify::new());
        let segment_changes = Arc::new(tokio::sync::Mutex::new(()));
        let (queue, queued) = mpsc::unbounded_channel();
        let (failing, failed) = watch::channel(None);
        let failing = Arc::new(failing);
        let sequencer =
            Sequencer::new(ledger.clone(), checkpointer.clone(), sealing.clone(), queued, failing.clone());
        // At start-up there may be entries that were acknowledged and not yet signed, and full segments.
        checkpointer.sign().await?;
        sealing.notify_one();
        let signing = checkpointer.clone();
        let sealer = seal_segments(ledger.clone(), sealing, segment_changes.clone());
        let background = vec![
            tokio::spawn(watched("signing", failing.clone(), async move { signing.run().await })),
            tokio::spawn(watched("sealing", failing.clone(), sealer)),
        ];
        let sequencing = tokio::spawn(watched("sequencing", failing, sequencer.run()));
        let units = (ledger.inner.policy.queue_bytes_max / BUDGET_UNIT_BYTES).max(1);
        let budget = Semaphore::new(usize::try_from(units).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS));
        let clock_watch = ClockWatch::start(ledger.now());
        let inner = EngineInner {
            ledger,
            checkpointer,
            signer: parts.signer,
            staging: parts.staging,
            archiving: tokio::sync::Mutex::new(()),
            revoking: tokio::sync::Mutex::new(()),
            segment_changes,
            operations: OperationLocks::default(),
            queue: Mutex::new(Some(queue)),
            budget: Arc::new(budget),
            random: Mutex::new(rand::make_rng()),
            failed,
            clock_watch,
            sequencer: Mutex::new(Some(sequencing)),
            background,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The ledger, for reading.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// Appends events, all or none; answers once they are durable and sequenced.
    pub async fn append(&self, mut events: Vec<Event>) -> Result<Appended> {
        let limits = self.ledger().limits();
        if events.len() > limits.batch_events_max {
            let message =
                format!("{} events at once, at most {} are taken", events.len(), limits.batch_events_max);
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        refuse_reserved(&events)?;
        let given: Vec<bool> = events.iter().map(|event| event.event_id().is_some()).collect();
        self.assign_ids(&mut events);
        let ids: Vec<Option<String>> =
            events.iter().map(|event| event.event_id().map(str::to_owned)).collect();
        let bytes = events.iter().map(Event::bytes).sum();
        let room = self.room(bytes)?;
        let work = Work { events: events.into_iter().map(Keyed::from).collect(), ..Work::default() };
        let (placed, tree_size) = self.submit(work, bytes, Some(room)).await?;
        self.ledger().inner.gauges.placed(&placed);
        let receipts = self.receipts(placed, ids, &given).await?;
        Ok(Appended { receipts, tree_size })
    }

    fn assign_ids(&self, events: &mut [Event]) {
        if events.iter().all(|event| event.event_id().is_some()) {
            return;
        }
        let now = self.ledger().now();
        let mut random = self.inner.random.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events.iter_mut().filter(|event| event.event_id().is_none()) {
            event.assign_event_id(uuid_v7(now, &mut random));
        }
    }

    /// An id for an event whose producer gave none.
    pub(crate) fn new_event_id(&self) -> String {
        let now = self.ledger().now();
        uuid_v7(now, &mut self.inner.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A share of the queue for so many bytes, or the refusal that tells the caller to come back.
    pub(crate) fn room(&self, bytes: usize) -> Result<tokio::sync::OwnedSemaphorePermit> {
        let most = self.ledger().inner.policy.queue_bytes_max / BUDGET_UNIT_BYTES;
        let units = (bytes as u64).div_ceil(BUDGET_UNIT_BYTES).min(most.max(1));
        self.inner.budget.clone().try_acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX)).map_err(
            |_| Error::new(ErrorKind::Overloaded, "too many events wait to be committed: retry in a moment"),
        )
    }

    pub(crate) async fn submit(
        &self,
        work: Work,
        bytes: usize,
        room: Option<tokio::sync::OwnedSemaphorePermit>,
    ) -> Answer {
        let closed = || Error::new(ErrorKind::Unavailable, "the ledger is shutting down");
        let (answer, answered) = oneshot::channel();
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let room = Share::take(&self.ledger().inner.gauges, work.events.len(), bytes, room);
        let queued = Queued { work, bytes, answer, room };
        queue.ok_or_else(closed)?.send(queued).map_err(|_| closed())?;
        answered.await.map_err(|_| {
            Error::new(ErrorKind::OutcomeUnknown, "outcome unknown: retry with the same event_id")
        })?
    }

    /// Receipts in the order of the events. Those of duplicates are read from the entries they repeat; where such an
    /// entry is no longer hot, the id is the one that the caller sent, if any.
    pub(crate) async fn receipts(
        &self,
        placed: Vec<Placed>,
        ids: Vec<Option<String>>,
        given: &[bool],
    ) -> Result<Vec<Receipt>> {
        // The events are in the ledger, whatever goes wrong with telling so.
        self.read_receipts(placed, ids, given).await.map_err(|error| {
            let message = "the events are in the ledger and a receipt could not be read: \
                           retry with the same event_id";
            Error::with_source(ErrorKind::OutcomeUnknown, message, error)
        })
    }

    async fn read_receipts(
        &self,
        placed: Vec<Placed>,
        ids: Vec<Option<String>>,
        given: &[bool],
    ) -> Result<Vec<Receipt>> {
        let repeated = placed.iter().filter_map(|place| match place {
            Placed::Duplicate { seq } => Some(*seq),
            Placed::New { .. } => None,
        });
        let hot = self.ledger().store().entries_at(repeated.collect()).await?;
        let hot: HashMap<u64, Vec<u8>> = hot.into_iter().map(|entry| (entry.seq, entry.line)).collect();
        let mut receipts = Vec::with_capacity(placed.len());
        for ((place, event_id), given) in placed.into_iter().zip(ids).zip(given) {
            receipts.push(match place {
                Placed::New { seq, leaf } => {
                    Receipt { event_id, seq, leaf_hash: leaf.to_string(), duplicate: false }
                }
                Placed::Duplicate { seq } => {
                    let (event_id, leaf) = match hot.get(&seq) {
                        Some(line) => (Some(entry_id(seq, line)?), merkle::leaf_hash(line)),
                        None => (event_id.filter(|_| *given), self.leaf(seq).await?),
                    };
                    Receipt { event_id, seq, leaf_hash: leaf.to_string(), duplicate: true }
                }
            });
        }
        Ok(receipts)
    }

    /// The leaf hash of a signed entry, from the tree.
    async fn leaf(&self, seq: u64) -> Result<merkle::Hash> {
        let tile = merkle::TileId { level: 0, number: seq / merkle::TILE_WIDTH };
        self.ledger()
            .tile_set([tile])
            .await?
            .leaf(seq)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("the tree has no leaf {seq}: run verify")))
    }

    /// Signs the tree as it is now and answers the newest checkpoint.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint> {
        self.inner.checkpointer.sign().await
    }

    /// Checks the whole ledger, and records when that was.
    pub async fn verify(&self, options: &VerifyOptions, progress: &dyn Progress) -> Result<VerifyReport> {
        // Archiving and pruning move what is being compared.
        let _archiving = self.inner.archiving.lock().await;
        let report = self.ledger().verify(options, progress).await?;
        report.record(self.ledger().store()).await?;
        Ok(report)
    }

    /// What an operator should know about.
    pub fn state(&self) -> EngineState {
        let head = self.ledger().view().head.recorded_at;
        EngineState {
            clock_in_doubt: self.inner.clock_watch.doubt(self.ledger().now(), head),
            signing_stopped: self.inner.checkpointer.stopped(),
            failed: self.inner.failed.borrow().clone(),
        }
    }

    /// Resolves with the reason when the process must end itself.
    pub async fn failed(&self) -> String {
        let mut failed = self.inner.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // The sequencer ended because of a shutdown, not of a failure.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes no more events, commits what waits, signs, and stops.
    pub async fn shutdown(self) -> Result<()> {
        self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sequencer = self.inner.sequencer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sequencer) = sequencer {
            sequencer.await.map_err(|error| {
                Error::with_source(ErrorKind::Internal, "the sequencer was interrupted", error)
            })?;
        }
        let signed = self.checkpoint().await.map(|_| ());
        self.inner.background.iter().for_each(JoinHandle::abort);
        signed
    }

    pub(crate) fn random<const BYTES: usize>(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        self.inner.random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}

/// A task that a panic must not end in silence: without it the process would go on and do only half its work.
async fn watched(
    task: &'static str,
    failing: Arc<watch::Sender<Option<String>>>,
    work: impl Future<Output = ()>,
) {
    struct Watch(&'static str, Arc<watch::Sender<Option<String>>>);
    impl Drop for Watch {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.1.send_replace(Some(format!("the {} task ended unexpectedly: start again", self.0)));
            }
        }
    }
    let _watch = Watch(task, failing);
    work.await;
}

/// Seals full segments whenever there are any.
async fn seal_segments(ledger: Ledger, wake: Arc<Notify>, segment_changes: Arc<tokio::sync::Mutex<()>>) {
    loop {
        wake.notified().await;
        loop {
            let _segments = segment_changes.lock().await;
            let Some(full) = ledger.view().tail.next_to_seal() else { break };
            let number = full.number();
            let sealed = tokio::task::spawn_blocking(move || full.seal()).await;
            let Ok((segment, postings)) = sealed else { break };
            if let Err(error) = ledger.store().seal(segment.clone(), postings).await {
                // The tail keeps answering for it; the next full segment or start tries again.
                tracing::error!(error = &error as &dyn std::error::Error, segment = number, "sealing failed");
                break;
            }
            let mut view = ledger.view_mut();
            if view.segments.len() as u64 == number {
                view.segments.push(segment);
            }
            view.tail.drop_sealed(number);
        }
    }
}

/// Refuses events that claim the ledger's own tenant or source.
pub(crate) fn refuse_reserved(events: &[Event]) -> Result<()> {
    let reserved: Vec<Violation> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.is_reserved())
        .map(|(position, event)| {
            let member = if event.tenant() == RESERVED_TENANT { "tenant" } else { "source" };
            let message = format!("this {member} is the ledger's own: use another");
            Violation::new(member, "reserved", message).at(position)
        })
        .collect();
    if reserved.is_empty() {
        return Ok(());
    }
    Err(Error::with_violations(ErrorKind::Forbidden, "a tenant or source is reserved", reserved))
}

fn entry_id(seq: u64, line: &[u8]) -> Result<String> {
    let fields = event::EntryFields::parse(line).map_err(|error| {
        let message = format!("the line of entry {seq} cannot be read: run verify");
        Error::with_source(ErrorKind::Corrupt, message, error)
    })?;
    Ok(fields.event_id.into_owned())
}

fn uuid_v7(now: Timestamp, random: &mut StdRng) -> String {
    let mut bytes = [0; 10];
    random.fill_bytes(&mut bytes);
    let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
}

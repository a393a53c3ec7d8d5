//! The one task that owns the head: drain the queue, plan, commit, answer. Under load the next commit is planned while
//! one is under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use event::Key16;
use serde::Serialize;
use store::KeyRow;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::checkpointer::Checkpointer;
use crate::error::{Error, ErrorKind, Result};
use crate::gauges::{Share, Timed};
use crate::ledger::Ledger;
use crate::plan::{CommitPlan, Placed, PlanHead, Restoring, Work, plan};

/// One commit takes at most so many events …
const COMMIT_EVENTS_MAX: usize = 10_000;
/// … and about so many bytes.
const COMMIT_BYTES_MAX: usize = 16 << 20;
/// How often a plan is made again because another process moved the head.
const REPLANS_MAX: usize = 16;
/// Waits between attempts to make the store durable again; after the last one the process has to end.
const RECOVERY_DELAYS_MS: [u64; 6] = [0, 100, 500, 1_000, 2_000, 5_000];

/// That an event is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The event's id; `None` for a duplicate by external id whose entry is no longer hot.
    pub event_id: Option<String>,
    /// Its place.
    pub seq: u64,
    /// Hex RFC 6962 leaf hash of its line.
    pub leaf_hash: String,
    /// Whether it was there before.
    pub duplicate: bool,
}

/// Receipts for a batch, in the batch's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Appended {
    /// One for each event.
    pub receipts: Vec<Receipt>,
    /// Entries in the ledger right after.
    pub tree_size: u64,
}

/// Where the events of a work went, and the tree size right after its commit.
pub(crate) type Answer = Result<(Vec<Placed>, u64)>;

/// Work in the queue, with whoever waits for it.
pub(crate) struct Queued {
    pub(crate) work: Work,
    pub(crate) bytes: usize,
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Its share of the queue, given back when it is answered.
    pub(crate) room: Share,
}

/// With so many events waiting, the next commit is planned while one is under way; with fewer it is better to let the
/// queue grow into one larger commit.
const PLAN_AHEAD_EVENTS: usize = 512;
/// After a duplicate was met, so many commits look their keys up first instead of finding out by trying.
const LOOK_UPS_AFTER_CONFLICT: u32 = 64;

type Keys = HashMap<Key16, KeyRow>;

pub(crate) struct Sequencer {
    pub(crate) ledger: Ledger,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) sealing: Arc<Notify>,
    pub(crate) queue: mpsc::UnboundedReceiver<Queued>,
    /// Set when the process must end itself.
    pub(crate) failed: Arc<watch::Sender<Option<String>>>,
    waiting: VecDeque<Queued>,
    waiting_events: usize,
    look_ups: u32,
}

/// The control rows, pruning and restoring of a work.
type Kept = (Vec<store::RowChange>, Option<store::Prune>, Option<Restoring>);

fn keep(works: &[Work]) -> Vec<Kept> {
    works.iter().map(|work| (work.rows.clone(), work.prune.clone(), work.restore.clone())).collect()
}

/// A group of works with its plan.
struct Draft {
    works: Vec<Work>,
    waiters: Vec<Waiter>,
    planned: CommitPlan,
    /// What a plan takes out of each work, should it have to be planned again.
    kept: Vec<Kept>,
}

/// A draft that is being committed.
struct Flight {
    draft: Draft,
    changed: HotChange,
    outcome: JoinHandle<store::Result<()>>,
}

/// What a commit changes of what is hot, beside its own entries.
#[derive(Default)]
struct HotChange {
    prune: Option<store::Prune>,
    restored: Vec<u64>,
    segment: Option<store::Segment>,
}

impl HotChange {
    fn of(commit: &store::Commit) -> Self {
        let restore = commit.restore.as_ref();
        Self {
            prune: commit.prune.clone(),
            restored: restore
                .map_or_else(Vec::new, |restore| restore.entries.iter().map(|entry| entry.seq).collect()),
            segment: restore.and_then(|restore| restore.index.as_ref()).map(|(segment, _)| segment.clone()),
        }
    }
}

/// Whoever waits for a work, and its share of the queue.
struct Waiter {
    answer: oneshot::Sender<Answer>,
    bytes: usize,
    room: Share,
}

impl Sequencer {
    pub(crate) fn new(
        ledger: Ledger,
        checkpointer: Arc<Checkpointer>,
        sealing: Arc<Notify>,
        queue: mpsc::UnboundedReceiver<Queued>,
        failed: Arc<watch::Sender<Option<String>>>,
    ) -> Self {
        let (waiting, waiting_events, look_ups) = (VecDeque::new(), 0, 0);
        Self { ledger, checkpointer, sealing, queue, failed, waiting, waiting_events, look_ups }
    }

    /// Runs until every sender is gone and the queue is empty.
    pub(crate) async fn run(mut self) {
        let mut flight: Option<Flight> = None;
        loop {
            let Some(under_way) = flight.take() else {
                if self.waiting.is_empty() {
                    match self.queue.recv().await {
                        Some(queued) => self.enqueue(queued),
                        None => return,
                    }
                }
                let group = self.gather();
                let head = self.ledger.view().head.clone();
                if let Some(draft) = self.draft(group, &head, &Keys::new()).await {
                    flight = self.launch(draft);
                }
                continue;
            };
            self.drain();
            let ahead = if self.waiting_events >= PLAN_AHEAD_EVENTS {
                let group = self.gather();
                let planned = &under_way.draft.planned;
                self.draft(group, &planned.head, &planned.new_keys).await
            } else {
                None
            };
            let landed = Box::pin(self.land(under_way)).await;
            flight = match ahead {
                Some(draft) if landed => self.launch(draft),
                Some(draft) => {
                    // It was planned on a commit that did not come about as planned.
                    self.put_back(draft);
                    None
                }
                None => None,
            };
        }
    }

    fn enqueue(&mut self, queued: Queued) {
        self.waiting_events += queued.work.events.len();
        self.waiting.push_back(queued);
    }

    fn drain(&mut self) {
        while let Ok(queued) = self.queue.try_recv() {
            self.enqueue(queued);
        }
    }

    /// Takes what has queued, up to the bounds of one commit. Some works get a commit of their own.
    fn gather(&mut self) -> Vec<Queued> {
        self.drain();
        let mut group = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(next) = self.waiting.front() {
            events += next.work.events.len();
            bytes += next.bytes;
            let alone = next.work.is_alone();
            if !group.is_empty() && (alone || events > COMMIT_EVENTS_MAX || bytes > COMMIT_BYTES_MAX) {
                break;
            }
            self.waiting_events -= next.work.events.len();
            group.extend(self.waiting.pop_front());
            if alone {
                break;
            }
        }
        group
    }

    /// Plans a group on a head; `under_way` are the keys of the commit that leads to that head and may not have landed.
    /// `None` where the group had to be answered with an error.
    async fn draft(&mut self, group: Vec<Queued>, head: &PlanHead, under_way: &Keys) -> Option<Draft> {
        let (mut works, waiters): (Vec<Work>, Vec<Waiter>) = group
            .into_iter()
            .map(|Queued { work, bytes, answer, room }| (work, Waiter { answer, bytes, room }))
            .unzip();
        if let Some(reason) = self.failed.borrow().clone() {
            refuse(waiters, Error::new(ErrorKind::Unavailable, reason));
            return None;
        }
        let now = self.ledger.inner.clock.now();
        let policy = &self.ledger.inner.policy;
        let kept = keep(&works);
        if self.look_ups == 0 {
            let planned = plan(head, &mut works, [&Keys::new(), under_way], now, policy);
            if planned.answers.iter().all(Result::is_ok) {
                return Some(Draft { works, waiters, planned, kept });
            }
            // A work was refused as if its events were new. What is refused meets no key in the store, so whether they
            // are there already has to be looked up before anybody is told that they are not.
            put_back(&mut works, kept.clone());
        } else {
            self.look_ups -= 1;
        }
        match self.find_keys(&works).await {
            Ok(found) => {
                let planned = plan(head, &mut works, [&found, under_way], now, policy);
                Some(Draft { works, waiters, planned, kept })
            }
            Err(error) => {
                refuse(waiters, error);
                None
            }
        }
    }

    /// Hands a draft to the store. What changes nothing is answered at once.
    fn launch(&self, mut draft: Draft) -> Option<Flight> {
        if draft.planned.changes_nothing() {
            answer(draft.waiters, draft.planned);
            return None;
        }
        let commit = draft.planned.take_commit();
        let (changed, timed) = (HotChange::of(&commit), Timed::start(&commit));
        let store = self.ledger.inner.store.clone();
        let gauges = self.ledger.inner.gauges.clone();
        let outcome = tokio::spawn(async move {
            let outcome = store.commit(commit).await;
            timed.end(&outcome, &gauges);
            outcome
        });
        Some(Flight { draft, changed, outcome })
    }

    /// Waits for a commit and answers its callers. False where what was planned on it must be planned again.
    async fn land(&mut self, flight: Flight) -> bool {
        let Flight { draft, changed, outcome } = flight;
        let outcome = outcome.await.unwrap_or_else(|error| {
            let message = "the commit was interrupted";
            Err(store::Error::with_source(store::ErrorKind::OutcomeUnknown, message, error))
        });
        let Err(error) = outcome else {
            self.apply(&draft.planned, &changed);
            answer(draft.waiters, draft.planned);
            return true;
        };
        let Draft { mut works, waiters, planned: _, kept } = draft;
        put_back(&mut works, kept);
        let again = match error.kind() {
            // Nothing was applied. Either a key was taken, which is looked up now, or the head or the store's
            // connection is not what it was.
            store::ErrorKind::Conflict => {
                self.look_ups = LOOK_UPS_AFTER_CONFLICT;
                Ok(())
            }
            store::ErrorKind::HeadMoved => self.reload().await,
            store::ErrorKind::Unavailable => {
                self.recover(&error).await;
                Ok(())
            }
            store::ErrorKind::OutcomeUnknown => {
                self.recover(&error).await;
                Err(error.into())
            }
            _ => Err(error.into()),
        };
        match again {
            Ok(()) => match self.commit(&mut works).await {
                Ok(planned) => answer(waiters, planned),
                Err(error) => refuse(waiters, error),
            },
            Err(error) => refuse(waiters, error),
        }
        false
    }

    /// A draft goes back to the front of the queue.
    fn put_back(&mut self, draft: Draft) {
        let Draft { mut works, waiters, planned: _, kept } = draft;
        put_back(&mut works, kept);
        for (work, Waiter { answer, bytes, room }) in works.into_iter().zip(waiters).rev() {
            self.waiting_events += work.events.len();
            self.waiting.push_front(Queued { work, bytes, answer, room });
        }
    }

    /// Plans with every key looked up, and commits, again where the head keeps moving; on success the view has moved.
    async fn commit(&self, works: &mut [Work]) -> Result<CommitPlan> {
        for _ in 0..REPLANS_MAX {
            if let Some(reason) = self.failed.borrow().clone() {
                return Err(Error::new(ErrorKind::Unavailable, reason));
            }
            let found = self.find_keys(works).await?;
            let head = self.ledger.view().head.clone();
            let now = self.ledger.inner.clock.now();
            let kept = keep(works);
            let mut planned = plan(&head, works, [&found, &Keys::new()], now, &self.ledger.inner.policy);
            if planned.changes_nothing() {
                return Ok(planned);
            }
            let commit = planned.take_commit();
            let (changed, timed) = (HotChange::of(&commit), Timed::start(&commit));
            let outcome = self.ledger.store().commit(commit).await;
            timed.end(&outcome, &self.ledger.inner.gauges);
            match outcome {
                Ok(()) => {
                    self.apply(&planned, &changed);
                    return Ok(planned);
                }
                Err(error) => match error.kind() {
                    store::ErrorKind::HeadMoved | store::ErrorKind::Conflict => {
                        self.reload().await?;
                        put_back(works, kept);
                    }
                    // Nothing was applied. Where the store does not come back, the process has failed by then.
                    store::ErrorKind::Unavailable => {
                        self.recover(&error).await;
                        put_back(works, kept);
                    }
                    store::ErrorKind::OutcomeUnknown => {
                        self.recover(&error).await;
                        return Err(error.into());
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "other writers kept moving the head: retry"))
    }

    /// Reads the view anew. A ledger that is no longer the one that was served is given up, not served on.
    async fn reload(&self) -> Result<()> {
        let reloaded = self.ledger.reload().await;
        if let Err(error) = &reloaded
            && error.kind() == ErrorKind::Truncated
        {
            self.failed.send_replace(Some(error.to_string()));
        }
        reloaded
    }

    async fn find_keys(&self, works: &[Work]) -> Result<Keys> {
        let keyed = works.iter().flat_map(|work| &work.events);
        let keys: Vec<Key16> =
            keyed.flat_map(|keyed| [keyed.keys.event, keyed.keys.external]).flatten().collect();
        let rows = self.ledger.store().keys(keys).await?;
        Ok(rows.into_iter().flatten().map(|row| (row.key, row)).collect())
    }

    /// The commit is durable: show it to searches before anybody is told.
    fn apply(&self, planned: &CommitPlan, changed: &HotChange) {
        let mut view = self.ledger.view_mut();
        planned.tail.iter().for_each(|row| view.tail.push(row));
        view.head = planned.head.clone();
        view.change(changed.prune.as_ref(), &changed.restored, changed.segment.as_ref());
        for (seq, row) in planned.restored_tail.iter().flat_map(|rows| rows.iter()) {
            view.tail.remember(*seq, row);
        }
        let seal = view.tail.next_to_seal().is_some();
        drop(view);
        self.checkpointer.nudge();
        if seal {
            self.sealing.notify_one();
        }
    }

    /// After an unknown outcome, of a commit or of another write, nothing is acknowledged until the store has synced what it holds.
    async fn recover(&self, cause: &store::Error) {
        tracing::error!(error = cause as &dyn std::error::Error, "the store has to be made durable again");
        let mut last = String::new();
        for delay in RECOVERY_DELAYS_MS {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let recovered = match self.ledger.store().recover().await {
                Ok(_) => self.reload().await,
                Err(error) => Err(error.into()),
            };
            match recovered {
                Ok(()) => {
                    tracing::warn!("the ledger is durable again; what it holds has been read back");
                    return;
                }
                Err(error) => last = error.to_string(),
            }
        }
        self.failed.send_replace(Some(format!("the ledger could not be made durable again: {last}")));
    }
}

/// What a plan took goes back to their works, for the next plan.
fn put_back(works: &mut [Work], kept: Vec<Kept>) {
    for (work, (rows, prune, restore)) in works.iter_mut().zip(kept) {
        (work.rows, work.prune, work.restore) = (rows, prune, restore);
    }
}

/// Tells every caller where its events are.
fn answer(waiters: Vec<Waiter>, planned: CommitPlan) {
    let size = planned.head.size();
    for (waiter, placed) in waiters.into_iter().zip(planned.answers) {
        // A caller that has gone away has its event in the ledger all the same.
        let _ = waiter.answer.send(placed.map(|placed| (placed, size)));
    }
}

/// Tells every caller the same failure.
fn refuse(waiters: Vec<Waiter>, error: Error) {
    let (kind, cause) = (error.kind(), Arc::new(error));
    for waiter in waiters {
        let error = Error::with_source(kind, cause.to_string(), SharedCause(cause.clone()));
        let _ = waiter.answer.send(Err(error));
    }
}

/// One cause told to several callers.
#[derive(Debug)]
struct SharedCause(Arc<Error>);

impl std::fmt::Display for SharedCause {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::error::Error::source(self.0.as_ref()) {
            Some(source) => std::fmt::Display::fmt(source, formatter),
            None => formatter.write_str("the commit failed"),
        }
    }
}

impl std::error::Error for SharedCause {}

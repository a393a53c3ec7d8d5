//! The one task that owns the head: drain the queue, plan, commit, answer.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use event::Key16;
use serde::Serialize;
use store::KeyRow;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot, watch};

use crate::checkpointer::Checkpointer;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::plan::{CommitPlan, Placed, Work, plan};

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
    /// Its share of the queue's byte budget, given back when it is answered.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

pub(crate) struct Sequencer {
    pub(crate) ledger: Ledger,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) sealing: Arc<Notify>,
    pub(crate) queue: mpsc::UnboundedReceiver<Queued>,
    /// Set when the process must end itself.
    pub(crate) failed: watch::Sender<Option<String>>,
}

impl Sequencer {
    /// Runs until every sender is gone and the queue is empty.
    pub(crate) async fn run(mut self) {
        let mut waiting: VecDeque<Queued> = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match self.queue.recv().await {
                    Some(queued) => waiting.push_back(queued),
                    None => return,
                }
            }
            let group = self.gather(&mut waiting);
            self.commit_group(group).await;
        }
    }

    /// Takes what has queued, up to the bounds of one commit. A pruning work ends its group.
    fn gather(&mut self, waiting: &mut VecDeque<Queued>) -> Vec<Queued> {
        while let Ok(queued) = self.queue.try_recv() {
            waiting.push_back(queued);
        }
        let mut group = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(next) = waiting.front() {
            events += next.work.events.len();
            bytes += next.bytes;
            if !group.is_empty() && (events > COMMIT_EVENTS_MAX || bytes > COMMIT_BYTES_MAX) {
                break;
            }
            let prunes = next.work.prune.is_some();
            if prunes && !group.is_empty() {
                break;
            }
            group.extend(waiting.pop_front());
            if prunes {
                break;
            }
        }
        group
    }

    async fn commit_group(&self, group: Vec<Queued>) {
        let (mut works, answers): (Vec<Work>, Vec<_>) =
            group.into_iter().map(|queued| (queued.work, (queued.answer, queued._room))).unzip();
        match self.commit(&mut works).await {
            Ok(planned) => {
                let size = planned.head.size();
                for ((answer, _room), placed) in answers.into_iter().zip(planned.answers) {
                    // A caller that has gone away has its event in the ledger all the same.
                    let _ = answer.send(placed.map(|placed| (placed, size)));
                }
            }
            Err(error) => {
                let (kind, cause) = (error.kind(), Arc::new(error));
                for (answer, _room) in answers {
                    let error = Error::with_source(kind, cause.to_string(), SharedCause(cause.clone()));
                    let _ = answer.send(Err(error));
                }
            }
        }
    }

    /// Plans and commits; on success the view has moved.
    async fn commit(&self, works: &mut [Work]) -> Result<CommitPlan> {
        if let Some(reason) = self.failed.borrow().clone() {
            return Err(Error::new(ErrorKind::Unavailable, reason));
        }
        for _ in 0..REPLANS_MAX {
            let found = self.find_keys(works).await?;
            let head = self.ledger.view().head.clone();
            let now = self.ledger.inner.clock.now();
            // Rows and pruning move into the plan; a second attempt needs them again.
            let kept: Vec<_> = works.iter().map(|work| (work.rows.clone(), work.prune.clone())).collect();
            let mut planned = plan(&head, works, &found, now, &self.ledger.inner.policy);
            if planned.commit.lines.is_empty()
                && planned.commit.rows.is_empty()
                && planned.commit.prune.is_none()
            {
                return Ok(planned);
            }
            let emptied = empty_commit(&planned);
            let commit = std::mem::replace(&mut planned.commit, emptied);
            let prune = commit.prune.clone();
            match self.ledger.store().commit(commit).await {
                Ok(()) => {
                    self.apply(&planned, prune.as_ref());
                    return Ok(planned);
                }
                Err(error) => match error.kind() {
                    store::ErrorKind::HeadMoved | store::ErrorKind::Conflict => {
                        self.ledger.reload().await?;
                        for (work, (rows, prune)) in works.iter_mut().zip(kept) {
                            (work.rows, work.prune) = (rows, prune);
                        }
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

    async fn find_keys(&self, works: &[Work]) -> Result<HashMap<Key16, KeyRow>> {
        let keyed = works.iter().flat_map(|work| &work.events);
        let keys: Vec<Key16> =
            keyed.flat_map(|keyed| [keyed.keys.event, keyed.keys.external]).flatten().collect();
        let rows = self.ledger.store().keys(keys).await?;
        Ok(rows.into_iter().flatten().map(|row| (row.key, row)).collect())
    }

    /// The commit is durable: show it to searches before anybody is told.
    fn apply(&self, planned: &CommitPlan, prune: Option<&store::Prune>) {
        let mut view = self.ledger.view_mut();
        planned.tail.iter().for_each(|row| view.tail.push(row));
        view.head = planned.head.clone();
        if let Some(prune) = prune {
            for range in &prune.ranges {
                view.pruned.insert(range.clone());
                view.tail.forget(range);
            }
            for segment in &mut view.segments {
                if prune.segments.contains(&segment.number) {
                    segment.state = store::SegmentState::Dropped;
                }
            }
        }
        let seal = view.tail.next_to_seal().is_some();
        drop(view);
        self.checkpointer.nudge();
        if seal {
            self.sealing.notify_one();
        }
    }

    /// After an unknown outcome nothing is acknowledged until the store has synced what it holds.
    async fn recover(&self, cause: &store::Error) {
        tracing::error!(error = cause as &dyn std::error::Error, "the outcome of a commit is unknown");
        let mut last = String::new();
        for delay in RECOVERY_DELAYS_MS {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let recovered = match self.ledger.store().recover().await {
                Ok(_) => self.ledger.reload().await,
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

fn empty_commit(planned: &CommitPlan) -> store::Commit {
    store::Commit {
        expected_size: planned.commit.expected_size,
        lines: Vec::new(),
        keys: Vec::new(),
        head: planned.commit.head.clone(),
        rows: Vec::new(),
        prune: None,
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

//! The run that is under way in this process: its lease, how far it is, and whether it may go on.

use std::sync::{Mutex, PoisonError};

use event::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::{Prune, RowChange};

use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::freeze::not_frozen;
use crate::lease::{Lease, RENEW_EVERY, Step};
use crate::progress::Progress;
use crate::state_change::Change;

/// The lease of archive runs.
pub(crate) const ARCHIVE_LEASE_KEY: &str = "archive";

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunUnderWay {
    /// The process that does it.
    pub holder: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Until when no other process begins one, should this one fall silent.
    pub until: Timestamp,
    /// How far it is; of another process, how far it was when it last said so.
    pub step: Option<Step>,
}

/// What this process knows of its run.
#[derive(Default)]
pub(crate) struct RunState {
    /// Locked while the lease's row is changed or a commit depends on it, so that a renewal does not come in between.
    lease: tokio::sync::Mutex<Option<Lease>>,
    step: Mutex<Option<(Timestamp, Option<Step>)>>,
}

impl RunState {
    /// Since when a run is under way here, and how far it is.
    pub(crate) fn step(&self) -> Option<(Timestamp, Option<Step>)> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_step(&self, step: Option<(Timestamp, Option<Step>)>) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    fn with_step(&self, change: impl FnOnce(&mut Option<Step>)) {
        if let Some((_, step)) = self.step.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(step);
        }
    }
}

/// While it lives, a run is under way.
pub(super) struct Running<'a> {
    state: &'a RunState,
    _alone: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.state.set_step(None);
    }
}

impl Engine {
    /// Begins a run, or says who is doing one.
    pub(super) async fn begin_run(&self) -> Result<Running<'_>> {
        let state = &self.inner.run;
        if let Some((since, step)) = state.step() {
            let step = step.map_or_else(String::new, |step| format!(" and is {}", step.name));
            let message =
                format!("an archive run is under way: {} began it at {since}{step}", self.inner.process);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        // A verification compares what a run moves.
        let alone = self.inner.archiving.lock().await;
        let mut held = state.lease.lock().await;
        let taken = match self.take_lease(ARCHIVE_LEASE_KEY).await {
            Err(error) if matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::Unavailable) => {
                // The way of commits makes the store usable again; then the row says whether the lease was taken.
                self.write_readiness().await?;
                self.take_lease(ARCHIVE_LEASE_KEY).await
            }
            taken => taken,
        };
        *held = Some(taken?);
        state.set_step(Some((self.ledger().now(), None)));
        Ok(Running { state, _alone: alone })
    }

    /// Renews the lease until it is lost, which is an error, or this is dropped.
    pub(super) async fn keep_lease(&self) -> Error {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let step = self.inner.run.step().and_then(|(_, step)| step);
            let held = self.inner.run.lease.lock().await;
            let Some(lease) = held.as_ref() else { continue };
            match self.renew_lease(lease, step).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Conflict => return error,
                // Whether the run can go on is found out where it next writes.
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the archive run's lease was not renewed"
                    );
                }
            }
        }
    }

    /// Ends a run: others need not wait for its lease.
    pub(super) async fn end_run(&self, running: Running<'_>) {
        let mut held = self.inner.run.lease.lock().await;
        if let Some(lease) = held.take()
            && let Err(error) = self.give_back_lease(&lease).await
        {
            // It was taken over, or the store does not answer; then it expires by itself.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the archive run's lease was not given back"
            );
        }
        drop(running);
    }

    /// Whether the run under way may write on: it holds its lease, and nobody has frozen retention. Looked at before
    /// anything is written at a destination, where no transaction can do it.
    pub(crate) async fn may_go_on(&self) -> Result<()> {
        self.ledger().refuse_when_frozen().await?;
        let held = self.inner.run.lease.lock().await;
        self.held_lease(held.as_ref().ok_or_else(no_run)?).await.map(|_| ())
    }

    /// A state change of the run under way: it goes through only while the run holds its lease and retention is not
    /// frozen, both looked at in the commit itself.
    pub(crate) async fn change_of_run(
        &self,
        action: &'static str,
        actor: &Actor,
        target: (&'static str, &str),
        details: Value,
        rows: Vec<RowChange>,
        prune: Option<Prune>,
    ) -> Result<u64> {
        let held = self.inner.run.lease.lock().await;
        let lease = held.as_ref().ok_or_else(no_run)?;
        self.ledger().refuse_when_frozen().await?;
        let (_, holding) = self.held_lease(lease).await?;
        let change = Change { rows, prune, expected: vec![not_frozen(), holding], ..Change::default() };
        match self.change_if_expected(action, actor, target, details, change).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.ledger().refuse_when_frozen().await?;
                self.held_lease(lease).await?;
                Err(error)
            }
            changed => changed,
        }
    }
}

fn no_run() -> Error {
    Error::new(ErrorKind::Internal, "no archive run is under way")
}

/// Tells whoever looks how far the run is, beside whoever it was told to tell.
pub(super) struct Told<'a> {
    pub(super) state: &'a RunState,
    pub(super) to: &'a dyn Progress,
}

impl Progress for Told<'_> {
    fn begin(&self, what: &str, total: Option<u64>) {
        self.state.with_step(|step| *step = Some(Step { name: what.to_owned(), done: 0, total }));
        self.to.begin(what, total);
    }

    fn advance(&self, by: u64) {
        self.state.with_step(|step| {
            if let Some(step) = step {
                step.done = step.done.saturating_add(by);
            }
        });
        self.to.advance(by);
    }

    fn end(&self) {
        self.to.end();
    }
}

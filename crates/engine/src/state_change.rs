//! Changes of control rows, each in the commit of the entry that attests it.

use serde_json::{Map, Value};
use store::{ExpectedRow, Prune, RowChange};

use crate::actor::Actor;
use crate::attestation::{Statement, event_for};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Placed, Restoring, Work};

/// What a change does beside its entry.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) rows: Vec<RowChange>,
    pub(crate) prune: Option<Prune>,
    pub(crate) restore: Option<Restoring>,
    /// What it was decided on; where one of these rows is otherwise by the time of the commit, nothing is stored and
    /// the change fails as a [`ErrorKind::Conflict`].
    pub(crate) expected: Vec<ExpectedRow>,
}

impl Engine {
    /// Commits a change of control rows (and pruning) with the entry that attests it.
    pub(crate) async fn state_change(
        &self,
        action: &'static str,
        actor: &Actor,
        target: (&'static str, &str),
        details: Value,
        rows: Vec<RowChange>,
        prune: Option<Prune>,
    ) -> Result<u64> {
        let change = Change { rows, prune, ..Change::default() };
        self.change_if_expected(action, actor, target, details, change).await
    }

    /// The same, where it is still what it was decided on.
    pub(crate) async fn change_if_expected(
        &self,
        action: &'static str,
        actor: &Actor,
        target: (&'static str, &str),
        details: Value,
        change: Change,
    ) -> Result<u64> {
        let Change { rows, prune, restore, expected } = change;
        let details = match details {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        let now = self.ledger().now();
        let event_id = self.new_event_id();
        let event = event_for(Statement { action, actor, target, details }, &rows, &event_id, now)?;
        let bytes = event.bytes();
        let work = Work { events: vec![event.into()], rows, prune, restore, expected };
        let (placed, _) = self.submit(work, bytes, None).await?;
        match placed.first() {
            Some(Placed::New { seq, .. } | Placed::Duplicate { seq }) => Ok(*seq),
            None => Err(Error::new(ErrorKind::Internal, "a state change was not placed")),
        }
    }
}

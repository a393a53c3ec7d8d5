//! Events in two steps: begun before the work and durable from then on, completed after it, or timed out.
//!
//! A pending operation is a row, not an entry: it is in no search, in no tree, and attested by nothing. Its end is one
//! commit that adds the entry and deletes the row. That there is only one end follows from the entry's dedup key, which
//! the store takes once. The locks here keep beginnings with one id and different content apart, and spare the losers of
//! other races a refused commit.

mod complete;
mod pending;
mod time_out;

use event::{Key16, Operation, Violation, rule};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::engine::{Engine, refuse_reserved};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Work, retention_violation};
pub use complete::CompletedOperation;
use pending::{Pending, operation_id};
pub use time_out::TimeOutReport;

/// That an operation is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BegunOperation {
    /// What it is completed by: `op_` and 32 hexadecimal digits, made of tenant and event id.
    pub operation_id: String,
    /// Whether it had begun before.
    pub duplicate: bool,
}

/// Begins and completions of one operation exclude each other; those of different ones hardly ever meet.
#[derive(Default)]
pub(crate) struct OperationLocks([Mutex<()>; 32]);

impl OperationLocks {
    fn of(&self, key: &Key16) -> &Mutex<()> {
        // The last byte is one of hash in both forms of a key.
        &self.0[usize::from(key[15]) % self.0.len()]
    }
}

impl Engine {
    /// Begins an operation; answers once it is durable. Beginning the same again (the same event id and content) answers
    /// the same id; an event id that an entry, or another operation, has is a conflict.
    pub async fn begin_operation(&self, mut operation: Operation) -> Result<BegunOperation> {
        refuse_reserved(std::slice::from_ref(operation.event())).map_err(Error::without_positions)?;
        if operation.event().event_id().is_none() {
            operation.assign_event_id(self.new_event_id());
        }
        let keys = operation.event().keys();
        let key = keys
            .event
            .ok_or_else(|| Error::new(ErrorKind::Internal, "an operation has no id to be completed by"))?;
        let id = operation_id(key);
        let text = operation.text();
        let _alone = self.inner.operations.of(&key).lock().await;
        let mut found = self.pending(&id).await?;
        if found.is_some() {
            self.landed().await?;
            found = self.pending(&id).await?;
        }
        if let Some(pending) = found {
            return if pending.text == text {
                Ok(BegunOperation { operation_id: id, duplicate: true })
            } else {
                let message = "an operation with this event_id has begun with other content: send the same, or a \
                               new event_id";
                Err(conflict(Violation::new("event_id", "conflict", message)))
            };
        }
        self.refuse_taken(keys.event, keys.external).await?;
        let begun_at = self.ledger().now();
        if let Some(violation) = retention_violation(&self.ledger().inner.policy, operation.event(), begun_at)
        {
            return Err(invalid(vec![violation]));
        }
        let bytes = operation.event().bytes() + text.len();
        let room = self.room(bytes)?;
        let rows = Pending { id: id.clone(), begun_at, text, operation }.put()?;
        self.submit(Work { rows, ..Work::default() }, bytes, Some(room)).await?;
        Ok(BegunOperation { operation_id: id, duplicate: false })
    }

    /// Waits for what was queued before. The store may show a commit whose outcome is not known yet, left behind by a
    /// caller that went away; nothing may be told of it until it is.
    async fn landed(&self) -> Result<()> {
        self.submit(Work::default(), 0, None).await.map(|_| ())
    }

    /// An event that is in the ledger cannot begin any more.
    async fn refuse_taken(&self, event: Option<Key16>, external: Option<Key16>) -> Result<()> {
        let named = [("event_id", event), ("external_id", external)];
        let (members, keys): (Vec<_>, Vec<_>) =
            named.into_iter().filter_map(|(member, key)| Some((member, key?))).unzip();
        let found = self.ledger().store().keys(keys).await?;
        let Some((member, row)) =
            members.into_iter().zip(found).find_map(|(member, row)| Some((member, row?)))
        else {
            return Ok(());
        };
        let message = format!("entry {} has this {member}: begin with a new {member}", row.seq);
        Err(conflict(Violation::new(member, "conflict", message)))
    }
}

fn conflict(violation: Violation) -> Error {
    let message = "another event has this id";
    Error::with_violations(ErrorKind::Conflict, message, vec![violation])
}

/// What is wrong with one of the steps.
fn invalid(violations: Vec<Violation>) -> Error {
    let whole_too_long =
        |violation: &Violation| violation.member.is_empty() && violation.rule == rule::TOO_LONG;
    let kind = if violations.iter().any(whole_too_long) { ErrorKind::TooLarge } else { ErrorKind::Invalid };
    Error::with_violations(kind, "the operation is not valid", violations)
}

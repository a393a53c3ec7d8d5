//! The second step: the operation's entry, once.

use event::{Completion, EntryFields, Key16, Outcome, Violation};
use merkle::leaf_hash;
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};

use super::pending::{Pending, key_of};
use super::{conflict, invalid};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Work;
use crate::sequencer::Receipt;

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompletedOperation {
    /// By this completion, or by one that said the same (`duplicate`).
    Entered(Receipt),
    /// It had been given up before: its entry, at this place, has outcome `unknown`, and nothing was changed.
    TimedOut {
        /// The place of its entry.
        seq: u64,
    },
}

/// As callers are answered: a receipt, or `{"timed_out":true,"seq":n}`.
impl Serialize for CompletedOperation {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Entered(receipt) => receipt.serialize(serializer),
            Self::TimedOut { seq } => {
                let mut answer = serializer.serialize_struct("TimedOut", 2)?;
                answer.serialize_field("timed_out", &true)?;
                answer.serialize_field("seq", seq)?;
                answer.end()
            }
        }
    }
}

impl Engine {
    /// Completes an operation; answers once its entry is durable and sequenced. Whoever may act for one `tenant` only
    /// is told of no other's operations. Completing again is answered by the entry that is there: as a duplicate where
    /// the completion says what the entry says, otherwise as a conflict.
    pub async fn complete_operation(
        &self,
        operation_id: &str,
        tenant: Option<&str>,
        completion: &Completion<'_>,
    ) -> Result<CompletedOperation> {
        let key = key_of(operation_id).ok_or_else(unknown)?;
        let _alone = self.inner.operations.of(&key).lock().await;
        let mut pending = self.pending(operation_id).await?;
        if pending.is_none() {
            self.landed().await?;
            pending = self.pending(operation_id).await?;
        }
        let Some(pending) = pending else {
            return self.ended(key, tenant, completion).await;
        };
        if tenant.is_some_and(|tenant| tenant != pending.operation.event().tenant()) {
            return Err(unknown());
        }
        match self.enter(&pending, completion).await {
            // Its key is taken. Either it has ended meanwhile, or its key is another event's.
            Err(error)
                if error.kind() == ErrorKind::Conflict && self.pending(operation_id).await?.is_none() =>
            {
                self.ended(key, tenant, completion).await
            }
            entered => entered.map_err(Error::without_positions).map(CompletedOperation::Entered),
        }
    }

    /// Entry and deletion of the row, in one commit.
    async fn enter(&self, pending: &Pending, completion: &Completion<'_>) -> Result<Receipt> {
        let now = self.ledger().now();
        let event = pending.operation.complete(completion, self.ledger().limits(), now).map_err(invalid)?;
        let event_id = event.event_id().map(str::to_owned);
        let bytes = event.bytes();
        let room = self.room(bytes)?;
        let work = Work { events: vec![event.into()], rows: pending.delete(), ..Work::default() };
        let (placed, _) = self.submit(work, bytes, Some(room)).await?;
        let receipts = self.receipts(placed, vec![event_id], &[true]).await?;
        receipts.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Internal, "an entry was not placed"))
    }

    /// What to say of an operation that is not pending: its entry knows.
    async fn ended(
        &self,
        key: Key16,
        tenant: Option<&str>,
        completion: &Completion<'_>,
    ) -> Result<CompletedOperation> {
        let row = self.ledger().store().keys(vec![key]).await?.pop().flatten().ok_or_else(unknown)?;
        let entry = self.ledger().show(row.seq).await?.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, format!("entry {} cannot be read now: retry", row.seq))
        })?;
        let unreadable = |error| {
            let message = format!("the line of entry {} cannot be read: run verify", row.seq);
            Error::with_source(ErrorKind::Corrupt, message, error)
        };
        let fields = EntryFields::parse(&entry.line).map_err(unreadable)?;
        if tenant.is_some_and(|tenant| tenant != fields.tenant) {
            return Err(unknown());
        }
        let message = if fields.started_at.is_none() {
            format!("entry {} has the operation's event_id, and was not begun in two steps", row.seq)
        } else if fields.outcome == Outcome::Unknown {
            // No completion says so: it was given up.
            return Ok(CompletedOperation::TimedOut { seq: row.seq });
        } else if completion.agrees_with(&entry.line).map_err(unreadable)? {
            return Ok(CompletedOperation::Entered(Receipt {
                event_id: Some(fields.event_id.into_owned()),
                seq: row.seq,
                leaf_hash: leaf_hash(&entry.line).to_string(),
                duplicate: true,
            }));
        } else {
            format!("the operation was completed by entry {}, which says something else", row.seq)
        };
        Err(conflict(Violation::new("", "conflict", message)))
    }
}

fn unknown() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such operation")
}

//! Operations that nobody completed enter the ledger with outcome `unknown`, the oldest first.

use std::time::Duration;

use event::{EntryFields, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Expected, Row, RowChange, Table};

use super::pending::{BY_TIME, Pending, delete, key_of, time_and_id};
use crate::actor::Actor;
use crate::attestation::body_sha256;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Keyed, Work};
use crate::schedule::ClockWatch;

const TASK_KEY: &str = "operations";
/// One commit times out at most so many operations …
const GROUP_OPERATIONS_MAX: usize = 100;
/// … and about so many bytes.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOutReport {
    /// Operations that entered the ledger with outcome `unknown`.
    pub timed_out: u64,
    /// Operations that could not enter it; for each there is an entry `operation.refused` that says why.
    pub refused: u64,
    /// Whether more are due, which the next run takes.
    pub more: bool,
}

/// The last run, in the table of task runs.
#[derive(Debug, Serialize)]
struct LastRun {
    started_at: Timestamp,
    ended_at: Timestamp,
    error: Option<String>,
    report: Option<TimeOutReport>,
}

/// Operations that end in one commit.
#[derive(Default)]
struct Group {
    ids: Vec<String>,
    events: Vec<Keyed>,
    rows: Vec<RowChange>,
    bytes: usize,
}

impl Group {
    fn is_full(&self) -> bool {
        self.events.len() >= GROUP_OPERATIONS_MAX || self.bytes >= GROUP_BYTES_MAX
    }
}

impl Engine {
    /// Looks for operations that have timed out, again and again, until it is dropped.
    pub(crate) async fn time_out_by_schedule(&self, watch: &ClockWatch) {
        let every = Duration::from_secs(self.ledger().inner.policy.operations.every_seconds.max(1));
        loop {
            let head = self.ledger().view().head.recorded_at;
            // A clock that has jumped would end operations that are under way.
            if let Some(reason) = watch.doubt(self.ledger().now(), head) {
                tracing::error!(reason, "operations_timeout_stopped: the clock is in doubt");
            } else if let Err(error) = self.run_time_out().await {
                tracing::error!(error = &error as &dyn std::error::Error, "operations_timeout_failed");
            }
            tokio::time::sleep(every).await;
        }
    }

    /// One run, noted as the task's last.
    async fn run_time_out(&self) -> Result<()> {
        let started_at = self.ledger().now();
        let outcome = self.time_out_operations().await;
        let last = LastRun {
            started_at,
            ended_at: self.ledger().now(),
            error: outcome.as_ref().err().map(ToString::to_string),
            report: outcome.as_ref().ok().cloned(),
        };
        let body = serde_json::to_string(&last).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "a task's run cannot be written", error)
        })?;
        let noted = self.ledger().store().put_transient(
            Table::TaskRun,
            Row { key: TASK_KEY.into(), body },
            Expected::Anything,
        );
        noted.await?;
        outcome.map(|_| ())
    }

    /// Ends the operations that were begun more than the policy's timeout ago, the oldest first and at most as many as
    /// the policy says. An operation that cannot enter the ledger, because its keys are another entry's, holds up none
    /// of the others: it leaves an entry that says so. Any other error ends the run, and the next goes on from there.
    pub async fn time_out_operations(&self) -> Result<TimeOutReport> {
        let policy = self.ledger().inner.policy.operations;
        let now = self.ledger().now();
        let timeout_micros =
            i64::try_from(policy.timeout_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let cutoff_micros = now.micros().saturating_sub(timeout_micros);
        let limit = policy.timed_out_max.saturating_add(1);
        let mut due = self.ledger().store().rows(Table::Operation, BY_TIME, None, limit).await?;
        due.retain(|row| time_and_id(&row.key).is_none_or(|(begun_at, _)| begun_at.micros() < cutoff_micros));
        let mut report = TimeOutReport { more: due.len() == limit, ..TimeOutReport::default() };
        due.truncate(policy.timed_out_max);
        let mut group = Group::default();
        for row in due {
            self.gather(row.key, now, &mut group, &mut report).await?;
            if group.is_full() {
                self.end_group(std::mem::take(&mut group), &mut report).await?;
            }
        }
        self.end_group(group, &mut report).await?;
        Ok(report)
    }

    /// Takes the operation of a row by time into the group.
    async fn gather(
        &self,
        due: String,
        now: Timestamp,
        group: &mut Group,
        report: &mut TimeOutReport,
    ) -> Result<()> {
        let body = match time_and_id(&due) {
            Some((begun_at, id)) => self.pending_body(id).await?.map(|body| (begun_at, id, body)),
            None => None,
        };
        let Some((begun_at, id, body)) = body else {
            // It has ended since. Where it had not, this row leads nowhere and would be found for ever.
            group.rows.push(RowChange::Delete(Table::Operation, due));
            return Ok(());
        };
        let read = Pending::read(id, &body).and_then(|pending| {
            let event = pending.operation.time_out(now).map_err(super::invalid)?;
            Ok((pending, event))
        });
        match read {
            // A second row by time, of a beginning that was repeated before its answer.
            Ok((pending, _)) if pending.begun_at != begun_at => {
                group.rows.push(RowChange::Delete(Table::Operation, due));
            }
            Ok((pending, event)) => {
                group.bytes += event.bytes();
                group.rows.extend(pending.delete());
                group.events.push(event.into());
                group.ids.push(pending.id);
            }
            Err(error) => {
                let details = json!({ "begun_at": begun_at, "row_sha256": body_sha256(&body) });
                self.refuse(id, delete(id, begun_at), details, &error).await?;
                report.refused += 1;
            }
        }
        Ok(())
    }

    async fn end_group(&self, group: Group, report: &mut TimeOutReport) -> Result<()> {
        if group.rows.is_empty() {
            return Ok(());
        }
        let Group { ids, events, rows, bytes } = group;
        match self.submit(Work { events, rows, ..Work::default() }, bytes, None).await {
            Ok((placed, _)) => report.timed_out += placed.len() as u64,
            // One of them cannot enter, or has been completed meanwhile: each by itself, so that it holds up no other.
            Err(error) if is_of_the_event(&error) => {
                for id in ids {
                    self.end_one(&id, report).await?;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn end_one(&self, id: &str, report: &mut TimeOutReport) -> Result<()> {
        let Some(key) = key_of(id) else { return Ok(()) };
        let _alone = self.inner.operations.of(&key).lock().await;
        let Some(pending) = self.pending(id).await? else { return Ok(()) };
        let event = pending.operation.time_out(self.ledger().now()).map_err(super::invalid)?;
        let bytes = event.bytes();
        let work = Work { events: vec![event.into()], rows: pending.delete(), ..Work::default() };
        match self.submit(work, bytes, None).await {
            Ok(_) => report.timed_out += 1,
            Err(error) if is_of_the_event(&error) && self.has_entry(&pending).await? => {
                // Its end is in the ledger already, so only the rows are left over.
                self.submit(Work { rows: pending.delete(), ..Work::default() }, 0, None).await?;
            }
            Err(error) if is_of_the_event(&error) => {
                self.refuse(id, pending.delete(), details_of(&pending), &error).await?;
                report.refused += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether the entry with the operation's event id is the end of an operation.
    async fn has_entry(&self, pending: &Pending) -> Result<bool> {
        let keys = pending.operation.event().keys().event.into_iter().collect();
        let Some(row) = self.ledger().store().keys(keys).await?.pop().flatten() else { return Ok(false) };
        let entry = self.ledger().show(row.seq).await?;
        Ok(entry.is_some_and(|entry| {
            EntryFields::parse(&entry.line).is_ok_and(|fields| fields.started_at.is_some())
        }))
    }

    /// The operation leaves the table, and an entry says that and why.
    async fn refuse(&self, id: &str, rows: Vec<RowChange>, mut details: Value, error: &Error) -> Result<()> {
        let reasons = error.violations().iter().map(ToString::to_string);
        let reason = std::iter::once(error.to_string()).chain(reasons).collect::<Vec<_>>().join("; ");
        tracing::warn!(id, reason, "operation_refused: it cannot enter the ledger");
        details["reason"] = json!(reason);
        let target = ("operation", id);
        self.state_change("operation.refused", &Actor::system(), target, details, rows, None).await?;
        Ok(())
    }
}

/// Whether it is the event that is refused, and not the ledger that cannot take any.
fn is_of_the_event(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Invalid)
}

fn details_of(pending: &Pending) -> Value {
    let event = pending.operation.event();
    json!({
        "tenant": event.tenant(), "event_id": event.event_id(), "stream": event.stream(),
        "source": event.source(), "external_id": event.external_id(),
        "started_at": event.occurred_at(), "begun_at": pending.begun_at,
        "event_sha256": body_sha256(&pending.text),
    })
}

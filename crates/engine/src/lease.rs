//! Leases: of the processes that work on one store, one does a piece of background work.
//!
//! A lease is a row with its holder and until when it holds. Who finds it free or expired takes it, with the next number,
//! in one compare-and-swap; who holds it renews it in the same way. Time only decides when others may take it: whether
//! it is still held is what the row says, and a commit that depends on it names the row. So a holder whose clock is slow,
//! or that was suspended, stores nothing once another has taken the lease.

use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Expected, ExpectedRow, Row, Table};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;

/// A lease holds so long after it was taken or renewed: what others wait for when its holder died.
const LEASE_MICROS: i64 = 60 * 1_000_000;
/// Time between two renewals.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(20);

/// Who does a piece of work, until when, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaseRow {
    /// The process.
    pub(crate) holder: String,
    /// Grows whenever the lease is taken.
    pub(crate) number: u64,
    /// When it was taken.
    pub(crate) since: Timestamp,
    /// From then on others may take it.
    pub(crate) until: Timestamp,
    /// What its holder was doing when it renewed it.
    pub(crate) step: Option<Step>,
}

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is being done.
    pub name: String,
    /// So many entries are.
    pub done: u64,
    /// Of so many, if that is known.
    pub total: Option<u64>,
}

/// A lease that this process took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    key: &'static str,
    number: u64,
}

impl Ledger {
    /// The lease with this key, with the body of its row.
    pub(crate) async fn lease(&self, key: &str) -> Result<Option<(LeaseRow, String)>> {
        let Some(body) = self.row_body(Table::Lease, key).await? else { return Ok(None) };
        let row = serde_json::from_str(&body).map_err(|error| corrupt_row("lease", key, error))?;
        Ok(Some((row, body)))
    }
}

impl Engine {
    /// Takes a lease that is free, has expired, or is this process's from a run that was dropped. Held by another it is
    /// a [`ErrorKind::Conflict`] that says by whom and until when.
    pub(crate) async fn take_lease(&self, key: &'static str) -> Result<Lease> {
        let now = self.ledger().now();
        let (number, expected) = match self.ledger().lease(key).await? {
            None => (1, Expected::Nothing),
            Some((row, _)) if row.until > now && row.holder != self.inner.process => {
                return Err(held_by_another(&row));
            }
            Some((row, body)) => (row.number + 1, Expected::Body(body)),
        };
        let row = LeaseRow {
            holder: self.inner.process.clone(),
            number,
            since: now,
            until: lease_end(now),
            step: None,
        };
        match self.put_lease(key, &row, expected).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let taken = self.ledger().lease(key).await?;
                Err(taken.map_or(error, |(row, _)| held_by_another(&row)))
            }
            put => put.map(|()| Lease { key, number }),
        }
    }

    /// The row of a lease of ours, as it is now. A [`ErrorKind::Conflict`] where another process has taken it.
    pub(crate) async fn held_lease(&self, lease: &Lease) -> Result<(LeaseRow, ExpectedRow)> {
        let found = self.ledger().lease(lease.key).await?;
        let ours = |row: &LeaseRow| row.number == lease.number && row.holder == self.inner.process;
        match found {
            Some((row, body)) if ours(&row) => {
                let (key, expected) = (lease.key.to_owned(), Expected::Body(body));
                Ok((row, ExpectedRow { table: Table::Lease, key, expected }))
            }
            other => {
                let by = other.map_or_else(|| "another".to_owned(), |(row, _)| row.holder);
                let message = format!("{by} took over the {} run: this one stopped where it was", lease.key);
                Err(Error::new(ErrorKind::Conflict, message))
            }
        }
    }

    /// Keeps a lease of ours for longer.
    pub(crate) async fn renew_lease(&self, lease: &Lease, step: Option<Step>) -> Result<()> {
        let (row, expected) = self.held_lease(lease).await?;
        let until = lease_end(self.ledger().now());
        self.put_lease(lease.key, &LeaseRow { until, step, ..row }, expected.expected).await
    }

    /// Lets others have a lease of ours at once.
    pub(crate) async fn give_back_lease(&self, lease: &Lease) -> Result<()> {
        let (row, expected) = self.held_lease(lease).await?;
        let until = self.ledger().now();
        self.put_lease(lease.key, &LeaseRow { until, step: None, ..row }, expected.expected).await
    }

    /// Ends the leases of processes that came before. For who knows that no other process works on this ledger, as
    /// whoever holds a data directory's lock does: without it a run waits for a lease whose holder was killed.
    pub async fn end_earlier_leases(&self) -> Result<()> {
        let now = self.ledger().now();
        for Row { key, body } in self.ledger().all_rows(Table::Lease, "").await? {
            let row: LeaseRow =
                serde_json::from_str(&body).map_err(|error| corrupt_row("lease", &key, error))?;
            if row.until > now && row.holder != self.inner.process {
                self.put_lease(&key, &LeaseRow { until: now, ..row }, Expected::Body(body)).await?;
            }
        }
        Ok(())
    }

    async fn put_lease(&self, key: &str, row: &LeaseRow, expected: Expected) -> Result<()> {
        let body = serde_json::to_string(row)
            .map_err(|error| Error::with_source(ErrorKind::Internal, "a lease cannot be written", error))?;
        let row = Row { key: key.to_owned(), body };
        Ok(self.ledger().store().put_transient(Table::Lease, row, expected).await?)
    }
}

fn lease_end(now: Timestamp) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_add(LEASE_MICROS)).unwrap_or(Timestamp::MAX)
}

fn held_by_another(LeaseRow { holder, since, until, .. }: &LeaseRow) -> Error {
    let message = format!(
        "an archive run is under way: {holder} began it at {since} and holds its lease until {until}"
    );
    Error::new(ErrorKind::Conflict, message)
}

/// A name for this process in leases.
pub(crate) fn process_name(random: [u8; 4]) -> String {
    format!("process {} ({:08x})", std::process::id(), u32::from_be_bytes(random))
}

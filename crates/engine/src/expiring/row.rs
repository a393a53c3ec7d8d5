//! The row of an expiry: committed before anything goes, completed when everything is gone.

use archive::{BatchId, ManifestRef};
use event::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Row, RowChange, Store, Table};

use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::all_rows;

/// A row of [`Table::Expired`]: one for each note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExpiredRow {
    pub(crate) batch: BatchId,
    /// Where the batch begins.
    pub(crate) first_seq: u64,
    /// The how-many-eth note of the batch, from 1.
    pub(crate) number: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) tree_size: u64,
    pub(crate) note: ManifestRef,
    /// Keys of the objects that go.
    pub(crate) objects: Vec<String>,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// When they were gone from every destination.
    pub(crate) ended_at: Option<Timestamp>,
}

impl ExpiredRow {
    /// Rows sort by batch, then by note.
    pub(crate) fn row_key(&self) -> String {
        format!("{:020}|{:06}", self.first_seq, self.number)
    }

    pub(crate) fn put(&self) -> Result<RowChange> {
        let body = serde_json::to_string(self).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "a row of expired objects cannot be written", error)
        })?;
        Ok(RowChange::Put(Table::Expired, Row { key: self.row_key(), body }))
    }
}

/// Every expiry, by batch and note.
pub(crate) async fn expired_rows(store: &dyn Store) -> Result<Vec<ExpiredRow>> {
    rows_with(store, "").await
}

/// The expiries of the batch that begins with this entry, by note.
pub(crate) async fn expired_rows_at(store: &dyn Store, first_seq: u64) -> Result<Vec<ExpiredRow>> {
    rows_with(store, &format!("{first_seq:020}|")).await
}

async fn rows_with(store: &dyn Store, prefix: &str) -> Result<Vec<ExpiredRow>> {
    let parse =
        |row: Row| serde_json::from_str(&row.body).map_err(|error| corrupt_row("expired", &row.key, error));
    all_rows(store, Table::Expired, prefix).await?.into_iter().map(parse).collect()
}

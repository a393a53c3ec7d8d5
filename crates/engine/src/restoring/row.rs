//! The row that says which entries are hot again, until when, and why: one for each transaction that put some back.

use std::ops::Range;

use event::{Filter, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Row, RowChange, Store, Table};

use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::all_rows;

/// A row of [`Table::Restored`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestoredRow {
    pub(crate) origin: Origin,
    /// First and last seq of each run, inclusive, in order.
    pub(crate) ranges: Vec<[u64; 2]>,
    /// The first archive run after this prunes them again.
    pub(crate) until: Timestamp,
    /// Who asked last.
    pub(crate) by: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// All of a batch.
    Batch(String),
    /// What a filter matched.
    Filter(Box<Filter>),
}

impl Origin {
    /// Type and id for the entry that says what was done.
    pub(crate) fn target(&self) -> (&'static str, String) {
        match self {
            Self::Batch(id) => ("batch", id.clone()),
            Self::Filter(filter) => {
                let fingerprint = u64::from_be_bytes(filter.fingerprint());
                ("filter", format!("{fingerprint:016x}"))
            }
        }
    }
}

impl RestoredRow {
    /// No two rows have an entry in common, so the first names the row.
    pub(crate) fn row_key(&self) -> String {
        format!("{:020}", self.ranges.first().map_or(0, |[first, _]| *first))
    }

    pub(crate) fn seqs(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges
            .iter()
            .filter(|[first, last]| first <= last)
            .map(|[first, last]| *first..last.saturating_add(1))
    }

    pub(crate) fn entries(&self) -> u64 {
        self.seqs().map(|range| range.end - range.start).sum()
    }

    pub(crate) fn put(&self) -> Result<RowChange> {
        let body = serde_json::to_string(self).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "a row of restored entries cannot be written", error)
        })?;
        Ok(RowChange::Put(Table::Restored, Row { key: self.row_key(), body }))
    }
}

/// Everything that is hot again, in the order of the rows' first entries.
pub(crate) async fn restored_rows(store: &dyn Store) -> Result<Vec<RestoredRow>> {
    let parse =
        |row: Row| serde_json::from_str(&row.body).map_err(|error| corrupt_row("restored", &row.key, error));
    all_rows(store, Table::Restored, "").await?.into_iter().map(parse).collect()
}

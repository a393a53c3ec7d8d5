//! What expired, for whoever looks for it.

use std::collections::{BTreeMap, BTreeSet};

use archive::{EXPIRY_NOTE_BYTES_MAX, ExpiryNote};
use event::Timestamp;

use super::row::{ExpiredRow, expired_rows, expired_rows_at};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::seq_set::SeqSet;

/// That an entry expired.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExpiredEntry {
    /// When it was decided.
    pub expired_at: Timestamp,
    /// The signed note, which has the entry's leaf hash; relative to each destination.
    pub note: String,
    /// The object that held it.
    pub object: String,
}

impl Ledger {
    /// Keys of the objects of a batch that are gone or about to go.
    pub(crate) async fn expired_objects_of(&self, batch: &str) -> Result<BTreeSet<String>> {
        let rows = self.expiries_of(batch).await?;
        Ok(rows.into_iter().flat_map(|row| row.objects).collect())
    }

    /// The same for the batch that begins with this entry.
    pub(crate) async fn expired_objects_at(&self, first_seq: u64) -> Result<BTreeSet<String>> {
        let rows = expired_rows_at(self.store(), first_seq).await?;
        Ok(rows.into_iter().flat_map(|row| row.objects).collect())
    }

    async fn expiries_of(&self, batch: &str) -> Result<Vec<ExpiredRow>> {
        let mut rows = expired_rows(self.store()).await?;
        rows.retain(|row| row.batch.as_str() == batch);
        Ok(rows)
    }

    /// The seqs of a batch's entries that are gone or about to go.
    pub(crate) async fn expired_seqs_of(&self, batch: &str) -> Result<SeqSet> {
        let mut seqs = SeqSet::default();
        for row in self.expiries_of(batch).await? {
            let note = self.expiry_note(&row).await?;
            let runs = note.objects.iter().flat_map(|object| &object.seqs);
            runs.for_each(|[first, last]| seqs.insert(*first..last.saturating_add(1)));
        }
        Ok(seqs)
    }

    /// How an entry of a batch expired, if it did.
    pub(crate) async fn expired_entry(&self, batch: &str, seq: u64) -> Result<Option<ExpiredEntry>> {
        let objects = self.objects_of(batch).await?;
        let spans: BTreeMap<&str, _> =
            objects.iter().map(|object| (object.key.as_str(), object.first_seq..=object.last_seq)).collect();
        let may_hold = |key: &String| spans.get(key.as_str()).is_some_and(|span| span.contains(&seq));
        for row in self.expiries_of(batch).await?.iter().filter(|row| row.objects.iter().any(may_hold)) {
            let note = self.expiry_note(row).await?;
            let holds = |[first, last]: &[u64; 2]| (*first..=*last).contains(&seq);
            if let Some(object) = note.objects.iter().find(|object| object.seqs.iter().any(holds)) {
                return Ok(Some(ExpiredEntry {
                    expired_at: row.created_at,
                    note: row.note.key.clone(),
                    object: object.key.clone(),
                }));
            }
        }
        Ok(None)
    }

    /// The note of an expiry, from whichever destination has it.
    async fn expiry_note(&self, row: &ExpiredRow) -> Result<ExpiryNote> {
        let mut failed = None;
        for destination in &self.inner.destinations {
            let bytes = match destination.read_at_most(&row.note.key, EXPIRY_NOTE_BYTES_MAX).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    failed = Some(Error::from(error));
                    continue;
                }
            };
            if archive::Digest::of(&bytes) == row.note.sha256
                && let Ok(note) = ExpiryNote::open(&bytes, &self.inner.keys)
            {
                return Ok(note);
            }
        }
        Err(failed.unwrap_or_else(|| {
            let message = format!("no destination has the expiry note {} as it was written", row.note.key);
            Error::new(ErrorKind::Corrupt, message)
        }))
    }
}

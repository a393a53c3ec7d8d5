//! Reading single entries from the archive, held against the tree.

use archive::{Destination, ManifestObject, read_lines};
use merkle::{TILE_WIDTH, TileId, leaf_hash};
use store::Table;

use crate::archiving::BatchRow;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;

/// An archived entry and the object that holds it.
pub(crate) struct ColdEntry {
    pub(crate) line: Vec<u8>,
    pub(crate) object: String,
}

/// The key of an object's row.
pub(crate) fn object_row_key(batch: &str, object: &str) -> String {
    format!("{batch}|{object}")
}

impl Ledger {
    /// The archived batch that covers an entry.
    pub(crate) async fn batch_of(&self, seq: u64) -> Result<Option<BatchRow>> {
        let batches = self.batch_rows().await?;
        Ok(batches
            .into_iter()
            .find(|row| row.is_complete() && row.plan.first_seq <= seq && seq <= row.plan.last_seq))
    }

    /// Reads one entry from the archive; the line is believed only when the tree has its leaf hash.
    pub(crate) async fn cold_entry(&self, batch: &BatchRow, seq: u64) -> Result<Option<ColdEntry>> {
        let objects = self.objects_of(batch.plan.id.as_str()).await?;
        let mut last_error = None;
        for destination in &self.inner.destinations {
            match self.find_in(destination, &objects, seq).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => last_error = Some(error),
            }
        }
        match last_error {
            Some(error) => Err(error),
            None if self.inner.destinations.is_empty() => {
                Err(Error::new(ErrorKind::Unavailable, "no archive destination is configured"))
            }
            None => Ok(None),
        }
    }

    pub(crate) async fn objects_of(&self, batch: &str) -> Result<Vec<ManifestObject>> {
        let rows = self.all_rows(Table::Object, &object_row_key(batch, "")).await?;
        let parse = |row: store::Row| {
            serde_json::from_str(&row.body).map_err(|error| corrupt_row("object", &row.key, error))
        };
        rows.into_iter().map(parse).collect()
    }

    async fn find_in(
        &self,
        destination: &Destination,
        objects: &[ManifestObject],
        seq: u64,
    ) -> Result<Option<ColdEntry>> {
        for object in objects.iter().filter(|object| object.first_seq <= seq && seq <= object.last_seq) {
            for (found, line) in read_lines(destination, object, seq..=seq).await? {
                if found == seq {
                    self.check_leaf(seq, &line).await?;
                    return Ok(Some(ColdEntry { line, object: object.key.clone() }));
                }
            }
        }
        Ok(None)
    }

    async fn check_leaf(&self, seq: u64, line: &[u8]) -> Result<()> {
        let tile = TileId { level: 0, number: seq / TILE_WIDTH };
        if self.tile_set([tile]).await?.leaf(seq) == Some(leaf_hash(line)) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Corrupt,
            format!("entry-changed: the archived entry {seq} is not the tree's"),
        ))
    }
}

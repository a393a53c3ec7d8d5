//! What is at the destinations and belongs to no batch.

use archive::Orphan;
use event::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::ledger::Ledger;

/// An object that no manifest at its destination names. It is told and never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrphanedObject {
    /// The destination's name.
    pub destination: String,
    /// Where it is, relative to the destination.
    pub key: String,
    /// Stored bytes.
    pub bytes: u64,
    /// When it came to be, by the clock of the place, where that says so.
    pub last_modified: Option<Timestamp>,
    /// Seconds since then.
    pub age_seconds: Option<u64>,
}

impl Ledger {
    /// The objects that no manifest names, by destination and key. Those of a batch in the making are not among them.
    pub async fn orphans(&self) -> Result<Vec<OrphanedObject>> {
        let rows = self.batch_rows().await?;
        let writing: Vec<_> =
            rows.into_iter().filter(|row| !row.is_complete()).map(|row| row.plan.id).collect();
        let now = self.now();
        let mut found = Vec::new();
        for destination in &self.inner.destinations {
            let orphans = archive::orphans(destination, &self.inner.keys, &writing).await?;
            found.extend(orphans.into_iter().map(|Orphan { key, bytes, last_modified }| {
                let age_seconds = last_modified.map(|then| {
                    u64::try_from(now.micros().saturating_sub(then.micros()) / 1_000_000).unwrap_or(0)
                });
                let destination = destination.name().to_owned();
                OrphanedObject { destination, key, bytes, last_modified, age_seconds }
            }));
        }
        Ok(found)
    }
}

//! One entry: its line, its proof state and where it lives.

use merkle::{TILE_WIDTH, TileId, leaf_hash};

use crate::error::Result;
use crate::ledger::Ledger;

/// One entry, looked at closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEntry {
    /// Its place.
    pub seq: u64,
    /// Its canonical line; empty when the entry was discarded.
    pub line: Vec<u8>,
    /// Hex leaf hash of the line.
    pub leaf_hash: String,
    /// Size of the newest signed checkpoint, where that covers the entry.
    pub signed_size: Option<u64>,
    /// Where it is: `hot`, `cold`; `discarded` when there is no copy left.
    pub tiers: Vec<&'static str>,
    /// The batch that archived it.
    pub batch: Option<String>,
    /// The object it was read from, when it is no longer hot.
    pub object: Option<String>,
}

impl Ledger {
    /// One entry, hot or archived; `None` where there never was one.
    pub async fn show(&self, seq: u64) -> Result<Option<ShownEntry>> {
        if seq >= self.tree_size() {
            return Ok(None);
        }
        let hot = self.store().entries_at(vec![seq]).await?.pop();
        let batch = self.batch_of(seq).await?;
        let mut tiers = Vec::new();
        if hot.is_some() {
            tiers.push("hot");
        }
        if batch.is_some() {
            tiers.push("cold");
        }
        let (line, object) = match (hot, &batch) {
            (Some(entry), _) => (entry.line, None),
            (None, Some(batch)) => match self.cold_entry(batch, seq).await? {
                Some(cold) => (cold.line, Some(cold.object)),
                None => return Ok(None),
            },
            (None, None) => return self.shown_discarded(seq).await,
        };
        let signed_size =
            self.checkpoint().await?.map(|checkpoint| checkpoint.size).filter(|size| seq < *size);
        Ok(Some(ShownEntry {
            seq,
            leaf_hash: leaf_hash(&line).to_string(),
            line,
            signed_size,
            tiers,
            batch: batch.map(|row| row.plan.id.to_string()),
            object,
        }))
    }

    /// What is left of an entry that was discarded: its leaf hash, in the tree.
    async fn shown_discarded(&self, seq: u64) -> Result<Option<ShownEntry>> {
        let Some(batch) = self.discarded_batch_of(seq).await? else { return Ok(None) };
        let tile = TileId { level: 0, number: seq / TILE_WIDTH };
        let Some(leaf) = self.tile_set([tile]).await?.leaf(seq) else { return Ok(None) };
        let signed_size = self.checkpoint().await?.map(|checkpoint| checkpoint.size);
        Ok(Some(ShownEntry {
            seq,
            leaf_hash: leaf.to_string(),
            line: Vec::new(),
            signed_size: signed_size.filter(|size| seq < *size),
            tiers: vec!["discarded"],
            batch: Some(batch.plan.id.to_string()),
            object: None,
        }))
    }
}

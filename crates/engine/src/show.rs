//! One entry: its line, its proof state and where it lives.

use merkle::{TILE_WIDTH, TileId, leaf_hash};

use crate::error::Result;
use crate::expiring::ExpiredEntry;
use crate::ledger::Ledger;

/// One entry, looked at closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEntry {
    /// Its place.
    pub seq: u64,
    /// Its canonical line; empty when the entry was discarded or has expired.
    pub line: Vec<u8>,
    /// How it expired, if it did.
    pub expired: Option<ExpiredEntry>,
    /// Hex leaf hash of the line; of one that expired as the tree has it.
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
        let mut expired = None;
        let (line, object, leaf) = match (hot, &batch) {
            (Some(entry), _) => (Some(entry.line), None, None),
            (None, Some(batch)) => {
                expired = self.expired_entry(batch.plan.id.as_str(), seq).await?;
                if expired.is_some() {
                    tiers.clear();
                    (None, None, self.tree_leaf(seq).await?)
                } else {
                    match self.cold_entry(batch, seq).await? {
                        Some(cold) => (Some(cold.line), Some(cold.object), None),
                        None => return Ok(None),
                    }
                }
            }
            (None, None) => return self.shown_discarded(seq).await,
        };
        let leaf = line.as_deref().map(leaf_hash).or(leaf);
        let signed_size =
            self.checkpoint().await?.map(|checkpoint| checkpoint.size).filter(|size| seq < *size);
        Ok(Some(ShownEntry {
            seq,
            leaf_hash: leaf.map(|leaf| leaf.to_string()).unwrap_or_default(),
            line: line.unwrap_or_default(),
            expired,
            signed_size,
            tiers,
            batch: batch.map(|row| row.plan.id.to_string()),
            object,
        }))
    }

    /// What is left of an entry that was discarded: its leaf hash, in the tree.
    async fn shown_discarded(&self, seq: u64) -> Result<Option<ShownEntry>> {
        let Some(batch) = self.discarded_batch_of(seq).await? else { return Ok(None) };
        let Some(leaf) = self.tree_leaf(seq).await? else { return Ok(None) };
        let signed_size = self.checkpoint().await?.map(|checkpoint| checkpoint.size);
        Ok(Some(ShownEntry {
            seq,
            leaf_hash: leaf.to_string(),
            line: Vec::new(),
            expired: None,
            signed_size: signed_size.filter(|size| seq < *size),
            tiers: vec!["discarded"],
            batch: Some(batch.plan.id.to_string()),
            object: None,
        }))
    }

    /// The leaf hash of a signed entry.
    async fn tree_leaf(&self, seq: u64) -> Result<Option<merkle::Hash>> {
        let tile = TileId { level: 0, number: seq / TILE_WIDTH };
        Ok(self.tile_set([tile]).await?.leaf(seq))
    }
}

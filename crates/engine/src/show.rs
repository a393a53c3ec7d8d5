//! One entry: its line, its proof state and where it lives.

use merkle::leaf_hash;

use crate::error::Result;
use crate::ledger::Ledger;

/// One entry, looked at closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEntry {
    /// Its place.
    pub seq: u64,
    /// Its canonical line.
    pub line: Vec<u8>,
    /// Hex leaf hash of the line.
    pub leaf_hash: String,
    /// Size of the newest signed checkpoint, where that covers the entry.
    pub signed_size: Option<u64>,
    /// Where it is: `hot`, `cold`.
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
            (None, None) => return Ok(None),
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
}

//! The completed batches and their objects, in memory. What is recorded never changes, so nothing here is ever stale.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use archive::ManifestObject;
use store::Table;

use crate::archiving::BatchRow;
use crate::error::{Error, ErrorKind, Result, corrupt_row};
use crate::ledger::Ledger;

/// Batch rows read at once.
const ROWS_AT_ONCE: usize = 1_000;
/// Objects kept in memory, at about 400 bytes each; those of the batches that were loaded first go first.
const OBJECTS_MAX: usize = 100_000;

/// A batch's objects, by key.
pub(crate) type Objects = Arc<[Arc<ManifestObject>]>;

/// A completed batch, as a search knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColdBatch {
    pub(crate) id: String,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    row_key: String,
    objects: u64,
}

impl ColdBatch {
    pub(crate) fn seqs(&self) -> Range<u64> {
        self.first_seq..self.last_seq.saturating_add(1)
    }

    /// The seqs of `part` that nobody can read any more, though their proofs are kept: of a batch that lists no object,
    /// because it was discarded, all.
    pub(crate) fn unavailable(&self, part: &Range<u64>) -> Option<[u64; 2]> {
        (self.objects == 0 && !part.is_empty()).then(|| [part.start, part.end - 1])
    }
}

/// What a process knows of the catalogue so far.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The unbroken run of completed batches from seq 0.
    batches: Vec<Arc<ColdBatch>>,
    objects: HashMap<u64, Objects>,
    /// The batches whose objects are kept, by first seq, the longest kept first.
    loaded: VecDeque<u64>,
    loaded_objects: usize,
}

impl Known {
    fn keep(&mut self, first_seq: u64, objects: Objects) {
        if self.objects.contains_key(&first_seq) {
            return;
        }
        self.loaded_objects += objects.len();
        self.objects.insert(first_seq, objects);
        self.loaded.push_back(first_seq);
        while self.loaded_objects > OBJECTS_MAX && self.loaded.len() > 1 {
            let Some(oldest) = self.loaded.pop_front() else { break };
            self.loaded_objects -= self.objects.remove(&oldest).map_or(0, |objects| objects.len());
        }
    }
}

impl Ledger {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.inner.catalogue.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The completed batches that hold the range, ascending. That they do not hold all of it is an error: what is not
    /// hot has to be there.
    pub(crate) async fn cold_batches(&self, range: &Range<u64>) -> Result<Vec<Arc<ColdBatch>>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let is_known =
            |known: &Known| known.batches.last().is_some_and(|last| last.last_seq + 1 >= range.end);
        let enough = is_known(&self.known());
        if !enough {
            self.learn_batches().await?;
        }
        let known = self.known();
        if !is_known(&known) {
            let first = known.batches.last().map_or(0, |last| last.last_seq + 1).max(range.start);
            let message = format!(
                "entry-missing: entry {first} is neither hot nor in the catalogue of batches: run verify"
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        let from = known.batches.partition_point(|batch| batch.last_seq < range.start);
        let batches = known.batches[from..].iter().take_while(|batch| batch.first_seq < range.end);
        Ok(batches.cloned().collect())
    }

    /// Reads the rows of the batches after the last one that is known.
    async fn learn_batches(&self) -> Result<()> {
        loop {
            let after = self.known().batches.last().map(|batch| batch.row_key.clone());
            let rows = self.store().rows(Table::Batch, "", after.as_deref(), ROWS_AT_ONCE).await?;
            let ended = rows.len() < ROWS_AT_ONCE;
            let mut learned = Vec::with_capacity(rows.len());
            for row in rows {
                let batch: BatchRow =
                    serde_json::from_str(&row.body).map_err(|error| corrupt_row("batch", &row.key, error))?;
                let objects = match &batch.completed {
                    Some(completed) => completed.objects,
                    None if batch.is_discarded() => 0,
                    None => break,
                };
                learned.push(ColdBatch {
                    id: batch.plan.id.to_string(),
                    first_seq: batch.plan.first_seq,
                    last_seq: batch.plan.last_seq,
                    row_key: row.key,
                    objects,
                });
            }
            let stopped = ended || learned.len() < ROWS_AT_ONCE;
            let mut known = self.known();
            for batch in learned {
                let next = known.batches.last().map_or(0, |last| last.last_seq + 1);
                // Another search may have learned it meanwhile; after a gap nothing is believed.
                if batch.first_seq == next && batch.last_seq >= next {
                    known.batches.push(Arc::new(batch));
                }
            }
            if stopped {
                return Ok(());
            }
        }
    }

    /// The objects of a completed batch, by key.
    pub(crate) async fn cold_objects(&self, batch: &ColdBatch) -> Result<Objects> {
        if let Some(objects) = self.known().objects.get(&batch.first_seq) {
            return Ok(objects.clone());
        }
        let objects: Objects = self.objects_of(&batch.id).await?.into_iter().map(Arc::new).collect();
        if objects.len() as u64 != batch.objects {
            let message = format!(
                "state-mismatch: the catalogue lists {} objects of batch {}, which has {}: run verify",
                objects.len(),
                batch.id,
                batch.objects
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        self.known().keep(batch.first_seq, objects.clone());
        Ok(objects)
    }
}

//! The hot entries of a batch, checked and compressed into the staging directory.

use std::sync::Arc;

use archive::{BatchPlan, BatchWriter, StagedBatch, StagingLimits};
use event::EntryFields;
use merkle::TileSet;
use store::Entry;
use tokio::sync::mpsc;

use crate::cold::term_rows::BatchTerms;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::chunk_of;
use crate::progress::Progress;

impl Engine {
    /// Writes the batch's objects into the staging directory, checking each line against the tree on the way:
    /// a damaged hot copy must not become the archive's truth.
    pub(super) async fn stage(
        &self,
        plan: &BatchPlan,
        tiles: &Arc<TileSet>,
        progress: &dyn Progress,
    ) -> Result<(StagedBatch, BatchTerms)> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (plan_of_writer, directory, tiles) = (plan.clone(), self.inner.staging.clone(), tiles.clone());
        // A short queue: reading is ahead of compressing by a few chunks, not by the whole batch.
        let (chunks, mut queued) = mpsc::channel::<Vec<Entry>>(2);
        let writing = tokio::task::spawn_blocking(move || -> Result<_> {
            let limits = StagingLimits::default();
            let mut writer = BatchWriter::create(plan_of_writer, &directory, limits, threads)?;
            let mut terms = BatchTerms::default();
            while let Some(entries) = queued.blocking_recv() {
                for Entry { seq, line } in &entries {
                    if tiles.leaf(*seq) != Some(merkle::leaf_hash(line)) {
                        let message =
                            format!("entry-changed: entry {seq} is not what was signed: run verify");
                        return Err(Error::new(ErrorKind::Corrupt, message));
                    }
                    let fields = EntryFields::of_written(line).map_err(|error| {
                        let message = format!("entry-changed: the line of entry {seq} cannot be read");
                        Error::with_source(ErrorKind::Corrupt, message, error)
                    })?;
                    let (recorded, occurred) = (fields.recorded_at, fields.occurred_at);
                    writer.push(*seq, fields.stream, &fields.tenant, recorded, occurred, line)?;
                    terms.push(&fields, line.len());
                }
            }
            Ok((writer.finish()?, terms.finish()))
        });
        progress.begin("staging", Some(plan.entries()));
        let read = self.read_range(plan, &chunks, progress).await;
        drop(chunks);
        let staged = writing
            .await
            .map_err(|error| Error::with_source(ErrorKind::Internal, "staging was interrupted", error))?;
        progress.end();
        // What went wrong with reading is the cause; that the writer then lacked entries only follows from it.
        let staged = read.and(staged);
        if staged.is_err() {
            // The next try stages anew; what is left of this one would only take room, perhaps the room that it lacked.
            let _ = std::fs::remove_dir_all(self.inner.staging.join(plan.id.as_str()));
        }
        staged
    }

    async fn read_range(
        &self,
        plan: &BatchPlan,
        chunks: &mpsc::Sender<Vec<Entry>>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut next = plan.first_seq;
        while next < plan.size() {
            let scan = chunk_of(next..plan.size());
            let entries = self.ledger().store().entries(scan).await?;
            if entries.is_empty() {
                return Err(Error::new(ErrorKind::Corrupt, format!("entry-missing: entry {next} is gone")));
            }
            for entry in &entries {
                if entry.seq != next {
                    return Err(Error::new(
                        ErrorKind::Corrupt,
                        format!("entry-missing: entry {next} is gone"),
                    ));
                }
                next += 1;
            }
            progress.advance(entries.len() as u64);
            if chunks.send(entries).await.is_err() {
                // The writer has stopped; its own error says why.
                return Ok(());
            }
        }
        Ok(())
    }
}

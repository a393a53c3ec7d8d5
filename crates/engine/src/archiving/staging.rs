//! The hot entries of a batch, checked and compressed into the staging directory.

use std::sync::Arc;

use archive::{BatchPlan, BatchWriter, Destination, Recipients, StagedBatch, StagingLimits};
use event::EntryFields;
use merkle::TileSet;
use store::Entry;
use tokio::sync::mpsc;

use super::adopting::Published;
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
        let recipients = self.recipients()?.cloned();
        // A short queue: reading is ahead of compressing by a few chunks, not by the whole batch.
        let (chunks, mut queued) = mpsc::channel::<Vec<Entry>>(2);
        let writing = tokio::task::spawn_blocking(move || -> Result<_> {
            let limits = StagingLimits::default();
            let mut writer = BatchWriter::create(plan_of_writer, &directory, limits, threads)?;
            let mut terms = BatchTerms::default();
            if let Some(recipients) = recipients {
                writer = writer.encrypt_to(recipients);
            }
            while let Some(entries) = queued.blocking_recv() {
                for Entry { seq, line } in &entries {
                    let fields = checked_fields(&tiles, *seq, line)?;
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

    /// What an earlier attempt at this plan has staged, whole and as it was; of a batch whose manifest is published, only
    /// if that names the same objects.
    pub(super) async fn resume_staged(
        &self,
        plan: &BatchPlan,
        published: Option<&Published>,
    ) -> Result<Option<StagedBatch>> {
        let recipients = self.recipients()?.cloned();
        let (wanted, directory) = (plan.clone(), self.inner.staging.clone());
        let resumed = move || StagedBatch::resume(&wanted, &directory, recipients.as_ref());
        let staged = tokio::task::spawn_blocking(resumed)
            .await
            .map_err(|error| Error::with_source(ErrorKind::Internal, "staging was interrupted", error))?;
        let fits = |staged: &StagedBatch| {
            published.is_none_or(|published| published.manifest.objects == staged.objects)
        };
        let staged = staged.filter(fits);
        if let Some(staged) = &staged {
            tracing::info!(batch = %plan.id, objects = staged.objects.len(), "audit_archive_staging_resumed");
        }
        Ok(staged)
    }

    /// The terms of a batch that was staged by an earlier attempt: its entries are hot still.
    pub(super) async fn terms_of(
        &self,
        plan: &BatchPlan,
        tiles: &Arc<TileSet>,
        progress: &dyn Progress,
    ) -> Result<BatchTerms> {
        let tiles = tiles.clone();
        let (chunks, mut queued) = mpsc::channel::<Vec<Entry>>(2);
        let collecting = tokio::task::spawn_blocking(move || -> Result<_> {
            let mut terms = BatchTerms::default();
            while let Some(entries) = queued.blocking_recv() {
                for Entry { seq, line } in &entries {
                    terms.push(&checked_fields(&tiles, *seq, line)?, line.len());
                }
            }
            Ok(terms.finish())
        });
        progress.begin("indexing", Some(plan.entries()));
        let read = self.read_range(plan, &chunks, progress).await;
        drop(chunks);
        let terms = collecting
            .await
            .map_err(|error| Error::with_source(ErrorKind::Internal, "indexing was interrupted", error))?;
        progress.end();
        read.and(terms)
    }

    /// Removes what is staged of a batch that is recorded.
    pub(super) fn remove_staged(&self, plan: &BatchPlan) -> Result<()> {
        let directory = self.inner.staging.join(plan.id.as_str());
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("cannot clear the staging directory {}", directory.display());
                Err(Error::with_source(ErrorKind::Unavailable, message, error))
            }
            _ => Ok(()),
        }
    }

    /// To whom objects are encrypted. One manifest names the objects of all destinations, so it is one answer.
    fn recipients(&self) -> Result<Option<&Recipients>> {
        let mut all = self.ledger().inner.destinations.iter().map(Destination::recipients);
        let first = all.next().flatten();
        if all.all(|other| other == first) {
            return Ok(first);
        }
        let message = "the archive destinations are to be encrypted to different recipients: \
                       give all of them the same archive.#.encrypt_to";
        Err(Error::new(ErrorKind::Invalid, message))
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

/// The fields of a line that is the tree's.
fn checked_fields<'a>(tiles: &TileSet, seq: u64, line: &'a [u8]) -> Result<EntryFields<'a>> {
    if tiles.leaf(seq) != Some(merkle::leaf_hash(line)) {
        let message = format!("entry-changed: entry {seq} is not what was signed: run verify");
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    EntryFields::of_written(line).map_err(|error| {
        let message = format!("entry-changed: the line of entry {seq} cannot be read");
        Error::with_source(ErrorKind::Corrupt, message, error)
    })
}

//! One run. A failure before the batch is recorded leaves the hot copy untouched and the plan resumable; a failure
//! after it resumes at pruning.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use archive::{
    BatchId, BatchPlan, BatchWriter, Destination, Manifest, ManifestObject, StagedBatch, StagingLimits,
    publish_manifest, reread, tiles_of_batch, write_log_copy,
};
use event::EntryFields;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use merkle::{Hash, TILE_WIDTH, TileId, TileSet};
use serde_json::json;
use store::{Entry, Row, RowChange, Table};
use tokio::sync::mpsc;

use super::batch::{BatchRow, Completed};
use super::{ArchiveReport, ArchiveRun};
use crate::actor::Actor;
use crate::cold::object_row_key;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::chunk_of;
use crate::progress::Progress;

/// Objects that are read back at once; each keeps one thread busy.
const OBJECTS_AT_ONCE: usize = 4;

impl Engine {
    pub(super) async fn archive_once(
        &self,
        run: &ArchiveRun,
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<ArchiveReport> {
        let started = Instant::now();
        let _one_at_a_time = self.inner.archiving.lock().await;
        let ledger = self.ledger();
        if !run.forced && !ledger.inner.policy.archive_enabled {
            return Err(Error::new(ErrorKind::Refused, "archive runs are switched off (retention.enabled)"));
        }
        if ledger.inner.destinations.is_empty() {
            let message = "no archive destination is configured: add an [[archive]] section to the settings";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let cutoff = ledger.cutoff(run)?;
        let mut report =
            ArchiveReport { cutoff: Some(cutoff), dry_run: run.dry_run, ..ArchiveReport::default() };
        let rows = ledger.batch_rows().await?;
        if run.dry_run {
            let range = self.select(run, &rows, &mut report).await?;
            report.archived = range.end - range.start;
            report.ok = true;
        } else {
            self.finish_earlier(&rows, actor, progress, &mut report).await?;
            let rows = ledger.batch_rows().await?;
            self.clear_staging(&rows)?;
            let range = self.select(run, &rows, &mut report).await?;
            if !range.is_empty() {
                let row = self.plan_batch(&range, &rows, actor).await?;
                self.complete(row, actor, progress, &mut report).await?;
            }
            self.expire_keys().await?;
            report.ok = true;
        }
        report.duration_ms = started.elapsed().as_millis() as u64;
        tracing::info!(
            considered = report.considered,
            archived = report.archived,
            verified = report.verified,
            pruned = report.pruned,
            batches = report.batches,
            bytes = report.bytes,
            duration_ms = report.duration_ms,
            dry_run = report.dry_run,
            "audit_retention_completed"
        );
        Ok(report)
    }

    /// The range that a new batch would have.
    async fn select(
        &self,
        run: &ArchiveRun,
        rows: &[BatchRow],
        report: &mut ArchiveReport,
    ) -> Result<Range<u64>> {
        let ledger = self.ledger();
        // Only what is under a signed checkpoint may be archived and pruned.
        let signed = if run.dry_run {
            ledger.checkpoint().await?.map_or(0, |checkpoint| checkpoint.size)
        } else {
            self.checkpoint().await?.size
        };
        let first = rows.last().map_or(0, |row| row.plan.last_seq + 1);
        let Some(cutoff) = report.cutoff else { return Ok(first..first) };
        let range = ledger.older_than(first, signed, cutoff).await?;
        let entries_max = run.limit.unwrap_or(u64::MAX).min(ledger.inner.policy.entries_max);
        let range = range.start..range.end.min(range.start.saturating_add(entries_max));
        if !run.forced && ledger.only_receipts(range.clone()).await? {
            return Ok(first..first);
        }
        report.considered += range.end - range.start;
        Ok(range)
    }

    /// Batches that an earlier run planned or proved and did not finish.
    async fn finish_earlier(
        &self,
        rows: &[BatchRow],
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        for row in rows {
            if row.is_complete() {
                self.prune_batch(row, actor, progress, report).await?;
            } else {
                report.considered += row.plan.entries();
                self.complete(row.clone(), actor, progress, report).await?;
            }
        }
        Ok(())
    }

    /// Removes what completed batches left staged: those whose run ended between recording them and cleaning up.
    fn clear_staging(&self, rows: &[BatchRow]) -> Result<()> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot clear the staging directory {}", self.inner.staging.display());
            Error::with_source(ErrorKind::Unavailable, message, error)
        };
        let staged = match std::fs::read_dir(&self.inner.staging) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            staged => staged.map_err(failed)?,
        };
        for directory in staged {
            let directory = directory.map_err(failed)?;
            let name = directory.file_name();
            if rows.iter().any(|row| row.is_complete() && name == row.plan.id.as_str()) {
                std::fs::remove_dir_all(directory.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Commits the plan before anything is written, so that there is exactly one manifest for the range, ever.
    async fn plan_batch(&self, range: &Range<u64>, rows: &[BatchRow], actor: &Actor) -> Result<BatchRow> {
        let created_at = self.ledger().inner.clock.now();
        let previous = match rows.last() {
            None => None,
            Some(BatchRow { completed: Some(completed), .. }) => Some(completed.manifest.clone()),
            Some(BatchRow { completed: None, .. }) => {
                return Err(Error::new(ErrorKind::Internal, "the batch before is not complete"));
            }
        };
        let plan = BatchPlan {
            id: BatchId::new(created_at, self.random()),
            origin: self.ledger().identity().origin.clone(),
            created_at,
            first_seq: range.start,
            last_seq: range.end - 1,
            previous,
        };
        let row = BatchRow { plan, completed: None };
        let details = json!({ "first_seq": row.plan.first_seq, "last_seq": row.plan.last_seq });
        let id = row.plan.id.to_string();
        self.state_change("archive.batch.planned", actor, ("batch", &id), details, vec![row.put()?], None)
            .await?;
        Ok(row)
    }

    /// From a committed plan to a recorded batch, then pruning.
    async fn complete(
        &self,
        row: BatchRow,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let plan = row.plan.clone();
        let tiles = self.tiles_for(&plan).await?;
        self.check_tiles(&plan, &tiles).await?;
        let staged = self.stage(&plan, &tiles, progress).await?;
        report.batch = Some(plan.id.to_string());
        for destination in &self.ledger().inner.destinations {
            progress.begin("writing", Some(plan.entries()));
            staged.upload(destination, &UploadProgress(progress)).await?;
            progress.end();
        }
        report.archived += plan.entries();
        report.unverified += plan.entries();
        for destination in &self.ledger().inner.destinations {
            self.prove(destination, &plan, &staged.objects, &tiles, progress).await?;
        }
        report.unverified -= plan.entries();
        report.verified += plan.entries();
        let completed = self.publish(&plan, &staged.objects, &tiles).await?;
        report.batches += 1;
        report.bytes += completed.bytes;
        report.bytes_uncompressed += completed.bytes_uncompressed;
        let row = self.record(row, completed, &staged.objects, actor).await?;
        staged.remove_staging()?;
        self.prune_batch(&row, actor, progress, report).await
    }

    /// The leaf hashes of the range and what the log copy and the root need: 32 bytes an entry.
    async fn tiles_for(&self, plan: &BatchPlan) -> Result<TileSet> {
        let leaves = (plan.first_seq / TILE_WIDTH..=plan.last_seq / TILE_WIDTH)
            .map(|number| TileId { level: 0, number });
        let copy = tiles_of_batch(plan.first_seq, plan.size()).into_iter().map(|(tile, _)| tile);
        let edges = [TileSet::needed_for_range(plan.first_seq), TileSet::needed_for_range(plan.size())];
        let mut needed: std::collections::BTreeSet<TileId> = leaves.chain(copy).collect();
        needed.extend(edges.into_iter().flatten());
        self.ledger().tile_set(needed).await
    }

    /// The stored tiles must lead from the leaves to the root at the batch's end, and that root must be part of the
    /// tree that was signed: what the batch's own checkpoint signs is nothing new. The signed root is the one in
    /// memory, not the store's row.
    async fn check_tiles(&self, plan: &BatchPlan, tiles: &TileSet) -> Result<()> {
        let wrong =
            |what: String| Error::new(ErrorKind::Corrupt, format!("tile-mismatch: {what}: run verify"));
        let signed = self.inner.checkpointer.newest().await;
        let signed = signed
            .filter(|signed| signed.size >= plan.size())
            .ok_or_else(|| wrong(format!("nothing that covers entry {} is signed", plan.last_seq)))?;
        let mut range = tiles.compact_range(plan.first_seq)?;
        for seq in plan.first_seq..plan.size() {
            range.append(tiles.leaf(seq).ok_or_else(|| wrong(format!("there is no leaf {seq}")))?);
        }
        let root = tiles.root(plan.size())?;
        if range.root() != root {
            return Err(wrong("the tiles above the batch's leaves do not follow from them".into()));
        }
        let between = TileSet::needed_for_consistency(plan.size(), signed.size)?;
        let proof = self.ledger().tile_set(between).await?.consistency_proof(plan.size(), signed.size)?;
        let signed_root = Hash::from_base64(&signed.root).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the signed root cannot be read", error)
        })?;
        merkle::verify_consistency(plan.size(), signed.size, &proof, &root, &signed_root).map_err(|error| {
            wrong(format!("the tree at the batch's end is not part of the signed one ({error})"))
        })
    }

    /// Writes the batch's objects into the staging directory, checking each line against the tree on the way:
    /// a damaged hot copy must not become the archive's truth.
    async fn stage(&self, plan: &BatchPlan, tiles: &TileSet, progress: &dyn Progress) -> Result<StagedBatch> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (plan_of_writer, directory) = (plan.clone(), self.inner.staging.clone());
        // A short queue: reading is ahead of compressing by a few chunks, not by the whole batch.
        let (chunks, mut queued) = mpsc::channel::<Vec<Entry>>(2);
        let writing = tokio::task::spawn_blocking(move || -> Result<StagedBatch> {
            let limits = StagingLimits::default();
            let mut writer = BatchWriter::create(plan_of_writer, &directory, limits, threads)?;
            while let Some(entries) = queued.blocking_recv() {
                for Entry { seq, line } in &entries {
                    let fields = EntryFields::parse(line).map_err(|error| {
                        let message = format!("entry-changed: the line of entry {seq} cannot be read");
                        Error::with_source(ErrorKind::Corrupt, message, error)
                    })?;
                    let (recorded, occurred) = (fields.recorded_at, fields.occurred_at);
                    writer.push(*seq, fields.stream, &fields.tenant, recorded, occurred, line)?;
                }
            }
            Ok(writer.finish()?)
        });
        progress.begin("staging", Some(plan.entries()));
        let read = self.read_range(plan, tiles, &chunks, progress).await;
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
        tiles: &TileSet,
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
                if tiles.leaf(next) != Some(merkle::leaf_hash(&entry.line)) {
                    let message = format!("entry-changed: entry {next} is not what was signed: run verify");
                    return Err(Error::new(ErrorKind::Corrupt, message));
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

    /// Reads every object back and compares each entry with the tree; every seq of the range exactly once.
    async fn prove(
        &self,
        destination: &Destination,
        plan: &BatchPlan,
        objects: &[ManifestObject],
        tiles: &TileSet,
        progress: &dyn Progress,
    ) -> Result<()> {
        let wrong = |reason: &str, seq: u64| {
            let message =
                format!("{reason}: entry {seq} in the copy at {} is not the tree's", destination.name());
            Error::new(ErrorKind::Corrupt, message)
        };
        progress.begin("proving", Some(plan.entries()));
        let mut proven = vec![false; plan.entries() as usize];
        // Several at once, in order: hashing one overlaps with reading the next.
        // Boxed, because the compiler cannot tell that a stream of borrowing futures may move between threads.
        let read = |object| async move { (object, reread(destination, object).await) }.boxed();
        let contents: Vec<BoxFuture<'_, _>> = objects.iter().map(read).collect();
        let mut contents = stream::iter(contents).buffered(OBJECTS_AT_ONCE);
        while let Some((object, content)) = contents.next().await {
            for (seq, leaf) in content?.leaves {
                let slot = seq.checked_sub(plan.first_seq).and_then(|offset| proven.get_mut(offset as usize));
                match slot {
                    Some(proven) if !*proven && tiles.leaf(seq) == Some(leaf) => *proven = true,
                    Some(true) => return Err(wrong("entry-duplicate", seq)),
                    _ => return Err(wrong("entry-changed", seq)),
                }
            }
            progress.advance(object.entries);
        }
        progress.end();
        match proven.iter().position(|proven| !proven) {
            Some(offset) => Err(wrong("entry-missing", plan.first_seq + offset as u64)),
            None => Ok(()),
        }
    }

    /// Tiles, checkpoint and, last, the manifest, at every destination.
    async fn publish(
        &self,
        plan: &BatchPlan,
        objects: &[ManifestObject],
        tiles: &TileSet,
    ) -> Result<Completed> {
        let checkpoint = plan.checkpoint(tiles.root(plan.size())?);
        let unsigned =
            |error| Error::with_source(ErrorKind::Internal, "the batch could not be signed", error);
        let note = checkpoint.sign(&self.inner.signer).map_err(unsigned)?;
        let copy = copy_of_tiles(plan, tiles)?;
        let manifest = Manifest::new(plan, objects.to_vec(), note.clone(), BTreeMap::new());
        let signed = manifest.sign(&self.inner.signer)?;
        let mut published = None;
        for destination in &self.ledger().inner.destinations {
            write_log_copy(destination, &copy, &checkpoint, &note).await?;
            published = Some(publish_manifest(destination, &signed, &self.ledger().inner.keys).await?);
        }
        let manifest = published
            .ok_or_else(|| Error::new(ErrorKind::Internal, "no destination has the batch's manifest"))?;
        Ok(Completed {
            archived_at: self.ledger().inner.clock.now(),
            manifest,
            objects: objects.len() as u64,
            bytes: objects.iter().map(|object| object.bytes).sum(),
            bytes_uncompressed: objects.iter().map(|object| object.bytes_uncompressed).sum(),
        })
    }

    /// The batch, its objects and the entry that says so, in one commit.
    async fn record(
        &self,
        row: BatchRow,
        completed: Completed,
        objects: &[ManifestObject],
        actor: &Actor,
    ) -> Result<BatchRow> {
        let id = row.plan.id.to_string();
        let details = json!({
            "first_seq": row.plan.first_seq,
            "last_seq": row.plan.last_seq,
            "entries": row.plan.entries(),
            "objects": completed.objects,
            "bytes": completed.bytes,
            "bytes_uncompressed": completed.bytes_uncompressed,
            "manifest": completed.manifest,
            "destinations": self.ledger().inner.destinations.iter().map(Destination::name).collect::<Vec<_>>(),
        });
        let row = BatchRow { completed: Some(completed), ..row };
        let mut changes = vec![row.put()?];
        for object in objects {
            let body = serde_json::to_string(object).map_err(|error| {
                Error::with_source(ErrorKind::Internal, "an object row cannot be written", error)
            })?;
            changes.push(RowChange::Put(Table::Object, Row { key: object_row_key(&id, &object.key), body }));
        }
        self.state_change("archive.batch.completed", actor, ("batch", &id), details, changes, None).await?;
        Ok(row)
    }
}

/// The log copy's tiles, each cut to the width that it has at the end of the batch.
fn copy_of_tiles(plan: &BatchPlan, tiles: &TileSet) -> Result<Vec<(TileId, u16, Vec<u8>)>> {
    tiles_of_batch(plan.first_seq, plan.size())
        .into_iter()
        .map(|(id, width)| {
            let mut bytes = tiles.tile_bytes(&id).ok_or(merkle::TreeError::TileMissing(id))?;
            bytes.truncate(usize::from(width) * Hash::LENGTH);
            Ok((id, width, bytes))
        })
        .collect()
}

/// Objects that were written, told as entries.
struct UploadProgress<'a>(&'a dyn Progress);

impl archive::Progress for UploadProgress<'_> {
    fn object(&self, _bytes: u64, entries: u64) {
        self.0.advance(entries);
    }
}

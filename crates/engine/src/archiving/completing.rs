//! From a committed plan to a recorded batch: staged, written, proven, published, recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use archive::{
    BatchPlan, Destination, Manifest, ManifestObject, copy_objects, publish_manifest, tiles_of_batch,
    write_log_copy,
};
use merkle::{Hash, TILE_WIDTH, TileId, TileSet};
use serde_json::json;
use store::{Row, RowChange, Table};

use super::ArchiveReport;
use super::adopting::Published;
use super::batch::{BatchRow, Completed};
use crate::actor::Actor;
use crate::cold::object_row_key;
use crate::cold::term_rows::BatchTerms;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

impl Engine {
    /// From a committed plan to a recorded batch, then pruning.
    pub(super) async fn complete(
        &self,
        row: BatchRow,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        self.ledger().refuse_mixing(std::slice::from_ref(&row))?;
        if row.discarding.is_some() {
            return self.discard(row, actor, progress, report).await;
        }
        let plan = row.plan.clone();
        let tiles = Arc::new(self.tiles_for(&plan).await?);
        self.check_tiles(&plan, &tiles).await?;
        report.batch = Some(plan.id.to_string());
        let published = self.published_manifest(&plan, &tiles).await?;
        let (objects, terms) = self.write(&plan, published.as_ref(), &tiles, progress).await?;
        report.archived += plan.entries();
        report.unverified += plan.entries();
        for destination in &self.ledger().inner.destinations {
            let unread = self.prove(destination, &plan, &objects, &tiles, progress).await?;
            report.unread = report.unread.max(unread);
            let (batch, at) = (plan.id.as_str(), destination.name());
            tracing::info!(batch, destination = at, entries = plan.entries(), "audit_archive_verified");
        }
        report.unverified -= plan.entries();
        report.verified += plan.entries();
        progress.begin("publishing", None);
        let completed = self.publish(&plan, &objects, published, &tiles).await?;
        progress.end();
        report.batches += 1;
        report.bytes += completed.bytes;
        report.bytes_uncompressed += completed.bytes_uncompressed;
        let row = self.record(row, completed, &objects, &terms, actor).await?;
        self.remove_staged(&plan)?;
        self.prune_batch(&row, actor, progress, report).await
    }

    /// Brings the batch's objects to every destination: those that a published manifest names, or those that are staged,
    /// now or by an earlier attempt.
    async fn write(
        &self,
        plan: &BatchPlan,
        published: Option<&Published>,
        tiles: &Arc<TileSet>,
        progress: &dyn Progress,
    ) -> Result<(Vec<ManifestObject>, BatchTerms)> {
        let destinations = &self.ledger().inner.destinations;
        let staged = self.resume_staged(plan, published).await?;
        let (staged, terms) = match (staged, published) {
            (None, Some(published)) => {
                let objects = &published.manifest.objects;
                for destination in destinations {
                    self.may_go_on().await?;
                    progress.begin("copying", Some(plan.entries()));
                    let (staging, told) = (&self.inner.staging, UploadProgress(progress));
                    copy_objects(plan, objects, destinations, destination, staging, &told).await?;
                    progress.end();
                }
                return Ok((objects.clone(), self.terms_of(plan, tiles, progress).await?));
            }
            (Some(staged), _) => (staged, self.terms_of(plan, tiles, progress).await?),
            (None, None) => self.stage(plan, tiles, progress).await?,
        };
        for destination in destinations {
            self.may_go_on().await?;
            progress.begin("writing", Some(plan.entries()));
            staged.upload(destination, &UploadProgress(progress)).await?;
            progress.end();
            let (batch, to) = (plan.id.as_str(), destination.name());
            tracing::info!(batch, destination = to, entries = plan.entries(), "audit_archive_written");
        }
        Ok((staged.objects, terms))
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
    async fn check_tiles(&self, plan: &BatchPlan, tiles: &Arc<TileSet>) -> Result<()> {
        let signed = self.inner.checkpointer.newest().await;
        let signed = signed.filter(|signed| signed.size >= plan.size()).ok_or_else(|| {
            tile_mismatch(&format!("nothing that covers entry {} is signed", plan.last_seq))
        })?;
        // A hash for each entry of the batch: nothing to keep those waiting who append.
        let (tiles, first_seq, size) = (tiles.clone(), plan.first_seq, plan.size());
        let root = tokio::task::spawn_blocking(move || root_of_leaves(&tiles, first_seq, size));
        let root = root.await.map_err(|error| {
            Error::with_source(ErrorKind::Internal, "checking the tree was interrupted", error)
        })??;
        let between = TileSet::needed_for_consistency(plan.size(), signed.size)?;
        let proof = self.ledger().tile_set(between).await?.consistency_proof(plan.size(), signed.size)?;
        let signed_root = Hash::from_base64(&signed.root).map_err(|error| {
            Error::with_source(ErrorKind::Internal, "the signed root cannot be read", error)
        })?;
        merkle::verify_consistency(plan.size(), signed.size, &proof, &root, &signed_root).map_err(|error| {
            tile_mismatch(&format!("the tree at the batch's end is not part of the signed one ({error})"))
        })
    }

    /// Tiles, checkpoint and, last, the manifest, at every destination: the one that is there at any of them, or a new
    /// one.
    async fn publish(
        &self,
        plan: &BatchPlan,
        objects: &[ManifestObject],
        published: Option<Published>,
        tiles: &TileSet,
    ) -> Result<Completed> {
        let checkpoint = plan.checkpoint(tiles.root(plan.size())?);
        let unsigned =
            |error| Error::with_source(ErrorKind::Internal, "the batch could not be signed", error);
        let (checkpoint_note, note) = if let Some(published) = published {
            (published.manifest.checkpoint, published.note)
        } else {
            let checkpoint_note = checkpoint.sign(&self.inner.signer).map_err(unsigned)?;
            let manifest = Manifest::new(plan, objects.to_vec(), checkpoint_note.clone(), BTreeMap::new());
            (checkpoint_note, manifest.sign(&self.inner.signer)?)
        };
        let copy = copy_of_tiles(plan, tiles)?;
        let mut manifest = None;
        for destination in &self.ledger().inner.destinations {
            self.may_go_on().await?;
            write_log_copy(destination, &copy, &checkpoint, &checkpoint_note).await?;
            self.may_go_on().await?;
            manifest = Some(publish_manifest(destination, &note, &self.ledger().inner.keys).await?);
        }
        let manifest = manifest
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
        terms: &BatchTerms,
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
        changes.extend(terms.rows(&id, objects)?);
        self.change_of_run("archive.batch.completed", actor, ("batch", &id), details, changes, None).await?;
        tracing::info!(batch = id, objects = objects.len(), "audit_archive_recorded");
        Ok(row)
    }
}

fn tile_mismatch(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("tile-mismatch: {what}: run verify"))
}

/// The root at `size`, to which both the leaves from `first_seq` on and the tiles above them lead.
fn root_of_leaves(tiles: &TileSet, first_seq: u64, size: u64) -> Result<Hash> {
    let mut range = tiles.compact_range(first_seq)?;
    for seq in first_seq..size {
        range.append(tiles.leaf(seq).ok_or_else(|| tile_mismatch(&format!("there is no leaf {seq}")))?);
    }
    let root = tiles.root(size)?;
    if range.root() != root {
        return Err(tile_mismatch("the tiles above the batch's leaves do not follow from them"));
    }
    Ok(root)
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

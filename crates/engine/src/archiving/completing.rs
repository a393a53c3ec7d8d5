//! From a committed plan to a recorded batch: staged, written, proven, published, recorded.

use std::collections::BTreeMap;

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
        let plan = row.plan.clone();
        let tiles = self.tiles_for(&plan).await?;
        self.check_tiles(&plan, &tiles).await?;
        report.batch = Some(plan.id.to_string());
        let published = self.published_manifest(&plan, &tiles).await?;
        let objects = self.write(&plan, published.as_ref(), &tiles, progress).await?;
        report.archived += plan.entries();
        report.unverified += plan.entries();
        for destination in &self.ledger().inner.destinations {
            let unread = self.prove(destination, &plan, &objects, &tiles, progress).await?;
            report.unread = report.unread.max(unread);
        }
        report.unverified -= plan.entries();
        report.verified += plan.entries();
        let completed = self.publish(&plan, &objects, published, &tiles).await?;
        report.batches += 1;
        report.bytes += completed.bytes;
        report.bytes_uncompressed += completed.bytes_uncompressed;
        let row = self.record(row, completed, &objects, actor).await?;
        self.remove_staged(&plan)?;
        self.prune_batch(&row, actor, progress, report).await
    }

    /// Brings the batch's objects to every destination: those that a published manifest names, or those that are staged,
    /// now or by an earlier attempt.
    async fn write(
        &self,
        plan: &BatchPlan,
        published: Option<&Published>,
        tiles: &TileSet,
        progress: &dyn Progress,
    ) -> Result<Vec<ManifestObject>> {
        let destinations = &self.ledger().inner.destinations;
        let staged = self.resume_staged(plan, published).await?;
        let staged = match (staged, published) {
            (None, Some(published)) => {
                let objects = &published.manifest.objects;
                for destination in destinations {
                    progress.begin("copying", Some(plan.entries()));
                    let (staging, told) = (&self.inner.staging, UploadProgress(progress));
                    copy_objects(plan, objects, destinations, destination, staging, &told).await?;
                    progress.end();
                }
                return Ok(objects.clone());
            }
            (Some(staged), _) => staged,
            (None, None) => self.stage(plan, tiles, progress).await?,
        };
        for destination in destinations {
            progress.begin("writing", Some(plan.entries()));
            staged.upload(destination, &UploadProgress(progress)).await?;
            progress.end();
        }
        Ok(staged.objects)
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
            write_log_copy(destination, &copy, &checkpoint, &checkpoint_note).await?;
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

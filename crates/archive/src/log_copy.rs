//! The archive's copy of the tree: tiles and checkpoints under `log/`, in the layout of C2SP tlog-tiles.

use bytes::Bytes;
use futures::stream::{self, TryStreamExt as _};
use merkle::{Checkpoint, KeyRing, TILE_HEIGHT, TILE_WIDTH, TileId};

use crate::destination::Destination;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::key::{BATCHES_DIRECTORY, MANIFEST_SUFFIX, checkpoint_key, tile_key};
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::plan::ManifestRef;

/// Tiles that are written or read at once; they are small, so waiting dominates.
pub(crate) const TILES_AT_ONCE: usize = 16;

/// The tiles a batch adds to the copy, with their widths: those a log of `size` leaves serves and a log of
/// `first_seq` leaves did not, from level 0 upwards.
pub fn tiles_of_batch(first_seq: u64, size: u64) -> Vec<(TileId, u16)> {
    let mut tiles = Vec::new();
    for level in 0_u8.. {
        let shift = u32::from(TILE_HEIGHT) * u32::from(level);
        let (before, after) = match (first_seq.checked_shr(shift), size.checked_shr(shift)) {
            (Some(before), Some(after)) if after > 0 => (before, after),
            _ => break,
        };
        if after <= before {
            continue;
        }
        for number in before / TILE_WIDTH..=(after - 1) / TILE_WIDTH {
            let width = (after - number * TILE_WIDTH).min(TILE_WIDTH);
            tiles.push((TileId { level, number }, width as u16));
        }
    }
    tiles
}

/// Writes a batch's tiles ([`tiles_of_batch`]; each the concatenated hashes) and then its checkpoint note,
/// create-only. May be repeated. Comes after the objects and before the manifest.
pub async fn write_log_copy(
    destination: &Destination,
    tiles: &[(TileId, u16, Vec<u8>)],
    checkpoint: &Checkpoint,
    checkpoint_note: &str,
) -> Result<()> {
    stream::iter(tiles.iter().map(Ok::<_, Error>))
        .try_for_each_concurrent(TILES_AT_ONCE, |(tile, width, bytes)| async move {
            destination.put_new(&tile_key(*tile, *width), Bytes::copy_from_slice(bytes)).await.map(|_| ())
        })
        .await?;
    let note = Bytes::copy_from_slice(checkpoint_note.as_bytes());
    destination.put_new(&checkpoint_key(checkpoint.size), note).await.map(|_| ())
}

/// Writes a batch's manifest, create-only, and reads it back. This is the batch's commit point: everything
/// the manifest names must be at the destination and re-read before. The note is opened first exactly as a
/// verifier will, so nothing is committed that would not verify.
pub async fn publish_manifest(destination: &Destination, note: &str, keys: &KeyRing) -> Result<ManifestRef> {
    let manifest = Manifest::open(note.as_bytes(), keys)
        .map_err(|problem| Error::Invalid(format!("the manifest would not verify: {problem}")))?;
    let key = manifest.key();
    // A manifest that no reader would take must not come to be: it could never be replaced.
    if note.len() as u64 > MANIFEST_BYTES_MAX {
        let message =
            format!("the manifest of {} objects is over {MANIFEST_BYTES_MAX} bytes", manifest.objects.len());
        return Err(Error::Invalid(message));
    }
    destination.put_new(&key, Bytes::copy_from_slice(note.as_bytes())).await?;
    let stored = destination.read_at_most(&key, MANIFEST_BYTES_MAX).await?;
    if stored != note.as_bytes() {
        return Err(Error::Conflict { destination: destination.name().to_owned(), key });
    }
    Ok(ManifestRef { key, sha256: Digest::of(note.as_bytes()) })
}

/// Which batches are in a destination, in the order of their keys, unread.
pub async fn list_manifests(destination: &Destination) -> Result<Vec<String>> {
    let listed = destination.list(BATCHES_DIRECTORY).await?;
    Ok(listed.into_iter().map(|(key, _)| key).filter(|key| key.ends_with(MANIFEST_SUFFIX)).collect())
}

//! The tree of the entries read so far, and the archive's copy of it under `log/`.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use merkle::{CompactRange, Hash, KeyRing, TILE_HEIGHT, TILE_WIDTH, TileId, TileSet, TreeError};

use super::chain::Link;
use super::listing::Listing;
use crate::destination::Destination;
use crate::error::{Error, Result};
use crate::key::{LOG_CHECKPOINT_DIRECTORY, checkpoint_key, tile_key};
use crate::log_copy::TILES_AT_ONCE;
use crate::problem::{Problem, Reason};

/// A full tile: 256 hashes.
const TILE_BYTES_MAX: u64 = TILE_WIDTH * Hash::LENGTH as u64;

/// A checkpoint note; witnesses may have added their lines.
const CHECKPOINT_BYTES_MAX: u64 = 64 << 10;

/// The tree as far as it is rebuilt from the entries.
#[derive(Default)]
pub(super) struct Log {
    tiles: TileSet,
    size: u64,
}

impl Log {
    /// Takes up the tree where an earlier verification left it. The range gives the roots; the hashes below
    /// them, which the next tiles continue, come from the archive's copy and must give the same range.
    pub(super) async fn resume(
        destination: &Destination,
        range: &CompactRange,
    ) -> Result<Result<Self, Problem>> {
        let size = range.size();
        let mut tiles = TileSet::new();
        for tile in TileSet::needed_for_range(size) {
            let width = width_at(tile, size);
            let key = tile_key(tile, width);
            let Some(bytes) = fetch(destination, &key, TILE_BYTES_MAX).await? else {
                return Ok(Err(missing_tile(tile, &key)));
            };
            if bytes.len() != usize::from(width) * Hash::LENGTH || tiles.insert_bytes(tile, &bytes).is_err() {
                let message = "it does not have the size its name says";
                return Ok(Err(Problem::at(Reason::TileMismatch, first_leaf(tile), &key, message)));
            }
        }
        if tiles.compact_range(size).map_err(internal)? != *range {
            let message = format!("the tiles at size {size} are not those of the earlier verification");
            return Ok(Err(Problem::general(Reason::TileMismatch, Some(0), message)));
        }
        Ok(Ok(Self { tiles, size }))
    }

    pub(super) fn range(&self) -> Result<CompactRange> {
        self.tiles.compact_range(self.size).map_err(internal)
    }

    /// Fills in the leaves of entries that were not read, because they are encrypted, from the copy's tiles. That the
    /// tree then leads to the signed root shows the tiles to be the ledger's; what the objects hold it does not show.
    pub(super) async fn complete(
        &self,
        destination: &Destination,
        link: &Link,
        leaves: Vec<Option<Hash>>,
    ) -> Result<Result<Vec<Hash>, Problem>> {
        if let Some(all) = leaves.iter().copied().collect() {
            return Ok(Ok(all));
        }
        let mut tiles = TileSet::new();
        let numbers = link.first_seq / TILE_WIDTH..link.size.div_ceil(TILE_WIDTH);
        let unread = |tile: &TileId| {
            let first = (tile.number * TILE_WIDTH).max(link.first_seq);
            let end = ((tile.number + 1) * TILE_WIDTH).min(link.size);
            let (first, end) = (first - link.first_seq, end - link.first_seq);
            leaves[first as usize..end as usize].iter().any(Option::is_none)
        };
        let needed: Vec<TileId> = numbers.map(|number| TileId { level: 0, number }).filter(unread).collect();
        let mut found = stream::iter(needed)
            .map(|tile| async move {
                let width = width_at(tile, link.size);
                let key = tile_key(tile, width);
                let bytes = fetch(destination, &key, TILE_BYTES_MAX).await?;
                let whole = bytes.filter(|bytes| bytes.len() == usize::from(width) * Hash::LENGTH);
                Ok::<_, Error>((tile, key, whole))
            })
            .buffered(TILES_AT_ONCE);
        while let Some((tile, key, bytes)) = found.try_next().await? {
            let inserted = bytes.map(|bytes| tiles.insert_bytes(tile, &bytes).is_ok());
            if inserted != Some(true) {
                return Ok(Err(missing_tile(tile, &key)));
            }
        }
        let filled = (link.first_seq..).zip(leaves).map(|(seq, leaf)| leaf.or_else(|| tiles.leaf(seq)));
        let all: Option<Vec<Hash>> = filled.collect();
        all.map(Ok).ok_or_else(|| Error::Internal("a tile of the archive has too few hashes".to_owned()))
    }

    /// Appends leaves; gives the tiles that are new or wider.
    pub(super) fn extend(&mut self, leaves: &[Hash]) -> Result<BTreeSet<TileId>> {
        let changed = self.tiles.extend(self.size, leaves).map_err(internal)?;
        self.size += leaves.len() as u64;
        Ok(changed)
    }

    /// The root at the present size, or at an earlier one since the last [`Self::forget`].
    pub(super) fn root_at(&self, size: u64) -> Result<Hash> {
        self.tiles.root(size).map_err(internal)
    }

    /// Drops what the tree does not need in order to grow.
    pub(super) fn forget(&mut self) {
        self.tiles.retain_edge(self.size);
    }

    /// Compares the copy's tiles with the tree and takes them off the listing.
    pub(super) async fn check_tiles(
        &self,
        destination: &Destination,
        changed: BTreeSet<TileId>,
        listing: &mut Listing,
    ) -> Result<Vec<Problem>> {
        let mut expected = Vec::with_capacity(changed.len());
        for tile in changed {
            let key = tile_key(tile, width_at(tile, self.size));
            listing.take(&key);
            expected.push((tile, key));
        }
        let found: Vec<Option<Problem>> = stream::iter(expected)
            .map(|(tile, key)| self.check_tile(destination, tile, key))
            .buffered(TILES_AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn check_tile(
        &self,
        destination: &Destination,
        tile: TileId,
        key: String,
    ) -> Result<Option<Problem>> {
        let Some(bytes) = fetch(destination, &key, TILE_BYTES_MAX).await? else {
            return Ok(Some(missing_tile(tile, &key)));
        };
        let expected = self.tiles.tile(&tile).unwrap_or_default();
        let (stored, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
        let same = expected.iter().zip(stored).take_while(|(hash, stored)| hash.0 == **stored).count();
        if same == expected.len() && stored.len() == same && rest.is_empty() {
            return Ok(None);
        }
        let seq = first_leaf(tile) + ((same as u64) << (u32::from(TILE_HEIGHT) * u32::from(tile.level)));
        let message = format!("hash {same} of {} is not that of the archived entries", expected.len());
        Ok(Some(Problem::at(Reason::TileMismatch, seq, &key, message)))
    }
}

/// Checks the copy of a batch's checkpoint and takes it off the listing. It is the note in the manifest,
/// unless others have signed it too.
pub(super) async fn check_checkpoint(
    destination: &Destination,
    keys: &KeyRing,
    link: &Link,
    listing: &mut Listing,
) -> Result<Option<Problem>> {
    let key = checkpoint_key(link.size);
    listing.take(&key);
    let problem = |reason, message: String| Some(Problem::at(reason, link.first_seq, &key, message));
    let Some(bytes) = fetch(destination, &key, CHECKPOINT_BYTES_MAX).await? else {
        return Ok(problem(Reason::ObjectMissing, "the batch's checkpoint is not there".to_owned()));
    };
    if bytes == link.checkpoint.as_bytes() {
        return Ok(None);
    }
    Ok(match keys.open_checkpoint(&bytes) {
        Err(error) => problem(Reason::CheckpointSignatureInvalid, error.to_string()),
        Ok(found) if (found.size, found.root) != (link.size, link.root) => {
            let message = format!("size {} and root {}, not the batch's", found.size, found.root);
            problem(Reason::RootMismatch, message)
        }
        Ok(_) => None,
    })
}

/// Looks at checkpoints no manifest accounts for. One that is signed and larger than every batch says that
/// there were more entries than these.
pub(super) async fn check_other_checkpoints(
    destination: &Destination,
    keys: &KeyRing,
    claimed: u64,
    covered: u64,
    listing: &mut Listing,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let names = listing.matching(|key| key.starts_with(LOG_CHECKPOINT_DIRECTORY));
    for key in names {
        let Some(size) =
            key[LOG_CHECKPOINT_DIRECTORY.len()..].parse().ok().filter(|size| checkpoint_key(*size) == key)
        else {
            continue;
        };
        let Some(bytes) = fetch(destination, &key, CHECKPOINT_BYTES_MAX).await? else { continue };
        match keys.open_checkpoint(&bytes) {
            Err(error) => {
                let seq = covered.min(size);
                problems.push(Problem::at(Reason::CheckpointSignatureInvalid, seq, &key, error.to_string()));
            }
            Ok(found) if found.size != size => {
                let message = format!("it is a checkpoint of size {}", found.size);
                problems.push(Problem::at(Reason::RootMismatch, covered.min(size), &key, message));
            }
            Ok(_) if size > claimed => {
                let message = format!(
                    "a signed checkpoint of size {size}, and the manifests end at {claimed}: \
                     either a batch was cut off, or its archive run has not finished"
                );
                problems.push(Problem::at(Reason::LogTruncated, claimed, &key, message));
            }
            // Signed and inside what is covered, but of no batch: it stays on the listing as unlisted.
            Ok(_) => continue,
        }
        listing.take(&key);
    }
    Ok(problems)
}

/// How many hashes a tile has in a tree of this size.
fn width_at(tile: TileId, size: u64) -> u16 {
    let hashes = size.checked_shr(u32::from(TILE_HEIGHT) * u32::from(tile.level)).unwrap_or(0);
    hashes.saturating_sub(tile.number * TILE_WIDTH).min(TILE_WIDTH) as u16
}

/// The first leaf below a tile.
fn first_leaf(tile: TileId) -> u64 {
    tile.number << (u32::from(TILE_HEIGHT) * (u32::from(tile.level) + 1)).min(63)
}

fn missing_tile(tile: TileId, key: &str) -> Problem {
    Problem::at(Reason::TileMismatch, first_leaf(tile), key, "the tile is missing or not whole")
}

/// A small file; `None` where there is none. One that is too large is as wrong as an empty one.
async fn fetch(destination: &Destination, key: &str, bytes_max: u64) -> Result<Option<bytes::Bytes>> {
    match destination.read_at_most(key, bytes_max).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::TooLarge { .. }) => Ok(Some(bytes::Bytes::new())),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn internal(error: TreeError) -> Error {
    Error::Internal(format!("the tree of the archived entries: {error}"))
}

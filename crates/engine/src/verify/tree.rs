//! The entries and their tree: every seq is hot or receipted as pruned, every leaf is the signed one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use event::EntryFields;
use merkle::{Checkpoint, CompactRange, Hash, TILE_WIDTH, TileId, TileSet, leaf_hash, tiles_for_size};
use store::{Entry, EntryScan, Order, Store};

use super::Run;
use super::leaves::{Judge, TileLeaves};
use super::state::Rows;
use crate::error::Result;
use crate::ledger::{READ_BYTES, chunk_of};
use crate::seq_set::SeqSet;

/// Level-0 tiles read in one call.
const TILES_AT_ONCE: u64 = 64;

/// Walks the hot entries in order, a read ahead of what is asked for.
struct HotScan<'a> {
    store: &'a dyn Store,
    buffer: VecDeque<Entry>,
    next: u64,
    end: u64,
}

impl HotScan<'_> {
    /// The hot entries below `end`, in order.
    async fn take_below(&mut self, end: u64) -> Result<Vec<Entry>> {
        let mut taken = Vec::new();
        loop {
            while self.buffer.front().is_some_and(|entry| entry.seq < end) {
                taken.extend(self.buffer.pop_front());
            }
            if !self.buffer.is_empty() || self.next >= self.end {
                return Ok(taken);
            }
            let scan = chunk_of(self.next..self.end);
            let entries = self.store.entries(scan).await?;
            self.next = entries.last().map_or(self.end, |entry| entry.seq + 1);
            self.buffer.extend(entries);
        }
    }
}

/// The walk from the first leaf to the last.
struct Walk {
    range: CompactRange,
    edge: TileSet,
    /// Roots that were signed, by size.
    roots: BTreeMap<u64, Hash>,
    /// The largest size at which a signed root was met.
    proven: u64,
    /// No more is known than that something before is wrong: its consequences are not reported.
    broken: bool,
    /// A line or a tile was found to be wrong: a root that does not come out follows from it.
    suspect: bool,
    /// Entries that are neither hot nor receipted as pruned.
    missing: SeqSet,
    /// Entries that are hot although they were pruned.
    unexpected: SeqSet,
}

impl Run<'_> {
    pub(super) async fn check_tree(&mut self, rows: &mut Rows) -> Result<()> {
        self.report.tree_size = rows.head.size;
        let (signed, roots) = self.signed_roots(rows).await?;
        self.report.signed_size = signed;
        // Tiles come with a checkpoint: where none verifies, that has been said, and nothing tells which belong.
        if signed > 0 {
            self.check_tile_keys(signed).await?;
        }
        rows.entries_end = self.entries_end(rows, signed).await?;
        let size = rows.entries_end;
        let mut walk = Walk {
            range: CompactRange::new(),
            edge: TileSet::new(),
            roots,
            proven: 0,
            broken: false,
            suspect: false,
            missing: SeqSet::default(),
            unexpected: SeqSet::default(),
        };
        walk.missing.insert(size..rows.head.size);
        let subject = self.subject;
        let mut hot = HotScan { store: subject.store.as_ref(), buffer: VecDeque::new(), next: 0, end: size };
        self.progress.begin("ledger", Some(size));
        let mut number = 0;
        while number * TILE_WIDTH < size {
            let numbers = number..(number + TILES_AT_ONCE).min(size.div_ceil(TILE_WIDTH));
            let stored = self.stored_tiles(&numbers).await?;
            for number in numbers.clone() {
                let seqs = number * TILE_WIDTH..((number + 1) * TILE_WIDTH).min(size);
                let entries = hot.take_below(seqs.end).await?;
                self.check_tile(&mut walk, rows, signed, &seqs, &entries, &stored).await?;
                self.progress.advance(seqs.end - seqs.start);
            }
            number = numbers.end;
        }
        self.progress.end();
        self.report_presence(&walk);
        self.check_end(&walk, rows).await
    }

    /// Where the walk ends. A head can claim any size; past what is hot and what is signed there is nothing to walk.
    async fn entries_end(&self, rows: &Rows, signed: u64) -> Result<u64> {
        let newest = EntryScan {
            range: 0..rows.head.size,
            order: Order::Descending,
            rows_max: 1,
            bytes_max: READ_BYTES,
        };
        let newest = self.store().entries(newest).await?.first().map_or(0, |entry| entry.seq + 1);
        Ok(newest.max(signed).min(rows.head.size))
    }

    /// Neighbours that are missing, or there too many, are one finding.
    fn report_presence(&mut self, walk: &Walk) {
        for range in walk.missing.ranges() {
            let message =
                format!("{} not in the hot window, and no receipt and archive say why", entries_text(&range));
            self.damaged_to = self.damaged_to.max(range.end.checked_sub(1));
            self.findings.problem("entry-missing", range.start, message);
        }
        for range in walk.unexpected.ranges() {
            let message = format!("{} pruned, and in the hot window", entries_text(&range));
            self.findings.problem("entry-unexpected", range.start, message);
        }
    }

    /// The size that is signed in the store, and every root that is known to be signed, by size.
    async fn signed_roots(&mut self, rows: &Rows) -> Result<(u64, BTreeMap<u64, Hash>)> {
        let mut roots = std::mem::take(&mut self.archived_roots);
        let mut signed = 0;
        let note = rows.last_checkpoint.as_ref();
        let last = note.and_then(|note| self.open_checkpoint(note.as_bytes(), "the checkpoint file"));
        match &rows.checkpoint {
            Some(stored) => match self.open_checkpoint(stored.note.as_bytes(), "the stored checkpoint") {
                Some(checkpoint) if checkpoint.size == stored.size => {
                    signed = checkpoint.size;
                    roots.insert(checkpoint.size, checkpoint.root);
                }
                Some(_) => {
                    let message = "the stored checkpoint's row and note differ in size";
                    self.findings.problem("checkpoint-signature-invalid", None, message);
                }
                None => {}
            },
            None if !self.store().tile_keys().await?.is_empty() => {
                self.findings.problem("checkpoint-signature-invalid", None, "the stored checkpoint is gone");
            }
            None => {}
        }
        self.compare_with_file(rows, signed, last.as_ref());
        if let Some(last) = last {
            if signed == 0 {
                signed = last.size;
            }
            roots.insert(last.size, last.root);
        }
        let size = rows.head.size;
        if let Some((&beyond, _)) = roots.range(size + 1..).next_back() {
            let message = format!(
                "the ledger holds {size} entries, {beyond} were signed: it is an older copy or cut off"
            );
            self.findings.problem("log-truncated", size, message);
        }
        Ok((signed.min(size), roots))
    }

    /// The file is written before the store: where it is behind, someone took it back. That proves nothing about the
    /// ledger, but without the file an older copy of the store would pass for it.
    fn compare_with_file(&mut self, rows: &Rows, signed: u64, last: Option<&Checkpoint>) {
        if rows.last_checkpoint.is_none() {
            let message =
                "there is no checkpoint file beside the store: an older copy of it could not be told";
            self.findings.warning("checkpoint-file-missing", None, message);
        }
        if let Some(last) = last.filter(|last| last.size < signed) {
            let message = format!("the checkpoint file is of {} entries, the store's of {signed}", last.size);
            self.findings.warning("checkpoint-file-older", last.size, message);
        }
    }

    fn open_checkpoint(&mut self, note: &[u8], what: &str) -> Option<Checkpoint> {
        match self.keys.open_checkpoint(note) {
            Ok(checkpoint) => Some(checkpoint),
            Err(error) => {
                let message = format!("{what} does not verify: {error}");
                self.findings.problem("checkpoint-signature-invalid", None, message);
                None
            }
        }
    }

    /// Exactly the tiles of a tree of this size are there.
    async fn check_tile_keys(&mut self, signed: u64) -> Result<()> {
        let now = self.signed_now(signed).await?;
        let expected: BTreeSet<(u8, u64)> =
            tiles_for_size(now).map(|(tile, _)| (tile.level, tile.number)).collect();
        let mut previous = None;
        for (level, number) in self.store().tile_keys().await? {
            if expected.contains(&(level, number)) {
                continue;
            }
            // Neighbours are one finding.
            if previous.is_none_or(|(before, last): (u8, u64)| {
                (before, last.checked_add(1)) != (level, Some(number))
            }) {
                let message =
                    format!("tile {number} of level {level} does not belong to {signed} signed entries");
                self.findings.problem("tile-mismatch", first_seq(level, number), message);
            }
            previous = Some((level, number));
        }
        Ok(())
    }

    /// The size that is signed by now: more than when the verification began, if others write meanwhile.
    async fn signed_now(&self, signed: u64) -> Result<u64> {
        let newest = self.store().checkpoint().await?;
        let verified = newest.filter(|newest| {
            self.keys.open_checkpoint(newest.note.as_bytes()).is_ok_and(|open| open.size == newest.size)
        });
        Ok(verified.map_or(signed, |newest| newest.size.max(signed)))
    }

    /// These level-0 tiles and their parents.
    async fn stored_tiles(&self, numbers: &Range<u64>) -> Result<BTreeMap<TileId, Vec<Hash>>> {
        let parents = numbers.start / TILE_WIDTH..=(numbers.end - 1) / TILE_WIDTH;
        let ids: Vec<TileId> = numbers
            .clone()
            .map(|number| TileId { level: 0, number })
            .chain(parents.map(|number| TileId { level: 1, number }))
            .collect();
        self.read_tiles(ids).await
    }

    /// Tiles as they are stored; what is no tile reads as an empty one.
    async fn read_tiles(&self, ids: Vec<TileId>) -> Result<BTreeMap<TileId, Vec<Hash>>> {
        let bodies = self.store().tiles(ids.iter().map(|id| (id.level, id.number)).collect()).await?;
        let hashes = |body: Option<Vec<u8>>| {
            let body = body.unwrap_or_default();
            let chunks = body.chunks_exact(Hash::LENGTH);
            if !chunks.remainder().is_empty() {
                return Vec::new();
            }
            chunks.filter_map(|chunk| Hash::from_slice(chunk).ok()).collect()
        };
        Ok(ids.into_iter().zip(bodies.into_iter().map(hashes)).collect())
    }

    /// One tile: completeness of its entries, then lines against tile against the tree above.
    async fn check_tile(
        &mut self,
        walk: &mut Walk,
        rows: &mut Rows,
        signed: u64,
        seqs: &Range<u64>,
        entries: &[Entry],
        stored: &BTreeMap<TileId, Vec<Hash>>,
    ) -> Result<()> {
        let hot: BTreeMap<u64, Hash> =
            entries.iter().map(|entry| (entry.seq, leaf_hash(&entry.line))).collect();
        self.report.entries_checked += hot.len() as u64;
        if self.report.oldest_hot_seq.is_none() {
            self.report.oldest_hot_seq = entries.first().map(|entry| entry.seq);
        }
        self.check_presence(walk, rows, seqs, &hot).await?;
        let signed_seqs = seqs.start..seqs.end.min(signed).max(seqs.start);
        let empty = Vec::new();
        let tile = TileId { level: 0, number: seqs.start / TILE_WIDTH };
        let mut stored_tile = stored.get(&tile).unwrap_or(&empty).as_slice();
        let width = (signed_seqs.end - signed_seqs.start) as usize;
        if stored_tile.len() > width && self.signed_now(signed).await? > signed {
            // The tile has grown under a newer checkpoint since.
            stored_tile = &stored_tile[..width];
        }
        let leaves = TileLeaves { seqs: signed_seqs.clone(), hot: &hot, stored: stored_tile };
        let parent = stored.get(&TileId { level: 1, number: tile.number / TILE_WIDTH });
        let parent = parent.and_then(|parent| parent.get((tile.number % TILE_WIDTH) as usize));
        let before = walk.range.clone();
        let judge = match (signed_seqs.end - signed_seqs.start == TILE_WIDTH, parent, walk.roots.get(&signed))
        {
            (true, Some(parent), _) => Judge::Parent(*parent),
            (false, _, Some(root)) if !walk.broken => Judge::Root(&before, *root),
            _ => Judge::Nobody,
        };
        let mut verdict = leaves.judge(judge);
        for seq in &verdict.changed {
            self.findings.problem("entry-changed", *seq, "the line is not what was signed");
        }
        if verdict.tile_wrong && !signed_seqs.is_empty() {
            let message = format!("{} is not the tree's", tile.path(TILE_WIDTH as u16));
            self.findings.problem("tile-mismatch", seqs.start, message);
        }
        self.damaged_to = self.damaged_to.max(verdict.changed.last().copied());
        walk.suspect |= verdict.tile_wrong || !verdict.changed.is_empty();
        let changed: BTreeSet<u64> = verdict.changed.iter().copied().collect();
        for entry in entries.iter().filter(|entry| !changed.contains(&entry.seq)) {
            self.attested.read(entry.seq, &entry.line);
        }
        self.extend(walk, &signed_seqs, &verdict.leaves).await?;
        let unsigned = seqs.start.max(signed_seqs.end)..seqs.end;
        verdict.leaves = unsigned.clone().map(|seq| hot.get(&seq).copied()).collect();
        self.append_leaves(walk, unsigned.start, &verdict.leaves);
        Ok(())
    }

    async fn check_presence(
        &mut self,
        walk: &mut Walk,
        rows: &mut Rows,
        seqs: &Range<u64>,
        hot: &BTreeMap<u64, Hash>,
    ) -> Result<()> {
        let pruned = rows.pruned.touches(seqs);
        if !pruned && hot.len() as u64 == seqs.end - seqs.start {
            return Ok(());
        }
        let odd = |rows: &Rows, seq: u64| hot.contains_key(&seq) != rows.is_hot(seq);
        if seqs.clone().any(|seq| odd(rows, seq)) {
            self.refresh_hot(rows).await?;
        }
        for seq in seqs.clone() {
            match hot.contains_key(&seq) {
                true if !rows.may_be_hot(seq) => walk.unexpected.insert(seq..seq + 1),
                false if !rows.may_be_gone(seq) => walk.missing.insert(seq..seq + 1),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes signed leaves into the tree and compares the tiles above that become full.
    async fn extend(&mut self, walk: &mut Walk, seqs: &Range<u64>, leaves: &[Option<Hash>]) -> Result<()> {
        if !walk.broken && !leaves.is_empty() && leaves.iter().all(Option::is_some) {
            let hashes: Vec<Hash> = leaves.iter().flatten().copied().collect();
            let changed = walk.edge.extend(seqs.start, &hashes)?;
            let full: Vec<TileId> = changed
                .into_iter()
                .filter(|id| id.level > 0)
                .filter(|id| walk.edge.tile(id).is_some_and(|tile| tile.len() as u64 == TILE_WIDTH))
                .collect();
            self.compare_upper(walk, full).await?;
            walk.edge.retain_edge(seqs.end);
        }
        self.append_leaves(walk, seqs.start, leaves);
        Ok(())
    }

    async fn compare_upper(&mut self, walk: &Walk, ids: Vec<TileId>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let stored = self.read_tiles(ids.clone()).await?;
        for id in ids {
            let (Some(expected), Some(found)) = (walk.edge.tile(&id), stored.get(&id)) else { continue };
            if found != expected {
                let at = expected.iter().zip(found).position(|(expected, found)| expected != found);
                let at = at.unwrap_or_else(|| expected.len().min(found.len())) as u64;
                let message =
                    format!("{} does not follow from the tiles below it", id.path(TILE_WIDTH as u16));
                let below = id.number * TILE_WIDTH + at;
                self.findings.problem("tile-mismatch", first_seq(id.level - 1, below), message);
            }
        }
        Ok(())
    }

    /// Appends leaves one by one, holding the range against every signed root on the way.
    fn append_leaves(&mut self, walk: &mut Walk, first: u64, leaves: &[Option<Hash>]) {
        for (seq, leaf) in (first..).zip(leaves) {
            let Some(leaf) = leaf else {
                // Reported as missing already; the rest of the tree cannot be told without it.
                walk.broken = true;
                return;
            };
            if walk.broken {
                return;
            }
            walk.range.append(*leaf);
            let size = seq + 1;
            match walk.roots.get(&size) {
                Some(root) if *root == walk.range.root() => walk.proven = size,
                Some(_) => {
                    if !walk.suspect {
                        let message =
                            format!("entries {} to {seq} do not lead to the signed root", walk.proven);
                        self.findings.problem("root-mismatch", walk.proven, message);
                    }
                    walk.broken = true;
                }
                None => {}
            }
        }
    }

    /// The right edge, the head, and what lies beyond it.
    async fn check_end(&mut self, walk: &Walk, rows: &Rows) -> Result<()> {
        let signed = self.report.signed_size;
        if !walk.broken && self.signed_now(signed).await? == signed {
            let edge =
                tiles_for_size(signed).filter(|(id, width)| id.level > 0 && u64::from(*width) < TILE_WIDTH);
            self.compare_upper(walk, edge.map(|(id, _)| id).collect()).await?;
        }
        if !walk.broken && rows.head_range.as_ref().is_some_and(|range| *range != walk.range) {
            let message =
                format!("the head does not follow from the entries; those from {signed} are not signed");
            self.findings.problem("head-mismatch", signed, message);
        }
        let end = self.store().head().await?.map_or(0, |head| head.size.max(rows.head.size));
        let beyond = chunk_of(end..i64::MAX.cast_unsigned());
        let mut unexpected = self.store().entries(beyond).await?;
        // A half-open range cannot name the last number there is.
        unexpected.extend(self.store().entries_at(vec![i64::MAX.cast_unsigned()]).await?);
        // Entries that were read and are below the head that is read after them were committed meanwhile.
        let end = self.store().head().await?.map_or(0, |head| head.size.max(rows.head.size));
        for entry in unexpected.iter().filter(|entry| entry.seq >= end) {
            self.findings.problem("entry-unexpected", entry.seq, format!("the ledger ends at {end}"));
        }
        let last = rows.head.size.checked_sub(1);
        let newest = match last {
            Some(last) => self.store().entries_at(vec![last]).await?.pop(),
            None => None,
        };
        if let Some(newest) = newest
            && let Ok(fields) = EntryFields::parse(&newest.line)
            && fields.recorded_at.micros() != rows.head.recorded_at
        {
            self.findings.problem("head-mismatch", last, "the head's time is not that of the last entry");
        }
        Ok(())
    }
}

fn entries_text(range: &Range<u64>) -> String {
    match range.end - range.start {
        1 => format!("entry {} is", range.start),
        _ => format!("entries {} to {} are", range.start, range.end - 1),
    }
}

/// The first entry under a tile.
fn first_seq(level: u8, number: u64) -> u64 {
    (0..=level).fold(number, |seq, _| seq.saturating_mul(TILE_WIDTH))
}

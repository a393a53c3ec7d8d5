//! Putting entries back, in bounded transactions: each with its row, its index and the entry that says so.

use event::Timestamp;
use serde_json::json;
use store::{Entry, Restore, Segment};

use super::Wanted;
use super::index::HotIndex;
use super::row::{RestoredRow, restored_rows};
use super::windows::windows;
use crate::SEGMENT_ENTRIES;
use crate::actor::Actor;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::tail_row;
use crate::plan::Restoring;
use crate::progress::Progress;
use crate::seq_set::SeqSet;
use crate::state_change::Change;

/// One transaction restores at most about so many bytes of lines, besides the policy's number of entries.
const TRANSACTION_BYTES: usize = 8 << 20;
/// A row lists at most so many runs of seqs: they are in the entry's details too, which are bounded.
const RANGES_MAX: usize = 1_000;
/// Rows that one transaction extends.
const ROWS_AT_ONCE: usize = 500;

/// What is done for one caller.
struct Copying<'a> {
    wanted: &'a Wanted,
    until: Timestamp,
    actor: &'a Actor,
    /// The index of the segment under way, once it is needed.
    index: Option<(u64, HotIndex)>,
}

impl Engine {
    /// What is hot again already stays so until then. Answers the entries of the rows that were touched.
    pub(super) async fn extend(&self, wanted: &SeqSet, until: Timestamp, actor: &Actor) -> Result<u64> {
        let mut touched = restored_rows(self.ledger().store()).await?;
        touched.retain(|row| row.seqs().any(|range| wanted.touches(&range)));
        let mut common = SeqSet::default();
        let ranges = touched.iter().flat_map(RestoredRow::seqs);
        ranges.flat_map(|range| wanted.within(&range)).for_each(|range| common.insert(range));
        touched.retain(|row| row.until < until);
        for rows in touched.chunks_mut(ROWS_AT_ONCE) {
            for row in rows.iter_mut() {
                (row.until, row.by) = (until, actor.id.clone());
            }
            let changes = rows.iter().map(RestoredRow::put).collect::<Result<Vec<_>>>()?;
            let entries: u64 = rows.iter().map(RestoredRow::entries).sum();
            let details = json!({ "entries": entries, "until": until.to_string(), "extended": true });
            let Some(row) = rows.first() else { continue };
            let (kind, id) = row.origin.target();
            self.state_change("archive.batch.restored", actor, (kind, &id), details, changes, None).await?;
        }
        Ok(common.count())
    }

    /// Reads what is missing from the archive and puts it back. Answers how many entries that were.
    pub(super) async fn copy_back(
        &self,
        wanted: &Wanted,
        missing: &SeqSet,
        until: Timestamp,
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<u64> {
        let mut copying = Copying { wanted, until, actor, index: None };
        let mut restored = 0;
        progress.begin("restoring", Some(missing.count()));
        for window in windows(&wanted.objects, missing) {
            let mut entries = self.ledger().read_window(&wanted.objects, &window).await?;
            entries.retain(|entry| missing.contains(entry.seq));
            complete(missing, &window, &entries)?;
            for chunk in self.chunks(entries) {
                let count = chunk.len() as u64;
                self.put_back(&mut copying, chunk).await?;
                restored += count;
                progress.advance(count);
            }
        }
        progress.end();
        Ok(restored)
    }

    /// What one transaction takes: bounded in entries, bytes and runs.
    fn chunks(&self, entries: Vec<Entry>) -> Vec<Vec<Entry>> {
        let entries_max = usize::try_from(self.ledger().inner.policy.transaction_entries.max(1));
        let entries_max = entries_max.unwrap_or(usize::MAX);
        let mut chunks: Vec<Vec<Entry>> = Vec::new();
        let (mut bytes, mut runs) = (0, 0);
        for entry in entries {
            let last = chunks.last().and_then(|chunk| Some((chunk.len(), chunk.last()?.seq)));
            let follows = last.is_some_and(|(_, seq)| seq + 1 == entry.seq);
            let full = last.is_none_or(|(count, _)| count >= entries_max)
                || bytes >= TRANSACTION_BYTES
                || (!follows && runs >= RANGES_MAX);
            if full {
                chunks.push(Vec::new());
                (bytes, runs) = (0, 0);
            }
            bytes += entry.line.len();
            runs += usize::from(full || !follows);
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(entry);
            }
        }
        chunks
    }

    /// One transaction: entries of one segment come back, with their row and the segment's index.
    async fn put_back(&self, copying: &mut Copying<'_>, entries: Vec<Entry>) -> Result<()> {
        let mut ranges: Vec<[u64; 2]> = Vec::new();
        for Entry { seq, .. } in &entries {
            match ranges.last_mut() {
                Some([_, last]) if *last + 1 == *seq => *last = *seq,
                _ => ranges.push([*seq, *seq]),
            }
        }
        let Some([first, _]) = ranges.first() else { return Ok(()) };
        let number = first / SEGMENT_ENTRIES;
        // Held from here to the commit: a segment that is sealed in between would be sealed without these.
        let _segments = self.inner.segment_changes.lock().await;
        let sealed = self.ledger().view().segments.get(number as usize).cloned();
        let (index, tail) = if let Some(sealed) = sealed {
            (Some(self.reindex(copying, &sealed, &entries).await?), Vec::new())
        } else {
            let row = |entry: &Entry| Ok((entry.seq, tail_row(&entry.line, entry.seq)?));
            (None, entries.iter().map(row).collect::<Result<Vec<_>>>()?)
        };
        let row = RestoredRow {
            origin: copying.wanted.origin.clone(),
            ranges,
            until: copying.until,
            by: copying.actor.id.clone(),
        };
        let details = json!({
            "ranges": row.ranges, "entries": entries.len(), "until": copying.until.to_string(),
        });
        let (kind, id) = row.origin.target();
        let restore = Restoring { restore: Restore { entries, index }, tail: tail.into() };
        let change = Change { rows: vec![row.put()?], restore: Some(restore), ..Change::default() };
        let committed = self
            .change_if_expected("archive.batch.restored", copying.actor, (kind, &id), details, change)
            .await;
        if committed.is_err() {
            // Whether the entries came back has to be read from the store.
            copying.index = None;
        }
        committed.map(|_| ())
    }

    /// The row and blocks of a sealed or dropped segment with these entries in it.
    async fn reindex(
        &self,
        copying: &mut Copying<'_>,
        sealed: &Segment,
        entries: &[Entry],
    ) -> Result<(Segment, Vec<store::PostingBlock>)> {
        let mut index = match copying.index.take() {
            Some((number, index)) if number == sealed.number => index,
            _ => HotIndex::read(self.ledger(), sealed.number).await?,
        };
        index.add(entries)?;
        let before = sealed.clone();
        // Sorting a whole segment's terms takes tens of milliseconds.
        let (index, sealed) = tokio::task::spawn_blocking(move || {
            let sealed = index.sealed(&before);
            (index, sealed)
        })
        .await
        .map_err(|error| Error::with_source(ErrorKind::Internal, "indexing was interrupted", error))?;
        copying.index = Some((sealed.0.number, index));
        Ok(sealed)
    }
}

/// All that is missing in a window must have been found.
fn complete(missing: &SeqSet, window: &std::ops::Range<u64>, found: &[Entry]) -> Result<()> {
    let mut found = found.iter().map(|entry| entry.seq);
    for seq in missing.within(window).into_iter().flatten() {
        if found.next() != Some(seq) {
            let message = format!("entry-missing: entry {seq} is in no object of the archive: run verify");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
    }
    Ok(())
}

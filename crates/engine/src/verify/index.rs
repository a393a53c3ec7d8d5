//! The index, the segment rows and the dedup keys, rebuilt from the lines and compared: a doctored index hides
//! evidence.

use std::collections::{BTreeMap, BTreeSet};

use event::{EntryFields, Field, content_hashes_possible, keys_for_line};
use merkle::{CompactRange, TILE_WIDTH, TileId};
use store::{Entry, Key, Segment, SegmentState};

use super::Run;
use super::state::Rows;
use crate::SEGMENT_ENTRIES;
use crate::error::Result;
use crate::ledger::{chunk_of, load_tiles};
use crate::posting;

/// Dedup keys read in one call.
pub(super) const KEYS_AT_ONCE: usize = 10_000;

/// (field, term, offset) of every index entry of a segment; sorted before it is compared.
type Postings = Vec<(u8, u64, u16)>;

/// The hot entries of one segment, as the index should have them.
#[derive(Default)]
struct Rebuilt {
    postings: Postings,
    hot: BTreeSet<u16>,
    /// first and last recorded, least and greatest occurred
    bounds: Option<[i64; 4]>,
}

impl Run<'_> {
    pub(super) async fn check_index(&mut self, rows: &Rows) -> Result<()> {
        let segments: BTreeMap<u64, Segment> =
            self.store().segments().await?.into_iter().map(|segment| (segment.number, segment)).collect();
        let count = rows.entries_end.div_ceil(SEGMENT_ENTRIES);
        self.progress.begin("index", Some(rows.head.size));
        for number in 0..count {
            let rebuilt = self.rebuild(number, rows).await?;
            self.compare_postings(number, segments.get(&number), &rebuilt).await?;
            if let Some(segment) = segments.get(&number) {
                self.check_segment(segment, &rebuilt, rows).await?;
            }
            self.progress
                .advance(SEGMENT_ENTRIES.min(rows.head.size.saturating_sub(number * SEGMENT_ENTRIES)));
        }
        self.progress.end();
        for number in segments.range(count..).map(|(number, _)| *number) {
            let message = format!("segment {number} lies beyond the ledger's end");
            self.findings.problem("index-mismatch", number.checked_mul(SEGMENT_ENTRIES), message);
        }
        let sealed_to =
            segments.keys().zip(0..).take_while(|(number, expected)| **number == *expected).count();
        if sealed_to < segments.range(..count).count() {
            let seq = sealed_to as u64 * SEGMENT_ENTRIES;
            self.findings.problem("index-mismatch", seq, format!("the row of segment {sealed_to} is gone"));
        }
        self.check_keys(rows).await
    }

    /// Reads a segment's hot entries, checks their dedup keys, and derives what the index should hold.
    async fn rebuild(&mut self, number: u64, rows: &Rows) -> Result<Rebuilt> {
        let mut rebuilt = Rebuilt::default();
        let first = number * SEGMENT_ENTRIES;
        let (mut next, end) = (first, (first + SEGMENT_ENTRIES).min(rows.entries_end));
        while next < end {
            let scan = chunk_of(next..end);
            let entries = self.store().entries(scan).await?;
            let Some(last) = entries.last() else { break };
            next = last.seq + 1;
            for entry in &entries {
                // A line that cannot be read has been reported as changed.
                let Ok(fields) = EntryFields::parse(&entry.line) else { continue };
                rebuilt.take(&fields, (entry.seq - first) as u16);
            }
            // Keys go for good when their time is up after the pruning: restored entries may have none.
            let (_, kept): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| rows.pruned.contains(entry.seq));
            self.check_keys_of(&kept).await?;
        }
        rebuilt.postings.sort_unstable();
        Ok(rebuilt)
    }

    async fn compare_postings(
        &mut self,
        number: u64,
        segment: Option<&Segment>,
        rebuilt: &Rebuilt,
    ) -> Result<()> {
        let first = number * SEGMENT_ENTRIES;
        let blocks = self.store().posting_blocks(number).await?;
        let Some(segment) = segment else {
            if !blocks.is_empty() {
                // Nothing reads blocks without their row.
                let message =
                    format!("sealing segment {number} was interrupted: the next start does it again");
                self.findings.warning("index-unfinished", first, message);
            }
            return Ok(());
        };
        let mut found = Postings::new();
        let mut previous: Option<(u8, u64, u16)> = None;
        for block in blocks {
            let (mut first_term, mut empty, before) = (None, false, found.len());
            for group in posting::groups(&block.body) {
                let Ok((term, offsets)) = group else {
                    self.findings.problem(
                        "index-mismatch",
                        first,
                        format!("an index block of segment {number} is torn"),
                    );
                    return Ok(());
                };
                first_term = first_term.or(Some(term));
                empty |= offsets.is_empty();
                found.extend(posting::decode_offsets(offsets).map(|offset| (block.field, term, offset)));
            }
            // A search finds blocks by their first term and intersects offsets in order: disorder hides entries.
            let last = found[before..].last().copied();
            let ordered = previous.iter().chain(&found[before..]).is_sorted_by(|one, other| one < other);
            previous = last.or(previous);
            if empty || !ordered {
                let message = format!("the index of segment {number} is not sorted");
                self.findings.problem("index-mismatch", first, message);
            }
            if first_term != Some(block.first_term) {
                let message =
                    format!("an index block of segment {number} does not begin with its first term");
                self.findings.problem("index-mismatch", first, message);
            }
        }
        if segment.state == SegmentState::Dropped {
            if !found.is_empty() || !rebuilt.hot.is_empty() {
                let message =
                    format!("segment {number} has an index it should not have, or hot entries it hides");
                self.findings.problem("index-mismatch", first, message);
            }
            return Ok(());
        }
        // Entries that were pruned since may still be indexed; they are found to be gone when they are read.
        found.retain(|(_, _, offset)| rebuilt.hot.contains(offset));
        found.sort_unstable();
        let wrong = first_difference(&found, &rebuilt.postings);
        if let Some(offset) = wrong {
            let message = format!("the index of segment {number} does not have the terms of this entry");
            self.findings.problem("index-mismatch", first + u64::from(offset), message);
        }
        Ok(())
    }

    async fn check_segment(&mut self, segment: &Segment, rebuilt: &Rebuilt, rows: &Rows) -> Result<()> {
        let first = segment.number * SEGMENT_ENTRIES;
        let whole = rebuilt.hot.len() as u64 == SEGMENT_ENTRIES;
        let bounds = [
            segment.first_recorded_at,
            segment.last_recorded_at,
            segment.min_occurred_at,
            segment.max_occurred_at,
        ];
        let fits = match rebuilt.bounds {
            None => true,
            Some(exact) if whole => exact == bounds,
            Some(hot) => {
                bounds[0] <= hot[0] && hot[1] <= bounds[1] && bounds[2] <= hot[2] && hot[3] <= bounds[3]
            }
        };
        // A segment whose entries are gone is dropped in the commit that took the last of them.
        let fits = fits && (segment.state == SegmentState::Dropped) == rebuilt.hot.is_empty();
        let in_ledger = segment.entries == SEGMENT_ENTRIES && first + SEGMENT_ENTRIES <= rows.head.size;
        let tiles = first / TILE_WIDTH..(first + SEGMENT_ENTRIES) / TILE_WIDTH;
        let tiles = load_tiles(self.store(), tiles.map(|number| TileId { level: 0, number })).await;
        // The tiles themselves were checked before; a segment that is not signed yet has no tiles to compare with.
        let root = tiles.ok().and_then(|tiles| {
            let mut range = CompactRange::new();
            for seq in first..first + SEGMENT_ENTRIES {
                range.append(tiles.leaf(seq)?);
            }
            Some(range.root().0)
        });
        if !fits || !in_ledger || root.is_some_and(|root| root != segment.root) {
            let message = format!("the row of segment {} does not fit its entries", segment.number);
            self.findings.problem("index-mismatch", first, message);
        }
        Ok(())
    }

    /// Every key of these entries leads to them, with a content hash that the line can have had.
    async fn check_keys_of(&mut self, entries: &[Entry]) -> Result<()> {
        let mut asked: Vec<(Key, &Entry)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let Ok(fields) = EntryFields::parse(&entry.line) else { continue };
            let keys = keys_for_line(&fields);
            asked.extend([keys.event, keys.external].into_iter().flatten().map(|key| (key, entry)));
        }
        let found = self.store().keys(asked.iter().map(|(key, _)| *key).collect()).await?;
        for ((_, entry), row) in asked.iter().zip(found) {
            let good = row.is_some_and(|row| {
                row.seq == entry.seq
                    && content_hashes_possible(&entry.line).is_ok_and(|hashes| hashes.contains(&row.content))
            });
            self.keys_matched += u64::from(good);
            if !good {
                let message = "a dedup key of this entry is missing, or leads elsewhere";
                self.findings.problem("index-mismatch", entry.seq, message);
            }
        }
        Ok(())
    }

    /// No dedup key leads to an entry that does not have it: such a key would swallow an event.
    async fn check_keys(&mut self, rows: &Rows) -> Result<()> {
        let (mut after, mut hot) = (None, 0_u64);
        loop {
            let keys = self.store().keys_after(after, KEYS_AT_ONCE).await?;
            let Some(last) = keys.last() else { break };
            after = Some(last.key);
            for row in keys {
                if row.seq >= rows.head.size {
                    if row.seq < self.store().head().await?.map_or(0, |head| head.size) {
                        // Taken since the verification began.
                        continue;
                    }
                    self.findings.problem(
                        "index-mismatch",
                        row.seq,
                        "a dedup key leads beyond the ledger's end",
                    );
                } else if !rows.pruned.contains(row.seq) {
                    hot += 1;
                }
            }
        }
        if hot != self.keys_matched {
            self.find_foreign_keys(rows).await?;
        }
        self.check_archived_index(rows).await
    }

    /// There are more keys, or others, than the hot entries have: which of them lead to an entry without them?
    async fn find_foreign_keys(&mut self, rows: &Rows) -> Result<()> {
        let mut after = None;
        loop {
            let mut keys = self.store().keys_after(after, KEYS_AT_ONCE).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.key);
            keys.retain(|row| row.seq < rows.head.size && !rows.pruned.contains(row.seq));
            let entries = self.store().entries_at(keys.iter().map(|row| row.seq).collect()).await?;
            let own: BTreeMap<u64, _> = entries
                .iter()
                .filter_map(|entry| Some((entry.seq, keys_for_line(&EntryFields::parse(&entry.line).ok()?))))
                .collect();
            let foreign = keys.iter().filter(|row| {
                own.get(&row.seq).is_some_and(|own| ![own.event, own.external].contains(&Some(row.key)))
            });
            for row in foreign {
                let message = "a dedup key leads to this entry, which does not have it";
                self.findings.problem("index-mismatch", row.seq, message);
            }
        }
    }
}

/// The lowest offset that is in one of two sorted lists and not in the other.
fn first_difference(found: &[(u8, u64, u16)], expected: &[(u8, u64, u16)]) -> Option<u16> {
    let (mut found, mut expected) = (found.iter().peekable(), expected.iter().peekable());
    let mut lowest = None;
    let mut differs = |offset: u16| lowest = Some(lowest.map_or(offset, |lowest: u16| lowest.min(offset)));
    loop {
        match (found.peek(), expected.peek()) {
            (None, None) => return lowest,
            (Some(one), Some(other)) if one == other => {
                found.next();
                expected.next();
            }
            (Some(one), other) if other.is_none_or(|other| one < other) => {
                differs(one.2);
                found.next();
            }
            (_, Some(other)) => {
                differs(other.2);
                expected.next();
            }
            (Some(_), None) => unreachable!("a list that is left alone has the lower item"),
        }
    }
}

impl Rebuilt {
    fn take(&mut self, fields: &EntryFields<'_>, offset: u16) {
        self.hot.insert(offset);
        let terms = fields.terms();
        for field in Field::ALL {
            let term = terms[usize::from(field.number())];
            if term != 0 {
                self.postings.push((field.number(), term, offset));
            }
        }
        let (recorded, occurred) = (fields.recorded_at.micros(), fields.occurred_at.micros());
        let bounds = self.bounds.get_or_insert([recorded, recorded, occurred, occurred]);
        bounds[1] = recorded;
        bounds[2] = bounds[2].min(occurred);
        bounds[3] = bounds[3].max(occurred);
    }
}

//! Search of the archive: batch by batch in order, of each batch the members that may hold matches.
//!
//! Batches do not overlap, their members do. So members are read in the order of the best entry that each can hold, the
//! best matches so far are kept, and it ends when no member that is left can hold a better one.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use archive::ManifestObject;
use futures::future::try_join_all;
use merkle::{TILE_WIDTH, TileId, leaf_hash};
use store::{Entry, Order};

use super::{PAGE_BYTES_MAX, Search};
use crate::cold::{ColdBatch, Damaged, Match, MemberAt, MemberReader};
use crate::error::Result;

/// Members read at once for one search. The first step reads one: often that is enough.
const MEMBERS_AT_ONCE: usize = 4;
/// Tiles read at once where leaf hashes are compared, 8 KiB each.
const TILES_AT_ONCE: usize = 128;

/// What reading the archive took.
#[derive(Debug, Default)]
pub(super) struct ColdFigures {
    /// Stored bytes of members that were read.
    pub(super) bytes_read: u64,
    pub(super) members_read: u64,
    /// Members that term filters kept from being read.
    pub(super) members_denied: u64,
    /// Bytes of rows of term filters.
    pub(super) filter_bytes: u64,
    pub(super) batches: u64,
}

impl ColdFigures {
    pub(super) fn tell(&self) {
        if self.batches > 0 {
            tracing::debug!(
                batches = self.batches,
                members_read = self.members_read,
                members_denied = self.members_denied,
                bytes_read = self.bytes_read,
                filter_bytes = self.filter_bytes,
                "audit_archive_searched"
            );
        }
    }
}

impl Search<'_> {
    /// Goes through the archived entries of a range in order, until all have been seen or the page is done.
    pub(super) async fn cold(&mut self, range: Range<u64>) -> Result<()> {
        let mut batches = self.ledger.cold_batches(&range).await?;
        if self.order == Order::Descending {
            batches.reverse();
        }
        for batch in batches {
            let part = batch.seqs().start.max(range.start)..batch.seqs().end.min(range.end);
            if let Some(gone) = batch.unavailable(&part) {
                self.unavailable.push(gone);
                self.next = self.end_of(&part);
                continue;
            }
            self.batch(&batch, &part).await?;
            if self.is_done() {
                break;
            }
        }
        Ok(())
    }

    /// Where a search that has seen all of a range goes on.
    fn end_of(&self, range: &Range<u64>) -> u64 {
        if self.order == Order::Ascending { range.end } else { range.start }
    }

    async fn batch(&mut self, batch: &ColdBatch, part: &Range<u64>) -> Result<()> {
        self.figures.batches += 1;
        let objects = self.ledger.cold_objects(batch).await?;
        let chosen = self.ledger.choose_members(batch, &objects, part, self.filter, &self.terms).await?;
        self.figures.members_denied += chosen.denied;
        self.figures.filter_bytes += chosen.filter_bytes;
        self.cold_bytes = self.cold_bytes.saturating_sub(chosen.filter_bytes);
        let mut members = chosen.members;
        let expired = self.ledger.expired_objects_at(batch.first_seq).await?;
        // What may have matched and is destroyed is named, not passed over.
        let gone = members.extract_if(.., |member| expired.contains(&objects[member.object].key));
        self.unavailable.extend(gone.map(|member| [member.first, member.last]));
        match self.order {
            Order::Ascending => members.sort_unstable_by_key(|member| member.first),
            Order::Descending => members.sort_unstable_by_key(|member| std::cmp::Reverse(member.last)),
        }
        let mut damaged = HashSet::new();
        loop {
            let (best, next) = self.scan_members(&objects, &members, part, &damaged).await?;
            let wrong = self.not_in_the_tree(&best).await?;
            if wrong.is_empty() {
                self.next = next;
                self.found_bytes += best.iter().map(|found| found.line.len()).sum::<usize>();
                self.found.extend(best.into_iter().map(|found| Entry { seq: found.seq, line: found.line }));
                return Ok(());
            }
            // Read again without the copies that lied: what they pushed aside may have been true.
            for (object, destination) in wrong {
                let (key, place) = (objects[object].key.clone(), destination);
                tracing::warn!(key, place, "entry-changed: an archived copy is not the tree's: run verify");
                damaged.insert((key, place));
            }
        }
    }

    /// Reads members until the page is full, all are read, or the budget is spent and going on later costs little; answers
    /// the matches, in order, and where to go on.
    async fn scan_members(
        &mut self,
        objects: &[Arc<ManifestObject>],
        members: &[MemberAt],
        part: &Range<u64>,
        damaged: &Damaged,
    ) -> Result<(Vec<Match>, u64)> {
        let wanted = self.wanted - self.found.len();
        let bytes = PAGE_BYTES_MAX - self.found_bytes;
        let reader = MemberReader::new(self.ledger, self.filter, self.order, wanted, bytes);
        let mut best = Best::new(self.order, wanted, bytes);
        // Entries that were read of each member so far.
        let mut read: Vec<u64> = Vec::new();
        let mut step = 1;
        while let Some(ahead) = members.get(read.len()) {
            if best.is_better_than(ahead) || self.may_pause(&members[..read.len()], &read, ahead) {
                break;
            }
            let now = &members[read.len()..members.len().min(read.len() + step)];
            let reads = now.iter().map(|at| reader.read(&objects[at.object], best.wanted_of(at), damaged));
            for member in try_join_all(reads).await? {
                self.figures.members_read += 1;
                self.figures.bytes_read += member.stored_bytes;
                self.cold_bytes = self.cold_bytes.saturating_sub(member.stored_bytes);
                self.budget = self.budget.saturating_sub(member.entries);
                read.push(member.entries);
                best.add(member.matches);
            }
            step = (2 * step).min(MEMBERS_AT_ONCE);
        }
        let next = match members.get(read.len()) {
            None => self.end_of(part),
            Some(ahead) if self.order == Order::Ascending => ahead.first,
            Some(ahead) => ahead.last + 1,
        };
        Ok((best.until(next), next))
    }

    /// Whether a spent budget ends the page before this member. Members overlap: those that were read and reach beyond
    /// the end would all be read again by the next page. So a page goes on until at most half of what it read has to be,
    /// which also means that it has got on.
    fn may_pause(&self, members: &[MemberAt], read: &[u64], ahead: &MemberAt) -> bool {
        let spent = self.budget == 0 || self.cold_bytes == 0;
        let reaches_beyond = |member: &MemberAt| match self.order {
            Order::Ascending => member.last >= ahead.first,
            Order::Descending => member.first <= ahead.last,
        };
        let again: u64 =
            members.iter().zip(read).filter(|(member, _)| reaches_beyond(member)).map(|(_, read)| read).sum();
        let all: u64 = read.iter().sum();
        spent && all > 0 && again.saturating_mul(2) <= all
    }

    /// The copies, as object and destination, that gave a line whose leaf hash is not the tree's.
    async fn not_in_the_tree(&self, found: &[Match]) -> Result<BTreeSet<(usize, usize)>> {
        let mut wrong = BTreeSet::new();
        let mut rest = found;
        while !rest.is_empty() {
            let mut tiles = BTreeSet::new();
            let tile = |found: &Match| TileId { level: 0, number: found.seq / TILE_WIDTH };
            let count = rest
                .iter()
                .take_while(|found| {
                    tiles.insert(tile(found));
                    tiles.len() <= TILES_AT_ONCE
                })
                .count();
            let (now, later) = rest.split_at(count);
            let tiles = self.ledger.tile_set(now.iter().map(tile).collect::<BTreeSet<_>>()).await?;
            let strangers = now.iter().filter(|found| tiles.leaf(found.seq) != Some(leaf_hash(&found.line)));
            wrong.extend(strangers.map(|found| (found.object, found.destination)));
            rest = later;
        }
        Ok(wrong)
    }
}

/// The best matches so far, in the order of the search, no more than the page has room for.
struct Best {
    order: Order,
    wanted: usize,
    bytes_max: usize,
    bytes: usize,
    matches: Vec<Match>,
}

impl Best {
    fn new(order: Order, wanted: usize, bytes_max: usize) -> Self {
        Self { order, wanted, bytes_max, bytes: 0, matches: Vec::new() }
    }

    /// Takes in a member's matches and lets go of what is behind a full page.
    fn add(&mut self, matches: Vec<Match>) {
        self.matches.extend(matches);
        match self.order {
            Order::Ascending => self.matches.sort_unstable_by_key(|found| found.seq),
            Order::Descending => self.matches.sort_unstable_by_key(|found| std::cmp::Reverse(found.seq)),
        }
        let (mut kept, mut bytes) = (0, 0);
        for found in &self.matches {
            if kept >= self.wanted || bytes >= self.bytes_max {
                break;
            }
            kept += 1;
            bytes += found.line.len();
        }
        self.matches.truncate(kept);
        self.bytes = bytes;
    }

    fn is_full(&self) -> bool {
        self.matches.len() >= self.wanted || self.bytes >= self.bytes_max
    }

    /// What is wanted of a member: nothing that comes after a full page's last match.
    fn wanted_of(&self, at: &MemberAt) -> MemberAt {
        let mut wanted = *at;
        if let Some(last) = self.matches.last().filter(|_| self.is_full()) {
            match self.order {
                Order::Ascending => wanted.last = wanted.last.min(last.seq),
                Order::Descending => wanted.first = wanted.first.max(last.seq),
            }
        }
        wanted
    }

    /// Whether the page is full of matches that come before all that this member can hold.
    fn is_better_than(&self, ahead: &MemberAt) -> bool {
        self.is_full()
            && self.matches.last().is_some_and(|last| match self.order {
                Order::Ascending => last.seq < ahead.first,
                Order::Descending => last.seq > ahead.last,
            })
    }

    /// The matches that lie before where the search goes on.
    fn until(mut self, next: u64) -> Vec<Match> {
        let order = self.order;
        self.matches.retain(|found| match order {
            Order::Ascending => found.seq < next,
            Order::Descending => found.seq >= next,
        });
        self.matches
    }
}

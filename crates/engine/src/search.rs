//! Search: one page of the entries that match, in order of seq, out of the hot window and the archive as if both were one.

mod answer;
mod cold;
mod hot;
mod tier;

use event::{Field, Filter};
use store::{Entry, Order};

pub use answer::SearchPage;
pub use tier::Tier;

use crate::cursor::{Page, Position, decode, encode};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::seq_set::SeqSet;
use cold::ColdFigures;
use tier::{Side, piece_ahead};

/// A page ends, with a cursor, at the entry that brings its lines to so many bytes.
const PAGE_BYTES_MAX: usize = 8 << 20;
/// Stored bytes of archived objects and of term filters that are read for a page, beyond which it ends with a cursor.
const COLD_BYTES_MAX: u64 = 256 << 20;

/// From the most to the least telling: the first one narrows, the others intersect.
const FIELDS_BY_SELECTIVITY: [Field; Field::COUNT] = [
    Field::EventId,
    Field::MessageId,
    Field::RequestId,
    Field::TraceId,
    Field::ConversationId,
    Field::TargetId,
    Field::ActorId,
    Field::Action,
    Field::Tenant,
    Field::TargetType,
    Field::Source,
    Field::Outcome,
    Field::Stream,
];

impl Ledger {
    /// One page of the entries that match, in order of seq.
    pub async fn search(&self, filter: &Filter, page: &Page) -> Result<SearchPage> {
        let tree_size = self.view().head.size();
        let position = match &page.cursor {
            None => Position { bound: if page.order == Order::Ascending { 0 } else { tree_size }, tree_size },
            Some(cursor) => decode(cursor, filter, page.order, page.tier).map_err(|violation| {
                Error::with_violations(ErrorKind::Invalid, "the search is not valid", vec![violation])
            })?,
        };
        if position.tree_size > tree_size {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the cursor is of a longer ledger: repeat the search",
            ));
        }
        // A page of nothing would have no entry to go on after.
        let limit = page.limit.max(1);
        let mut search = Search {
            ledger: self,
            filter,
            order: page.order,
            tier: page.tier,
            terms: terms_by_selectivity(filter),
            tree_size: position.tree_size,
            wanted: limit.saturating_add(1),
            budget: self.inner.policy.scan_entries_max.max(1),
            cold_bytes: COLD_BYTES_MAX,
            found: Vec::new(),
            found_bytes: 0,
            next: position.bound,
            pruned_through: 0,
            sides: Vec::new(),
            unavailable: Vec::new(),
            figures: ColdFigures::default(),
        };
        let complete = search.run().await?;
        let more = search.found.len() > limit || search.found_bytes >= PAGE_BYTES_MAX;
        search.found.truncate(limit);
        let bound = match (more, search.found.last(), page.order) {
            (false, _, _) | (_, None, _) => search.next,
            (true, Some(last), Order::Ascending) => last.seq + 1,
            (true, Some(last), Order::Descending) => last.seq,
        };
        let position = Position { bound, tree_size: position.tree_size };
        let next_cursor = (more || !complete).then(|| encode(filter, page.order, page.tier, position));
        Ok(search.answer(bound, next_cursor))
    }
}

fn terms_by_selectivity(filter: &Filter) -> Vec<(Field, u64)> {
    let terms = filter.exact_terms();
    let rank = |field: &Field| FIELDS_BY_SELECTIVITY.iter().position(|other| other == field);
    let mut ranked: Vec<_> = terms.into_iter().map(|(field, term)| (rank(&field), field, term)).collect();
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.into_iter().map(|(_, field, term)| (field, term)).collect()
}

/// A page in the making.
struct Search<'a> {
    ledger: &'a Ledger,
    filter: &'a Filter,
    order: Order,
    tier: Tier,
    terms: Vec<(Field, u64)>,
    /// The size that the first page was answered at.
    tree_size: u64,
    /// One more than the page holds, to know whether there is more.
    wanted: usize,
    /// Entries that may still be read for this page.
    budget: u64,
    /// Bytes of the archive that may still be read for this page.
    cold_bytes: u64,
    found: Vec<Entry>,
    found_bytes: usize,
    /// Ascending: the next seq to look at. Descending: one above it.
    next: u64,
    /// From this seq on every entry is hot.
    pruned_through: u64,
    /// What was searched for this page.
    sides: Vec<Side>,
    unavailable: Vec<[u64; 2]>,
    figures: ColdFigures,
}

impl Search<'_> {
    /// Goes through the ledger in order, each part where it is; answers whether it came to the end.
    async fn run(&mut self) -> Result<bool> {
        loop {
            self.pruned_through = self.ledger.pruned_through().await?;
            let piece = piece_ahead(self.tier, self.order, self.next, self.tree_size, self.pruned_through);
            let Some((side, range)) = piece else { return Ok(true) };
            if !self.sides.contains(&side) {
                self.sides.push(side);
            }
            match side {
                Side::Hot => self.hot_unless_pruned(range).await?,
                Side::Cold => self.cold(range).await?,
            }
            if self.is_done() {
                return Ok(false);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.is_full() || self.budget == 0 || self.cold_bytes == 0
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.wanted || self.found_bytes >= PAGE_BYTES_MAX
    }

    /// Hot entries can go while they are being read. What was found where pruning has been since is forgotten, and looked
    /// for again in the archive; a search of the hot tier alone is content with what stays.
    async fn hot_unless_pruned(&mut self, range: std::ops::Range<u64>) -> Result<()> {
        let (next, budget, found, found_bytes) = (self.next, self.budget, self.found.len(), self.found_bytes);
        self.hot(range).await?;
        if self.tier != Tier::All {
            return Ok(());
        }
        let pruned_through = self.ledger.pruned_through().await?;
        if pruned_through <= self.pruned_through {
            return Ok(());
        }
        match self.order {
            Order::Ascending if next >= pruned_through => return Ok(()),
            Order::Ascending => {
                self.found.truncate(found);
                self.next = next;
            }
            Order::Descending if self.next >= pruned_through => return Ok(()),
            Order::Descending => {
                let stays =
                    self.found[found..].iter().take_while(|entry| entry.seq >= pruned_through).count();
                self.found.truncate(found + stays);
                self.next = next.min(pruned_through);
            }
        }
        // The page gets on, whatever it has read in vain.
        self.budget = budget;
        let added: usize = self.found[found..].iter().map(|entry| entry.line.len()).sum();
        self.found_bytes = found_bytes + added;
        Ok(())
    }

    fn answer(self, bound: u64, next_cursor: Option<String>) -> SearchPage {
        self.figures.tell();
        let mut tiers = Vec::new();
        // Where nothing was left to search, what was asked for was searched.
        let was = |side: Side| match self.tier {
            Tier::All => self.sides.contains(&side),
            Tier::Hot => side == Side::Hot,
            Tier::Cold => side == Side::Cold,
        };
        tiers.extend(was(Side::Hot).then_some("hot"));
        tiers.extend(was(Side::Cold).then_some("cold"));
        // What lies beyond the page's end is told by the next page.
        let seen = |range: &[u64; 2]| match self.order {
            Order::Ascending => [range[0], range[1].min(bound.saturating_sub(1))],
            Order::Descending => [range[0].max(bound), range[1]],
        };
        let mut gone = SeqSet::default();
        for [first, last] in self.unavailable.iter().map(seen).filter(|[first, last]| first <= last) {
            gone.insert(first..last.saturating_add(1));
        }
        let unavailable = gone.ranges().map(|range| [range.start, range.end - 1]).collect();
        SearchPage {
            entries: self.found.into_iter().map(|entry| entry.line).collect(),
            next_cursor,
            tree_size: self.tree_size,
            pruned_through: self.pruned_through,
            tiers,
            unavailable,
            bytes_read: self.figures.bytes_read,
        }
    }
}

//! Which part of the ledger answers from where.

use std::ops::Range;
use std::str::FromStr;

use store::Order;

use crate::error::{Result, corrupt_row};
use crate::ledger::Ledger;
use crate::pruning::PrunedRow;

/// What a search looks through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Tier {
    /// What is in the hot store, wherever in the ledger it stands.
    Hot,
    /// What is below the hot window, from the archive.
    Cold,
    /// The whole ledger, each entry once.
    #[default]
    All,
}

impl Tier {
    /// The word that asks for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
            Self::All => "all",
        }
    }
}

impl FromStr for Tier {
    type Err = &'static str;

    fn from_str(word: &str) -> std::result::Result<Self, Self::Err> {
        [Self::Hot, Self::Cold, Self::All]
            .into_iter()
            .find(|tier| tier.as_str() == word)
            .ok_or("tier is hot, cold or all")
    }
}

/// Where a part of the ledger is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Hot,
    Cold,
}

/// The next part to search and where it is answered from, or `None` at the end: the one place that decides.
///
/// The hot store answers from `pruned_through` on, where it has every entry; the archive answers everything below, also
/// what has a hot copy there, so that no entry is found twice. A search of the hot tier alone takes hot copies wherever
/// they are. A range below that is hot as a whole would become a part of its own here, with the same check afterwards
/// that nothing of it went meanwhile.
pub(super) fn piece_ahead(
    tier: Tier,
    order: Order,
    next: u64,
    tree_size: u64,
    pruned_through: u64,
) -> Option<(Side, Range<u64>)> {
    let border = pruned_through.min(tree_size);
    let pieces = match tier {
        Tier::Hot => [(Side::Hot, 0..tree_size), (Side::Cold, 0..0)],
        Tier::Cold => [(Side::Cold, 0..border), (Side::Hot, 0..0)],
        Tier::All => [(Side::Cold, 0..border), (Side::Hot, border..tree_size)],
    };
    let ahead = pieces.into_iter().map(|(side, piece)| match order {
        Order::Ascending => (side, piece.start.max(next)..piece.end),
        Order::Descending => (side, piece.start..piece.end.min(next)),
    });
    let mut ahead = ahead.filter(|(_, piece)| !piece.is_empty());
    match order {
        Order::Ascending => ahead.next(),
        Order::Descending => ahead.next_back(),
    }
}

impl Ledger {
    /// From this seq on every entry is hot, now. The store is asked, because a pruning is in it before it is in memory,
    /// and another process may be the one that prunes. What is pruned beyond the border begins at it or above, and its
    /// row's key with it, so that only rows that are new are read.
    pub(crate) async fn pruned_through(&self) -> Result<u64> {
        let mut end = self.view().pruned.end();
        let mut after = end.checked_sub(1).map(|last| format!("{last:020}"));
        loop {
            let rows = self.store().rows(store::Table::Pruned, "", after.as_deref(), ROWS_AT_ONCE).await?;
            for row in &rows {
                let pruned: PrunedRow = serde_json::from_str(&row.body)
                    .map_err(|error| corrupt_row("pruned", &row.key, error))?;
                end = pruned.ranges.iter().map(|[_, last]| last.saturating_add(1)).fold(end, u64::max);
            }
            match rows.last() {
                Some(last) if rows.len() == ROWS_AT_ONCE => after = Some(last.key.clone()),
                _ => return Ok(end),
            }
        }
    }
}

/// Receipts read at once.
const ROWS_AT_ONCE: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces of a search, when each is searched to its end.
    fn pieces(tier: Tier, order: Order, tree_size: u64, pruned_through: u64) -> Vec<(Side, Range<u64>)> {
        let mut next = if order == Order::Ascending { 0 } else { tree_size };
        let mut pieces = Vec::new();
        while let Some((side, range)) = piece_ahead(tier, order, next, tree_size, pruned_through) {
            next = if order == Order::Ascending { range.end } else { range.start };
            pieces.push((side, range));
        }
        pieces
    }

    #[test]
    fn all_tiers_cover_the_ledger_once_in_the_order_of_the_search() {
        use Order::{Ascending, Descending};
        use Side::{Cold, Hot};
        assert_eq!(pieces(Tier::All, Ascending, 9, 4), [(Cold, 0..4), (Hot, 4..9)]);
        assert_eq!(pieces(Tier::All, Descending, 9, 4), [(Hot, 4..9), (Cold, 0..4)]);
        assert_eq!(pieces(Tier::All, Descending, 9, 0), [(Hot, 0..9)]);
        // A later page of a snapshot of which all is archived by now.
        assert_eq!(pieces(Tier::All, Ascending, 9, 12), [(Cold, 0..9)]);
        assert_eq!(pieces(Tier::Hot, Descending, 9, 4), [(Hot, 0..9)]);
        assert_eq!(pieces(Tier::Cold, Ascending, 9, 4), [(Cold, 0..4)]);
        assert_eq!(pieces(Tier::Cold, Ascending, 9, 0), []);
    }
}

//! One level-0 tile's worth of entries: what the lines hash to, what the tile says, and which of them is right.

use std::collections::BTreeMap;
use std::ops::Range;

use merkle::{CompactRange, Hash, TILE_WIDTH};

/// What decides between a line and a tile that disagree.
#[derive(Debug, Clone, Copy)]
pub(super) enum Judge<'a> {
    /// The hash of the whole subtree, from the tile one level up.
    Parent(Hash),
    /// The signed root, at the end of this tile's part of the tree; the range is what precedes the tile.
    Root(&'a CompactRange, Hash),
    /// Nothing is known beyond the two.
    Nobody,
}

/// Both sides of one tile.
pub(super) struct TileLeaves<'a> {
    /// The seqs of the tile's signed part.
    pub(super) seqs: Range<u64>,
    /// Leaf hashes of the hot lines.
    pub(super) hot: &'a BTreeMap<u64, Hash>,
    /// The stored tile; empty when there is none.
    pub(super) stored: &'a [Hash],
}

/// What is to be believed, and who was wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The leaf hashes to go on with; `None` where neither side has one.
    pub(super) leaves: Vec<Option<Hash>>,
    /// Hot entries that are not what was signed.
    pub(super) changed: Vec<u64>,
    /// Whether the tile is not what the tree says.
    pub(super) tile_wrong: bool,
}

impl TileLeaves<'_> {
    pub(super) fn judge(&self, judge: Judge<'_>) -> Verdict {
        let width = (self.seqs.end - self.seqs.start) as usize;
        let offset = |seq: u64| (seq % TILE_WIDTH) as usize;
        let stored: Vec<Option<Hash>> = (0..width).map(|at| self.stored.get(at).copied()).collect();
        let lines: Vec<Option<Hash>> =
            self.seqs.clone().map(|seq| self.hot.get(&seq).copied().or(stored[offset(seq)])).collect();
        if self.stored.len() == width && lines == stored {
            // With no line to back it, the tile has only the one above it to agree with.
            let tile_wrong =
                self.hot.is_empty() && matches!(judge, Judge::Parent(_)) && !proves(&stored, judge);
            return Verdict { leaves: stored, changed: Vec::new(), tile_wrong };
        }
        let disagree = || -> Vec<u64> {
            let hot = self.hot.iter().filter(|(seq, _)| self.seqs.contains(seq));
            hot.filter(|(seq, leaf)| stored[offset(**seq)].is_some_and(|other| other != **leaf))
                .map(|(seq, _)| *seq)
                .collect()
        };
        let good = |leaves: &[Option<Hash>]| proves(leaves, judge);
        if self.stored.len() == width && good(&stored) {
            Verdict { changed: disagree(), leaves: stored, tile_wrong: false }
        } else if good(&lines) {
            Verdict { changed: Vec::new(), leaves: lines, tile_wrong: true }
        } else {
            // Neither side leads to what was signed: both are suspect.
            Verdict { changed: disagree(), leaves: lines, tile_wrong: true }
        }
    }
}

fn proves(leaves: &[Option<Hash>], judge: Judge<'_>) -> bool {
    let (mut range, expected) = match judge {
        Judge::Parent(expected) => (CompactRange::new(), expected),
        Judge::Root(before, expected) => (before.clone(), expected),
        Judge::Nobody => return false,
    };
    for leaf in leaves {
        let Some(leaf) = leaf else { return false };
        range.append(*leaf);
    }
    range.root() == expected
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use merkle::{CompactRange, Hash, leaf_hash};

    use super::{Judge, TileLeaves};

    fn leaves() -> Vec<Hash> {
        (0..256_u32).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut range = CompactRange::new();
        for leaf in leaves {
            range.append(*leaf);
        }
        range.root()
    }

    #[test]
    fn the_side_that_leads_to_the_signed_root_is_believed() {
        let good = leaves();
        let hot: BTreeMap<u64, Hash> = (256..512).zip(good.iter().copied()).collect();
        let judge = Judge::Parent(root(&good));
        let tile = |hot, stored| TileLeaves { seqs: 256..512, hot, stored }.judge(judge);

        let fine = tile(&hot, &good);
        assert!(fine.changed.is_empty() && !fine.tile_wrong);

        let mut changed_line = hot.clone();
        changed_line.insert(300, leaf_hash(b"other"));
        let verdict = tile(&changed_line, &good);
        assert_eq!((verdict.changed, verdict.tile_wrong), (vec![300], false));

        let mut changed_tile = good.clone();
        changed_tile[7] = leaf_hash(b"other");
        let verdict = tile(&hot, &changed_tile);
        assert!(verdict.changed.is_empty() && verdict.tile_wrong);
        assert_eq!(verdict.leaves, good.iter().copied().map(Some).collect::<Vec<_>>());

        let verdict = tile(&hot, &good[..10]);
        assert!(verdict.changed.is_empty() && verdict.tile_wrong);

        let verdict = tile(&changed_line, &changed_tile);
        assert_eq!((verdict.changed, verdict.tile_wrong), (vec![263, 300], true));
    }
}

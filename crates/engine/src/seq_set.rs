//! A set of seqs as sorted, disjoint, non-adjacent ranges.

use std::collections::BTreeMap;
use std::ops::Range;

/// Seqs: those that were pruned (without holds one range from 0), or those that are hot again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeqSet {
    /// start → end (exclusive)
    ranges: BTreeMap<u64, u64>,
}

impl SeqSet {
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        let touching: Vec<u64> = self
            .ranges
            .range(..=end)
            .rev()
            .take_while(|(_, other_end)| **other_end >= start)
            .map(|(other_start, _)| *other_start)
            .collect();
        for other_start in touching {
            if let Some(other_end) = self.ranges.remove(&other_start) {
                start = start.min(other_start);
                end = end.max(other_end);
            }
        }
        self.ranges.insert(start, end);
    }

    /// Takes a range out of the set.
    pub(crate) fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let touched: Vec<(u64, u64)> = self
            .ranges
            .range(..range.end)
            .rev()
            .take_while(|(_, end)| **end > range.start)
            .map(|(start, end)| (*start, *end))
            .collect();
        for (start, end) in touched {
            self.ranges.remove(&start);
            if start < range.start {
                self.ranges.insert(start, range.start);
            }
            if end > range.end {
                self.ranges.insert(range.end, end);
            }
        }
    }

    /// What is in this set and not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = self.clone();
        other.ranges().for_each(|range| left.remove(&range));
        left
    }

    /// The parts of `range` that are in the set, in order.
    pub(crate) fn within(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let first = self.ranges.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        self.ranges
            .range(first..range.end.max(first))
            .map(|(start, end)| (*start).max(range.start)..(*end).min(range.end))
            .filter(|part| !part.is_empty())
            .collect()
    }

    pub(crate) fn contains(&self, seq: u64) -> bool {
        self.ranges.range(..=seq).next_back().is_some_and(|(_, end)| seq < *end)
    }

    pub(crate) fn covers(&self, range: &Range<u64>) -> bool {
        range.is_empty()
            || self.ranges.range(..=range.start).next_back().is_some_and(|(_, end)| range.end <= *end)
    }

    /// Whether any seq of the range is in the set.
    pub(crate) fn touches(&self, range: &Range<u64>) -> bool {
        self.ranges.range(..range.end).next_back().is_some_and(|(_, end)| range.start < *end)
    }

    /// The parts of `range` that are not in the set, in order.
    pub(crate) fn gaps(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut next = range.start;
        let first = self.ranges.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        for (&start, &end) in self.ranges.range(first..range.end) {
            if start > next {
                gaps.push(next..start.min(range.end));
            }
            next = next.max(end);
        }
        if next < range.end {
            gaps.push(next..range.end);
        }
        gaps
    }

    /// How many seqs are in it.
    pub(crate) fn count(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }

    /// Its ranges, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(start, end)| *start..*end)
    }

    /// Takes everything from `end` on out of the set.
    pub(crate) fn truncate(&mut self, end: u64) {
        self.ranges.split_off(&end);
        if let Some(mut last) = self.ranges.last_entry() {
            *last.get_mut() = end.min(*last.get());
        }
    }

    /// The least seq from which on nothing is in the set.
    pub(crate) fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::SeqSet;

    #[test]
    fn ranges_merge_and_gaps_are_what_is_left() {
        let mut set = SeqSet::default();
        set.insert(10..20);
        set.insert(30..40);
        assert_eq!(set.gaps(0..50), vec![0..10, 20..30, 40..50]);
        set.insert(20..30);
        assert_eq!(set.gaps(5..45), vec![5..10, 40..45]);
        assert!(set.covers(&(10..40)) && !set.covers(&(9..40)) && !set.covers(&(10..41)));
        assert!(set.contains(39) && !set.contains(40) && set.touches(&(0..11)) && !set.touches(&(40..60)));
        set.insert(0..5);
        set.insert(2..12);
        assert_eq!(set.gaps(0..41), vec![40..41]);
        assert_eq!(set.end(), 40);
        set.insert(50..60);
        set.truncate(55);
        assert_eq!(set.gaps(0..60), vec![40..50, 55..60]);
        set.truncate(50);
        set.truncate(7);
        assert_eq!((set.gaps(0..20).first(), set.end()), (Some(&(7..20)), 7));
    }

    #[test]
    fn it_agrees_with_a_plain_set_of_numbers() {
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let (mut set, mut plain) = (SeqSet::default(), std::collections::BTreeSet::new());
            for _ in 0..random(12) {
                let start = random(64);
                let end = start + random(10);
                set.insert(start..end);
                plain.extend(start..end);
            }
            for _ in 0..random(4) {
                let start = random(64);
                let end = start + random(20);
                set.remove(&(start..end));
                plain.retain(|seq| !(start..end).contains(seq));
            }
            let within: Vec<u64> = set.within(&(5..40)).into_iter().flatten().collect();
            assert_eq!(within, plain.range(5..40).copied().collect::<Vec<_>>());
            let gaps: Vec<u64> = set.gaps(3..70).into_iter().flatten().collect();
            assert_eq!(gaps, (3..70).filter(|seq| !plain.contains(seq)).collect::<Vec<_>>());
            assert_eq!(set.end(), plain.last().map_or(0, |last| last + 1));
            assert!((0..80).all(|seq| set.contains(seq) == plain.contains(&seq)));
        }
    }
}

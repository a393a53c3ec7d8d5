//! Deleting hot copies that a proven batch covers, with a receipt for each transaction; and the dedup keys whose
//! time is up.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use event::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Row, RowChange, Table};

use crate::actor::Actor;
use crate::archiving::{ArchiveReport, BatchRow};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// At most so many ranges in one transaction, so that its receipt fits into an entry.
const RANGES_MAX: usize = 1_000;
/// Dedup keys looked at in one step of their expiry.
const KEYS_AT_ONCE: usize = 10_000;
/// At most so many bytes are given back to the operating system in one run.
const RECLAIM_BYTES_MAX: u64 = 256 << 20;
/// … and so many in one transaction.
const RECLAIM_STEP_BYTES: u64 = 2 << 20;
/// While others append, a pruning transaction is to take about so long: they wait for it.
const TRANSACTION_AIM: Duration = Duration::from_millis(10);
/// … but it deletes at least so many entries: each one costs a receipt and a sync.
const TRANSACTION_ENTRIES_MIN: u64 = 1_000;
/// Keys are looked through when at least one in so many may go. All have to be looked at, as they do not sort by age, so
/// a run for a few would read the same millions every day.
const KEYS_GO_ONE_IN: u64 = 8;

/// What one pruning transaction deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrunedRow {
    pub(crate) batch: String,
    /// First and last seq of each deleted run, inclusive.
    pub(crate) ranges: Vec<[u64; 2]>,
}

/// How many entries the next pruning transaction deletes: as many as the policy says while nobody appends, else as many
/// as those who append can wait for.
struct Steps {
    entries: u64,
    entries_max: u64,
    next_receipt: u64,
}

impl Steps {
    /// For a ledger of this size.
    fn new(entries_max: u64, tree_size: u64) -> Self {
        let entries_max = entries_max.max(1);
        Self { entries: entries_max, entries_max, next_receipt: tree_size }
    }

    /// A transaction took so long and left this receipt. Between it and the one before stands what others appended.
    fn took(&mut self, taken: Duration, receipt: u64) {
        let alone = std::mem::replace(&mut self.next_receipt, receipt + 1) == receipt;
        let entries = if alone || taken < TRANSACTION_AIM / 2 {
            self.entries.saturating_mul(2)
        } else {
            let in_time = TRANSACTION_AIM.as_secs_f64() / taken.as_secs_f64();
            (self.entries as f64 * in_time) as u64
        };
        self.entries = entries.max(TRANSACTION_ENTRIES_MIN).min(self.entries_max);
    }
}

impl Engine {
    /// Prunes what is still hot of a recorded batch, in bounded transactions.
    pub(crate) async fn prune_batch(
        &self,
        row: &BatchRow,
        actor: &Actor,
        progress: &dyn Progress,
        report: &mut ArchiveReport,
    ) -> Result<()> {
        let plan = &row.plan;
        let mut left = self.ledger().view().pruned.gaps(plan.first_seq..plan.size());
        if let Some(discarding) = &row.discarding {
            // What is left for good need not be looked at again.
            if count(&left) <= discarding.kept {
                return Ok(());
            }
            left = self.discardable(left).await?;
        }
        if left.is_empty() {
            return Ok(());
        }
        report.batch = Some(plan.id.to_string());
        progress.begin("pruning", Some(count(&left)));
        let mut steps = Steps::new(self.ledger().inner.policy.transaction_entries, self.ledger().tree_size());
        let mut left = VecDeque::from(left);
        while !left.is_empty() {
            let ranges = first_of(&mut left, steps.entries);
            let (entries, begun) = (count(&ranges), Instant::now());
            let receipt = self.prune(plan.id.as_str(), ranges, actor).await?;
            steps.took(begun.elapsed(), receipt);
            report.pruned += entries;
            progress.advance(entries);
        }
        progress.end();
        progress.begin("giving space back", None);
        self.reclaim().await?;
        progress.end();
        Ok(())
    }

    /// Gives freed space back in small steps: commits go on between them.
    pub(crate) async fn reclaim(&self) -> Result<()> {
        let mut given_back = 0;
        while given_back < RECLAIM_BYTES_MAX {
            match self.ledger().store().reclaim(RECLAIM_STEP_BYTES).await? {
                0 => break,
                bytes => given_back += bytes,
            }
        }
        Ok(())
    }

    /// One transaction: the hot copies go and their receipt comes, whose seq is answered. The ranges are ascending, and at
    /// least one.
    async fn prune(&self, batch: &str, ranges: Vec<Range<u64>>, actor: &Actor) -> Result<u64> {
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
            return Err(Error::new(ErrorKind::Internal, "nothing was given to be pruned"));
        };
        let range = first.start..last.end;
        let signed = self.ledger().checkpoint().await?.map_or(0, |checkpoint| checkpoint.size);
        if range.end > signed {
            let message =
                format!("entries up to {} are not all signed (up to {signed}): nothing pruned", range.end);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        // Held from here to the commit: a segment that is sealed in between would keep an index of nothing.
        let _segments = self.inner.segment_changes.lock().await;
        let prune = self.ledger().view().prune(ranges.clone());
        let inclusive = ranges.iter().map(|range| [range.start, range.end - 1]).collect();
        let row = PrunedRow { batch: batch.to_owned(), ranges: inclusive };
        let body = serde_json::to_string(&row)
            .map_err(|error| Error::with_source(ErrorKind::Internal, "a receipt cannot be written", error))?;
        let change = RowChange::Put(Table::Pruned, Row { key: format!("{:020}", range.start), body });
        let details = json!({ "ranges": row.ranges, "entries": count(&ranges) });
        let (first_seq, last_seq) = (range.start, range.end - 1);
        let receipt = self
            .change_of_run("ledger.pruned", actor, ("batch", batch), details, vec![change], Some(prune))
            .await?;
        tracing::info!(batch, first_seq, last_seq, "audit_archive_pruned");
        Ok(receipt)
    }

    /// Deletes the dedup keys of entries that are pruned and were recorded longer ago than the policy keeps keys.
    pub(crate) async fn expire_keys(&self) -> Result<()> {
        let ledger = self.ledger();
        let now = ledger.inner.clock.now();
        let Some(cutoff) = now.checked_sub_days(i64::from(ledger.inner.policy.dedup_days)) else {
            return Ok(());
        };
        let Some(end) = self.keys_expire_before(cutoff).await? else { return Ok(()) };
        let expired = self.inner.keys_expired_below.load(Ordering::Relaxed);
        if end.saturating_sub(expired).saturating_mul(KEYS_GO_ONE_IN)
            < ledger.tree_size().saturating_sub(expired)
        {
            return Ok(());
        }
        let mut after = None;
        loop {
            let rows = ledger.store().keys_after(after, KEYS_AT_ONCE).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.key);
            let expired: Vec<store::Key> = {
                let view = ledger.view();
                let gone = rows.iter().filter(|row| row.seq < end && view.pruned.contains(row.seq));
                gone.map(|row| row.key).collect()
            };
            if !expired.is_empty() {
                ledger.store().delete_keys(expired).await?;
            }
        }
        self.inner.keys_expired_below.store(end, Ordering::Relaxed);
        Ok(())
    }

    /// Entries below this seq were recorded before the cutoff: the end of the newest batch that was archived
    /// before it, which errs on the side of keeping keys longer.
    async fn keys_expire_before(&self, cutoff: Timestamp) -> Result<Option<u64>> {
        let rows = self.ledger().batch_rows().await?;
        let old = rows.iter().filter(|row| row.done_at().is_some_and(|done_at| done_at < cutoff));
        Ok(old.map(|row| row.plan.size()).max())
    }
}

fn count<'a>(ranges: impl IntoIterator<Item = &'a Range<u64>>) -> u64 {
    ranges.into_iter().map(|range| range.end - range.start).sum()
}

/// Takes the first so many entries (at least one), over as many ranges as a receipt can name.
fn first_of(left: &mut VecDeque<Range<u64>>, entries: u64) -> Vec<Range<u64>> {
    let mut taken = Vec::new();
    let mut room = entries.max(1);
    while room > 0 && taken.len() < RANGES_MAX {
        let Some(range) = left.pop_front() else { break };
        let end = range.end.min(range.start.saturating_add(room));
        if end < range.end {
            left.push_front(end..range.end);
        }
        room -= end - range.start;
        taken.push(range.start..end);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries_after(steps: &mut Steps, taken_ms: u64, receipt: u64) -> u64 {
        steps.took(Duration::from_millis(taken_ms), receipt);
        steps.entries
    }

    #[test]
    fn transactions_shrink_to_what_appends_can_wait_for_and_grow_again() {
        let mut steps = Steps::new(10_000, 100);
        assert_eq!(entries_after(&mut steps, 40, 100), 10_000, "nobody appends");
        assert_eq!(entries_after(&mut steps, 40, 150), 2_500, "somebody appended");
        assert_eq!(entries_after(&mut steps, 100, 200), 1_000, "each needs a receipt");
        assert_eq!(entries_after(&mut steps, 2, 250), 2_000, "there was time left");
        assert_eq!(entries_after(&mut steps, 20, 251), 4_000, "nobody appends any more");
        assert_eq!(entries_after(&mut steps, 40, 252), 8_000);
        assert_eq!(entries_after(&mut steps, 80, 253), 10_000, "no more than the policy says");
        let mut steps = Steps::new(10, 0);
        assert_eq!(entries_after(&mut steps, 40, 9), 10, "nor less than it says");
    }

    #[test]
    fn steps_hold_so_many_entries_over_any_number_of_ranges() {
        let steps = |ranges: Vec<Range<u64>>, entries| {
            let mut left = VecDeque::from(ranges);
            let mut steps = Vec::new();
            while !left.is_empty() {
                steps.push(first_of(&mut left, entries));
            }
            steps
        };
        let shown: Vec<String> =
            steps(vec![0..3, 5..6, 10..20], 5).iter().map(|ranges| format!("{ranges:?}")).collect();
        assert_eq!(shown, ["[0..3, 5..6, 10..11]", "[11..16]", "[16..20]"]);
        let apart = (0..2_500).map(|number| 2 * number..2 * number + 1).collect();
        let sizes: Vec<usize> = steps(apart, 10_000).iter().map(Vec::len).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
    }
}

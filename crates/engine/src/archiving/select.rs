//! Selecting what a run archives: a contiguous range, strictly older than the cutoff.

use std::ops::Range;

use event::{EntryFields, Timestamp};

use super::{ArchiveRun, Window};
use crate::attestation::is_own;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Ledger, chunk_of};

/// What the ledger itself writes in an archive run.
const RETENTION_ACTIONS: [&str; 4] =
    ["archive.batch.planned", "archive.batch.completed", "archive.batch.discarded", "ledger.pruned"];

impl Ledger {
    /// Entries recorded strictly before this are old enough.
    pub(crate) fn cutoff(&self, run: &ArchiveRun) -> Result<Timestamp> {
        let now = self.inner.clock.now();
        let days = match run.window {
            Window::Before(time) if time > now => {
                let message = format!("{time} is in the future: give a time up to now ({now})");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            Window::Before(time) => return Ok(time),
            Window::HotDays(days) => days,
            Window::Policy => self.inner.policy.hot_days,
        };
        event::retention::cutoff(now, days).ok_or_else(|| {
            let message = format!("{} days before {now} is no date: nothing was done", days.days());
            Error::new(ErrorKind::Invalid, message)
        })
    }

    /// The seqs in `first..signed` that were recorded strictly before the cutoff. `recorded_at` never falls, so a
    /// binary search finds the end.
    pub(crate) async fn older_than(&self, first: u64, signed: u64, cutoff: Timestamp) -> Result<Range<u64>> {
        let (mut low, mut high) = (first, signed.max(first));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.recorded_at(middle).await? < cutoff {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(first..low)
    }

    pub(crate) async fn recorded_at(&self, seq: u64) -> Result<Timestamp> {
        let entry = self.store().entries_at(vec![seq]).await?.pop().ok_or_else(|| {
            let message = format!("entry-missing: entry {seq} is neither archived nor hot: run verify");
            Error::new(ErrorKind::Corrupt, message)
        })?;
        let fields = EntryFields::parse(&entry.line).map_err(|error| {
            let message = format!("the line of entry {seq} cannot be read: run verify");
            Error::with_source(ErrorKind::Corrupt, message, error)
        })?;
        Ok(fields.recorded_at)
    }

    /// Whether a range holds nothing but what archive runs themselves wrote. Archiving it would only make more.
    pub(crate) async fn only_receipts(&self, range: Range<u64>) -> Result<bool> {
        let mut next = range.start;
        while next < range.end {
            let scan = chunk_of(next..range.end);
            let entries = self.store().entries(scan).await?;
            let Some(last) = entries.last() else { break };
            next = last.seq + 1;
            let is_receipt = |line: &[u8]| {
                is_own(line)
                    && EntryFields::parse(line)
                        .is_ok_and(|fields| RETENTION_ACTIONS.contains(&fields.action.as_ref()))
            };
            if !entries.iter().all(|entry| is_receipt(&entry.line)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

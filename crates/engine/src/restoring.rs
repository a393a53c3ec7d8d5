//! Archived entries, back in the hot window for some days: read from a destination, held against the tree, and put
//! back as they were. Neither seq nor line nor hash changes; the ledger grows only by the receipts.

mod copying;
mod index;
mod matching;
mod releasing;
mod row;
mod windows;

use std::ops::Range;
use std::time::Instant;

use archive::ManifestObject;
use event::{Filter, HotDays, Timestamp};
use serde::Serialize;

use crate::actor::Actor;
use crate::archiving::BatchRow;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::seq_set::SeqSet;

pub(crate) use row::{RestoredRow, restored_rows};

/// At most so many entries are restored by one filter.
pub const RESTORED_BY_FILTER_MAX: u64 = 100_000;

/// What is to be hot again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreTarget {
    /// All of a batch, by its id.
    Batch(String),
    /// The archived entries that match, at most [`RESTORED_BY_FILTER_MAX`].
    Filter(Box<Filter>),
}

/// A wish to have archived entries hot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRun {
    /// Which entries.
    pub target: RestoreTarget,
    /// For how many days from now, 1 to 36,500.
    pub days: HotDays,
}

/// What restoring did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// The batch that was asked for, if it was one.
    pub batch: Option<String>,
    /// Archived entries that were asked for.
    pub matched: u64,
    /// Entries that are hot again and were not before.
    pub restored: u64,
    /// Entries that were hot again already and stay so for longer, or as long.
    pub extended: u64,
    /// Entries of a batch that expired; of a filter, entries of the expired objects that may have held matches.
    pub expired: u64,
    /// They stay hot until the first archive run after this.
    pub until: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: u64,
}

/// One way to ask, worked out: the objects that may hold the entries, and the entries.
struct Wanted {
    origin: row::Origin,
    objects: Vec<ManifestObject>,
    seqs: SeqSet,
}

impl Engine {
    /// Makes archived entries hot again until some days from now. What is hot again already stays so as long; asking
    /// again after a failure goes on where it was.
    ///
    /// Fails with [`ErrorKind::NotFound`] for a batch that is not there, with [`ErrorKind::Invalid`] for one that is not
    /// finished and for a filter that matches more than [`RESTORED_BY_FILTER_MAX`] archived entries, with
    /// [`ErrorKind::Corrupt`] where the archive does not hold what the tree says.
    pub async fn restore(
        &self,
        run: &RestoreRun,
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<RestoreReport> {
        let started = Instant::now();
        let _one_at_a_time = self.inner.archiving.lock().await;
        let now = self.ledger().now();
        let until = now.checked_add_days(i64::from(run.days.days())).ok_or_else(|| {
            let message = format!("{} days after {now} is no date: nothing was done", run.days.days());
            Error::new(ErrorKind::Invalid, message)
        })?;
        if self.ledger().inner.destinations.is_empty() {
            let message = "no archive destination is configured: there is nothing to restore from";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let mut report = RestoreReport { until: Some(until), ..RestoreReport::default() };
        let wanted = match &run.target {
            RestoreTarget::Batch(id) => self.whole_batch(id, &mut report).await?,
            RestoreTarget::Filter(filter) => self.matching(filter, progress, &mut report).await?,
        };
        report.matched = wanted.seqs.count();
        report.extended = self.extend(&wanted.seqs, until, actor).await?;
        let missing = wanted.seqs.without(&self.ledger().view().restored);
        report.restored = self.copy_back(&wanted, &missing, until, actor, progress).await?;
        report.duration_ms = started.elapsed().as_millis() as u64;
        tracing::info!(
            matched = report.matched,
            restored = report.restored,
            extended = report.extended,
            until = %until,
            duration_ms = report.duration_ms,
            "audit_archive_restored"
        );
        Ok(report)
    }

    /// What of a batch was pruned.
    async fn whole_batch(&self, id: &str, report: &mut RestoreReport) -> Result<Wanted> {
        let rows = self.ledger().batch_rows().await?;
        let Some(row) = rows.into_iter().find(|row| row.plan.id.as_str() == id) else {
            let message = format!("there is no batch {id}: `archive list` names those there are");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        if !row.is_complete() {
            let message = format!("batch {id} is not finished: its entries are hot");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        report.batch = Some(id.to_owned());
        let pruned = self.pruned_in(&[batch_range(&row)]);
        let expired = self.ledger().expired_objects_of(id).await?;
        let mut objects = self.ledger().objects_of(id).await?;
        let mut seqs = pruned.clone();
        if !expired.is_empty() {
            objects.retain(|object| !expired.contains(&object.key));
            seqs = pruned.without(&self.ledger().expired_seqs_of(id).await?);
        }
        report.expired = pruned.count() - seqs.count();
        Ok(Wanted { origin: row::Origin::Batch(id.to_owned()), objects, seqs })
    }

    fn pruned_in(&self, ranges: &[Range<u64>]) -> SeqSet {
        let view = self.ledger().view();
        let mut seqs = SeqSet::default();
        for range in ranges {
            view.pruned.within(range).into_iter().for_each(|range| seqs.insert(range));
        }
        seqs
    }
}

fn batch_range(row: &BatchRow) -> Range<u64> {
    row.plan.first_seq..row.plan.size()
}

//! Destroying archived objects whose time is up: off unless the operator switches it on, and asked for one run at a time.
//!
//! The order is fixed. The objects are read at every destination and held against the tree; the row with the note's hash
//! and the entry that says so are committed; the signed note is written and read back everywhere; only then objects go.
//! A crash at any step is taken up by the next run, with the same note.

mod carrying_out;
mod examining;
mod lookup;
mod row;

use std::time::Instant;

use archive::{Destination, Digest, ExpiredObject, ExpiryNote, ExpiryPlan, ManifestObject, ManifestRef};
use serde::Serialize;
use serde_json::json;
use store::{Expected, ExpectedRow, Table};

use crate::actor::Actor;
use crate::archiving::BatchRow;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::freeze::not_frozen;
use crate::progress::Progress;
use crate::state_change::Change;
use examining::Verdict;
pub use lookup::ExpiredEntry;
pub(crate) use row::{ExpiredRow, expired_rows};

/// A note ends with the object that brings it to so many entries: about 15 MiB.
const NOTE_ENTRIES: u64 = 250_000;

/// What an expiry is asked to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiryRun {
    /// Say what would be destroyed, change nothing.
    pub dry_run: bool,
    /// Destroy at most so many objects.
    pub objects_max: Option<u64>,
}

/// What an expiry did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExpiryReport {
    /// Whether all that was to be done is done.
    pub ok: bool,
    /// Objects that were read because their time may be up.
    pub examined: u64,
    /// Objects that are gone from every destination now, or would be.
    pub expired: u64,
    /// Entries in them.
    pub entries: u64,
    /// Stored bytes of them, at one destination.
    pub bytes: u64,
    /// Signed notes written.
    pub notes: u64,
    /// Objects of which an entry has to be kept longer.
    pub kept: u64,
    /// Objects of which an entry is hot, because it has not been pruned or was restored.
    pub hot: u64,
    /// Objects of which an entry is on legal hold.
    pub held: u64,
    /// What a destination did not let go; the next run tries again.
    pub refused: Vec<RefusedRemoval>,
    /// How long it took.
    pub duration_ms: u64,
    /// Whether nothing was changed on purpose.
    pub dry_run: bool,
}

/// An object that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRemoval {
    /// The destination's name.
    pub destination: String,
    /// The object.
    pub key: String,
    /// What the destination said.
    pub message: String,
}

/// One run.
struct Expiry<'a> {
    run: &'a ExpiryRun,
    destinations: &'a [Destination],
    actor: &'a Actor,
    progress: &'a dyn Progress,
    report: ExpiryReport,
}

/// Objects of one batch that go together, with what they hold.
#[derive(Default)]
struct Group {
    objects: Vec<ExpiredObject>,
    entries: u64,
    bytes: u64,
}

impl Engine {
    /// Destroys archived objects of which every entry's retention has passed, at most as many as the run says.
    ///
    /// `destinations` are all of the ledger's, opened for expiry. Fails with [`ErrorKind::Refused`] while expiry is
    /// switched off or retention is frozen, with [`ErrorKind::Unavailable`] where a destination is missing or the clock
    /// is in doubt, with [`ErrorKind::Corrupt`] for an object that is not what was archived: it stays.
    pub async fn expire(
        &self,
        run: &ExpiryRun,
        destinations: &[Destination],
        actor: &Actor,
        progress: &dyn Progress,
    ) -> Result<ExpiryReport> {
        let started = Instant::now();
        let _one_at_a_time = self.inner.archiving.lock().await;
        self.may_expire(destinations).await?;
        let report = ExpiryReport { dry_run: run.dry_run, ..ExpiryReport::default() };
        let mut expiry = Expiry { run, destinations, actor, progress, report };
        let rows = expired_rows(self.ledger().store()).await?;
        if !run.dry_run {
            for row in rows.iter().filter(|row| row.ended_at.is_none()) {
                self.carry_out(&mut expiry, row, None).await?;
            }
        }
        for batch in self.ledger().batch_rows().await?.iter().filter(|batch| batch.is_complete()) {
            self.expire_of_batch(&mut expiry, batch, &rows).await?;
        }
        let mut report = expiry.report;
        report.ok = report.refused.is_empty();
        report.duration_ms = started.elapsed().as_millis() as u64;
        tracing::info!(
            examined = report.examined,
            expired = report.expired,
            entries = report.entries,
            refused = report.refused.len(),
            dry_run = report.dry_run,
            "audit_archive_expired"
        );
        Ok(report)
    }

    async fn may_expire(&self, destinations: &[Destination]) -> Result<()> {
        let ledger = self.ledger();
        if !ledger.inner.policy.expire_enabled {
            let message = "expiry is switched off (expire.enabled): nothing is destroyed";
            return Err(Error::new(ErrorKind::Refused, message));
        }
        ledger.refuse_when_frozen().await?;
        if let Some(doubt) = self.state().clock_in_doubt {
            let message = format!("nothing expires by a clock that is in doubt: {doubt}");
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let given = |name: &str| destinations.iter().any(|destination| destination.name() == name);
        match ledger.inner.destinations.iter().find(|destination| !given(destination.name())) {
            Some(missing) => {
                let message = format!("the destination {} is not open for expiry", missing.name());
                Err(Error::new(ErrorKind::Unavailable, message))
            }
            None if destinations.is_empty() => {
                Err(Error::new(ErrorKind::Unavailable, "no archive destination is configured"))
            }
            None => Ok(()),
        }
    }

    /// Finds what of a batch is over, and destroys it a note at a time.
    async fn expire_of_batch(
        &self,
        expiry: &mut Expiry<'_>,
        batch: &BatchRow,
        rows: &[ExpiredRow],
    ) -> Result<()> {
        let id = batch.plan.id.as_str();
        let of_batch = || rows.iter().filter(|row| row.batch.as_str() == id);
        let mut number = of_batch().map(|row| row.number).max().unwrap_or(0);
        let mut objects = self.ledger().objects_of(id).await?;
        objects.retain(|object| !of_batch().any(|row| row.objects.contains(&object.key)));
        let mut group = Group::default();
        for object in &objects {
            let so_far = expiry.report.expired + group.objects.len() as u64;
            if expiry.run.objects_max.is_some_and(|most| so_far >= most) {
                break;
            }
            let Some(expired) = self.examined(expiry, object).await? else { continue };
            group.entries += object.entries;
            group.bytes += object.bytes;
            group.objects.push(expired);
            if group.entries >= NOTE_ENTRIES {
                number += 1;
                self.destroy(expiry, batch, number, std::mem::take(&mut group)).await?;
            }
        }
        if group.objects.is_empty() {
            return Ok(());
        }
        self.destroy(expiry, batch, number + 1, group).await
    }

    /// The object as a note lists it, if its time is up.
    async fn examined(
        &self,
        expiry: &mut Expiry<'_>,
        object: &ManifestObject,
    ) -> Result<Option<ExpiredObject>> {
        if !self.may_be_over(object) {
            return Ok(None);
        }
        expiry.report.examined += 1;
        let verdict = self.examine(expiry.destinations, object).await?;
        expiry.progress.advance(object.entries);
        match verdict {
            Verdict::Over(leaves) => return Ok(Some(ExpiredObject::new(object, &leaves))),
            Verdict::Kept => expiry.report.kept += 1,
            Verdict::Hot => expiry.report.hot += 1,
            Verdict::Held => expiry.report.held += 1,
        }
        Ok(None)
    }

    /// Commits what is about to go, then lets it go.
    async fn destroy(
        &self,
        expiry: &mut Expiry<'_>,
        batch: &BatchRow,
        number: u64,
        group: Group,
    ) -> Result<()> {
        if expiry.run.dry_run {
            expiry.report.expired += group.objects.len() as u64;
            expiry.report.entries += group.entries;
            expiry.report.bytes += group.bytes;
            return Ok(());
        }
        let Some(completed) = &batch.completed else { return Ok(()) };
        let plan = ExpiryPlan {
            origin: self.ledger().identity().origin.clone(),
            created_at: self.ledger().now(),
            tree_size: self.checkpoint().await?.size,
            batch: batch.plan.id.clone(),
            number,
            manifest: completed.manifest.clone(),
        };
        let objects: Vec<String> = group.objects.iter().map(|object| object.key.clone()).collect();
        let (created_at, tree_size) = (plan.created_at, plan.tree_size);
        let note = ExpiryNote::new(plan, group.objects);
        let text = note.sign(&self.inner.signer)?;
        let reference = ManifestRef { key: note.key(), sha256: Digest::of(text.as_bytes()) };
        let row = ExpiredRow {
            batch: batch.plan.id.clone(),
            first_seq: batch.plan.first_seq,
            number,
            created_at,
            tree_size,
            note: reference,
            objects,
            entries: group.entries,
            bytes: group.bytes,
            ended_at: None,
        };
        let id = batch.plan.id.to_string();
        let details = json!({ "note": row.note, "objects": row.objects.len(), "entries": row.entries });
        let change = Change {
            rows: vec![row.put()?],
            expected: vec![
                not_frozen(),
                ExpectedRow { table: Table::Expired, key: row.row_key(), expected: Expected::Nothing },
            ],
            ..Change::default()
        };
        let target = ("batch", id.as_str());
        self.change_if_expected("archive.batch.expiring", expiry.actor, target, details, change).await?;
        expiry.report.notes += 1;
        self.carry_out(expiry, &row, Some(text)).await
    }
}

//! The state beside the entries: every control row must be what the newest entry about it attests.

use std::collections::{BTreeMap, BTreeSet};

use merkle::CompactRange;
use store::{Checkpoint, Head, Row, Table};

use super::Run;
use crate::archiving::BatchRow;
use crate::attestation::{attested_by, body_sha256, is_attested};
use crate::error::Result;
use crate::identity::{IDENTITY_KEY, Identity};
use crate::ledger::all_rows;
use crate::pruning::PrunedRow;
use crate::restoring::RestoredRow;
use crate::seq_set::SeqSet;

/// The store's small rows, read once.
pub(super) struct Rows {
    pub(super) head: Head,
    /// The head's compact range, if it is one.
    pub(super) head_range: Option<CompactRange>,
    pub(super) checkpoint: Option<Checkpoint>,
    /// The note in the checkpoint file.
    pub(super) last_checkpoint: Option<String>,
    pub(super) control: BTreeMap<Table, Vec<Row>>,
    pub(super) batches: Vec<BatchRow>,
    pub(super) pruned: SeqSet,
    /// What was pruned, with its receipt, since the rows were read.
    pub(super) pruned_since: SeqSet,
    /// What of the pruned is hot again.
    pub(super) restored: SeqSet,
    /// What was restored since the rows were read.
    pub(super) restored_since: SeqSet,
    /// What was restored and has been pruned again since the rows were read.
    pub(super) released_since: SeqSet,
    /// Where the entries end: less than the head's size where that is beyond anything that is there.
    pub(super) entries_end: u64,
}

impl Rows {
    /// Whether the rows say that an entry is hot.
    pub(super) fn is_hot(&self, seq: u64) -> bool {
        !self.pruned.contains(seq) || self.restored.contains(seq)
    }

    /// Whether it may be hot by what was written since, too.
    pub(super) fn may_be_hot(&self, seq: u64) -> bool {
        self.is_hot(seq) || self.restored_since.contains(seq)
    }

    /// Whether a receipt says why it is not hot.
    pub(super) fn may_be_gone(&self, seq: u64) -> bool {
        let pruned = self.pruned.contains(seq) || self.pruned_since.contains(seq);
        pruned && (!self.restored.contains(seq) || self.released_since.contains(seq))
    }
}

/// What the ledger's own entries say about control rows: for each row the newest statement.
#[derive(Debug, Default)]
pub(super) struct Attestations {
    newest: BTreeMap<(String, String), (u64, Option<String>)>,
}

impl Attestations {
    /// Takes in an entry's line; entries may come in any order and more than once.
    pub(super) fn read(&mut self, seq: u64, line: &[u8]) {
        for attested in attested_by(line) {
            let slot = self.newest.entry((attested.table, attested.key)).or_insert((seq, None));
            if seq >= slot.0 {
                *slot = (seq, attested.sha256);
            }
        }
    }
}

impl Run<'_> {
    /// Reads head, checkpoint and control rows as they were at one moment, also while others write: what was signed
    /// is read before the head, and control rows that are the same before and after the head was read belong to it.
    /// `None` where there is no ledger.
    pub(super) async fn load(&mut self) -> Result<Option<Rows>> {
        let last_checkpoint = self.subject.last_checkpoint.load()?;
        let checkpoint = self.store().checkpoint().await?;
        let mut control = self.control_rows().await?;
        loop {
            let head = self.store().head().await?;
            let after = self.control_rows().await?;
            if control != after {
                control = after;
                continue;
            }
            let head = match head {
                Some(head) => head,
                None if checkpoint.is_none() && last_checkpoint.is_none() => return Ok(None),
                None => Head { size: 0, range: Vec::new(), recorded_at: 0, hold_version: 0 },
            };
            if head.size == 0 {
                self.findings.problem(
                    "head-mismatch",
                    0,
                    "the head names no entry, and every ledger has one",
                );
            }
            let rows = self.rows_of(head, checkpoint, control);
            return Ok(Some(Rows { last_checkpoint, ..rows }));
        }
    }

    /// What is no evidence is left out: it may change all the time, and nothing could be compared with it. Term filters are
    /// many, and are read batch by batch where they are compared with the entries.
    async fn control_rows(&self) -> Result<BTreeMap<Table, Vec<Row>>> {
        let mut control = BTreeMap::new();
        let kept = |table: &Table| !table.is_transient() && *table != Table::TermFilter;
        for table in Table::ALL.into_iter().filter(kept) {
            control.insert(table, all_rows(self.store(), table, "").await?);
        }
        Ok(control)
    }

    /// What is pruned and restored by now: an entry may have gone or come back, with its receipt, since the rows were
    /// read.
    pub(super) async fn refresh_hot(&self, rows: &mut Rows) -> Result<()> {
        let known = rows.control.get(&Table::Pruned).map_or(&[][..], Vec::as_slice);
        for row in all_rows(self.store(), Table::Pruned, "").await? {
            let at = known.binary_search_by(|other| other.key.cmp(&row.key));
            if at.is_ok_and(|at| known[at] == row) {
                continue;
            }
            if let Ok(receipt) = serde_json::from_str::<PrunedRow>(&row.body) {
                insert_ranges(&mut rows.pruned_since, &receipt.ranges, rows.head.size);
            }
        }
        let mut restored = SeqSet::default();
        for row in all_rows(self.store(), Table::Restored, "").await? {
            if let Ok(row) = serde_json::from_str::<RestoredRow>(&row.body) {
                insert_ranges(&mut restored, &row.ranges, rows.head.size);
            }
        }
        rows.released_since = rows.restored.without(&restored);
        rows.restored_since = restored.without(&rows.restored);
        Ok(())
    }

    fn rows_of(
        &mut self,
        head: Head,
        checkpoint: Option<Checkpoint>,
        control: BTreeMap<Table, Vec<Row>>,
    ) -> Rows {
        let head_range = CompactRange::from_bytes(head.size, &head.range).ok();
        if head_range.is_none() {
            self.findings.problem("head-mismatch", None, "the head's compact range does not fit its size");
        }
        let mut batches: Vec<BatchRow> = Vec::new();
        for row in control.get(&Table::Batch).into_iter().flatten() {
            match serde_json::from_str(&row.body) {
                Ok(batch) => batches.push(batch),
                Err(error) => self.unreadable(Table::Batch, row, &error),
            }
        }
        let mut pruned = SeqSet::default();
        for row in control.get(&Table::Pruned).into_iter().flatten() {
            match serde_json::from_str::<PrunedRow>(&row.body) {
                Ok(receipt) => insert_ranges(&mut pruned, &receipt.ranges, head.size),
                Err(error) => self.unreadable(Table::Pruned, row, &error),
            }
        }
        let mut restored = SeqSet::default();
        for row in control.get(&Table::Restored).into_iter().flatten() {
            match serde_json::from_str::<RestoredRow>(&row.body) {
                Ok(found) => insert_ranges(&mut restored, &found.ranges, head.size),
                Err(error) => self.unreadable(Table::Restored, row, &error),
            }
        }
        if head.hold_version != 0 {
            // Only placing and releasing a hold moves it, and no entry of this format version does either.
            self.findings.problem(
                "head-mismatch",
                None,
                "the head counts changes of holds, and there are none",
            );
        }
        let entries_end = head.size;
        Rows {
            head,
            head_range,
            checkpoint,
            last_checkpoint: None,
            control,
            batches,
            pruned,
            pruned_since: SeqSet::default(),
            restored,
            restored_since: SeqSet::default(),
            released_since: SeqSet::default(),
            entries_end,
        }
    }

    fn unreadable(&mut self, table: Table, row: &Row, error: &serde_json::Error) {
        let message = format!("row {} of {} cannot be read: {error}", row.key, table.name());
        self.findings.problem("state-mismatch", None, message);
    }

    /// Compares every attested row with the newest statement about it.
    pub(super) fn check_state(&mut self, rows: &Rows) {
        self.check_identity(rows);
        self.check_object_batches(rows);
        if self.archive_damaged || self.archive_unread {
            // The newest statement about a row may be in what could not be read.
            let message = if self.archive_damaged {
                "control rows were not compared with their entries, because an archive is damaged"
            } else {
                "control rows were not compared with their entries: these are archived encrypted, and no identity is \
                 configured"
            };
            self.findings.warning("state-unchecked", None, message);
            return;
        }
        let mut unseen = std::mem::take(&mut self.attested.newest);
        for (table, table_rows) in rows.control.iter().filter(|(table, _)| is_attested(**table)) {
            for row in table_rows {
                let name = table.name();
                match unseen.remove(&(name.to_owned(), row.key.clone())) {
                    // A newer statement may be among the entries that are damaged, which are the finding.
                    Some((seq, _)) if self.damaged_to.is_some_and(|damaged| damaged > seq) => {}
                    None => {
                        let message =
                            format!("row {} of {name} is attested by no entry that could be read", row.key);
                        self.findings.problem("state-mismatch", None, message);
                    }
                    Some((seq, sha256)) if sha256.as_deref() != Some(&body_sha256(&row.body)) => {
                        let message = format!("row {} of {name} is not what entry {seq} attests", row.key);
                        self.findings.problem("state-mismatch", seq, message);
                    }
                    Some(_) => {}
                }
            }
        }
        for ((table, key), (seq, sha256)) in unseen {
            if sha256.is_some() {
                let message = format!("row {key} of {table}, which entry {seq} attests, is gone");
                self.findings.problem("state-mismatch", seq, message);
            }
        }
    }

    /// Every object belongs to a completed batch, whose manifest it is held against.
    fn check_object_batches(&mut self, rows: &Rows) {
        let complete = rows.batches.iter().filter(|batch| batch.is_complete());
        let ids: BTreeSet<&str> = complete.map(|batch| batch.plan.id.as_str()).collect();
        for row in rows.control.get(&Table::Object).into_iter().flatten() {
            if row.key.split_once('|').is_none_or(|(batch, _)| !ids.contains(batch)) {
                let message = format!("row {} of object belongs to no completed batch", row.key);
                self.findings.problem("state-mismatch", None, message);
            }
        }
    }

    fn check_identity(&mut self, rows: &Rows) {
        let row = rows
            .control
            .get(&Table::Identity)
            .and_then(|rows| rows.iter().find(|row| row.key == IDENTITY_KEY));
        let identity = row.and_then(|row| serde_json::from_str::<Identity>(&row.body).ok());
        let key = &self.subject.key;
        let named = identity.is_some_and(|identity| {
            identity.origin == key.name() && identity.vkeys.contains(&key.to_string())
        });
        if !named {
            self.findings.problem(
                "state-mismatch",
                0,
                format!("the ledger's identity does not name the key {key}"),
            );
        }
    }
}

/// Ranges that name no entry of the ledger are left out: the row is found to be attested by nothing.
fn insert_ranges(seqs: &mut SeqSet, ranges: &[[u64; 2]], size: u64) {
    let ranges = ranges.iter().filter(|[first, last]| first <= last && *last < size);
    ranges.for_each(|[first, last]| seqs.insert(*first..last + 1));
}

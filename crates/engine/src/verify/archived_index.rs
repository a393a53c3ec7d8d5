//! What the index says of archived entries, rebuilt from their lines and compared: the dedup keys of pruned entries, and
//! the term filters, of which a doctored one would hide evidence from a search.

use std::collections::BTreeMap;

use archive::{Destination, ManifestObject, read_lines};
use event::{EntryFields, Field, content_hashes_possible, keys_for_line};
use store::{Key, Table};

use super::Run;
use super::index::KEYS_AT_ONCE;
use super::state::Rows;
use crate::archiving::BatchRow;
use crate::cold::object_row_key;
use crate::cold::term_rows::{
    MEMBERS_PER_ROW, MemberTerms, filtered_fields, place_of_row, read_row, split_row,
};
use crate::error::Result;
use crate::ledger::all_rows;

/// The keys of about so many archived entries are in memory at once, unless one batch has more.
const ARCHIVED_ENTRIES_AT_ONCE: u64 = 2_000_000;

/// The stored filters of a batch: by field, then by the member's place in the batch.
type Filters = BTreeMap<Field, BTreeMap<usize, Vec<u8>>>;

impl Run<'_> {
    /// A few batches at a time, so that memory is bounded however much has been archived; the keys are read once for each
    /// of these times.
    pub(super) async fn check_archived_index(&mut self, rows: &Rows) -> Result<()> {
        let Some(destination) = self.subject.destinations.first() else { return Ok(()) };
        let complete: Vec<&BatchRow> = rows.batches.iter().filter(|batch| batch.is_complete()).collect();
        self.check_filter_batches(&complete).await?;
        let mut rest = complete.as_slice();
        while let Some(first) = rest.first() {
            let end = first.plan.first_seq.saturating_add(ARCHIVED_ENTRIES_AT_ONCE);
            let count = rest.iter().take_while(|batch| batch.plan.size() <= end).count().max(1);
            let (now, later) = rest.split_at(count);
            let last = now.last().map_or(end, |batch| batch.plan.size());
            let keys = self.keys_of_pruned(rows, first.plan.first_seq..last).await?;
            for batch in now {
                self.check_batch(destination, rows, batch, &keys).await?;
            }
            rest = later;
        }
        Ok(())
    }

    /// No filters of a batch that is not there. Only the first key of each batch is looked at.
    async fn check_filter_batches(&mut self, complete: &[&BatchRow]) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let rows = self.store().rows(Table::TermFilter, "", after.as_deref(), 1).await?;
            let Some(row) = rows.first() else { return Ok(()) };
            let batch = row.key.split_once('|').map_or(row.key.as_str(), |(batch, _)| batch);
            if !complete.iter().any(|row| row.plan.id.as_str() == batch) {
                let message = format!("row {} of term_filter belongs to no completed batch", row.key);
                self.findings.problem("index-mismatch", None, message);
            }
            // `}` is the character after `|`: past all rows of the batch.
            after = Some(format!("{batch}}}"));
        }
    }

    async fn keys_of_pruned(
        &self,
        rows: &Rows,
        seqs: std::ops::Range<u64>,
    ) -> Result<BTreeMap<u64, Vec<store::KeyRow>>> {
        let mut found: BTreeMap<u64, Vec<store::KeyRow>> = BTreeMap::new();
        let mut after = None;
        loop {
            let keys = self.store().keys_after(after, KEYS_AT_ONCE).await?;
            let Some(last) = keys.last() else { return Ok(found) };
            after = Some(last.key);
            for row in keys.into_iter().filter(|row| seqs.contains(&row.seq) && rows.pruned.contains(row.seq))
            {
                found.entry(row.seq).or_default().push(row);
            }
        }
    }

    async fn check_batch(
        &mut self,
        destination: &Destination,
        rows: &Rows,
        batch: &BatchRow,
        keys: &BTreeMap<u64, Vec<store::KeyRow>>,
    ) -> Result<()> {
        let objects = objects_of(rows, batch);
        // What a damaged archive holds is no measure for the filters; that it is damaged has been reported.
        let filters =
            if self.archive_damaged { Filters::new() } else { self.filters_of(batch, &objects).await? };
        let has_keys = keys.range(batch.plan.first_seq..batch.plan.size()).next().is_some();
        if filters.is_empty() && !has_keys {
            return Ok(());
        }
        let members = objects
            .iter()
            .flat_map(|object| object.member_seqs().into_iter().map(move |seqs| (object, seqs)));
        for (number, (object, seqs)) in members.enumerate() {
            let stored: Vec<(Field, &Vec<u8>)> =
                filters.iter().filter_map(|(field, of)| Some((*field, of.get(&number)?))).collect();
            if stored.is_empty() && keys.range(seqs.clone()).next().is_none() {
                continue;
            }
            let first = *seqs.start();
            // What cannot be read has been reported when the archive was verified.
            let Ok(lines) = read_lines(destination, object, seqs).await else { continue };
            self.compare_filters(&object.key, first, &lines, &stored);
            for (seq, line) in lines {
                self.compare_archived_keys(seq, &line, keys.get(&seq).map_or(&[][..], Vec::as_slice));
            }
        }
        Ok(())
    }

    /// The stored filters of a batch. A row that is missing denies nothing; one that should not be there, or cannot be
    /// read, is a finding.
    async fn filters_of(&mut self, batch: &BatchRow, objects: &[ManifestObject]) -> Result<Filters> {
        let id = batch.plan.id.as_str();
        let members: usize = objects.iter().map(|object| object.members.len()).sum();
        let mut filters = Filters::new();
        for row in all_rows(self.store(), Table::TermFilter, &format!("{id}|")).await? {
            let place = place_of_row(&row.key).filter(|(field, number)| {
                filtered_fields().any(|filtered| filtered == *field) && number * MEMBERS_PER_ROW < members
            });
            let bytes = read_row(&row.body).unwrap_or_default();
            let split = split_row(&bytes).unwrap_or_default();
            match place {
                Some((field, number))
                    if split.len() == MEMBERS_PER_ROW.min(members - number * MEMBERS_PER_ROW) =>
                {
                    let of_field = filters.entry(field).or_default();
                    let numbered = split.into_iter().zip(number * MEMBERS_PER_ROW..);
                    of_field.extend(numbered.map(|(filter, number)| (number, filter.to_vec())));
                }
                _ => {
                    let message = format!("row {} of term_filter is no row of this batch's filters", row.key);
                    self.findings.problem("index-mismatch", batch.plan.first_seq, message);
                }
            }
        }
        Ok(filters)
    }

    fn compare_filters(
        &mut self,
        object: &str,
        first_seq: u64,
        lines: &[(u64, Vec<u8>)],
        stored: &[(Field, &Vec<u8>)],
    ) {
        if stored.is_empty() {
            return;
        }
        let mut terms = MemberTerms::default();
        for (_, line) in lines {
            // A line that cannot be read has been reported as changed.
            let Ok(fields) = EntryFields::parse(line) else { return };
            terms.insert(&fields);
        }
        for (field, stored) in stored {
            let mut rebuilt = Vec::new();
            terms.encode(*field, &mut rebuilt);
            if rebuilt != **stored {
                let message =
                    format!("the term filter of {} in {object} is not that of its entries", field.as_str());
                self.findings.problem("index-mismatch", first_seq, message);
            }
        }
    }

    fn compare_archived_keys(&mut self, seq: u64, line: &[u8], keys: &[store::KeyRow]) {
        let Ok(fields) = EntryFields::parse(line) else { return };
        let own = keys_for_line(&fields);
        let own: Vec<Key> = [own.event, own.external].into_iter().flatten().collect();
        let hashes = content_hashes_possible(line).unwrap_or_default();
        if keys.iter().any(|row| !own.contains(&row.key) || !hashes.contains(&row.content)) {
            self.findings.problem(
                "index-mismatch",
                seq,
                "a dedup key leads to this entry, which does not have it",
            );
        }
    }
}

fn objects_of(rows: &Rows, batch: &BatchRow) -> Vec<ManifestObject> {
    let prefix = object_row_key(batch.plan.id.as_str(), "");
    let objects = rows.control.get(&Table::Object).into_iter().flatten();
    objects
        .filter(|row| row.key.starts_with(&prefix))
        .filter_map(|row| serde_json::from_str(&row.body).ok())
        .collect()
}

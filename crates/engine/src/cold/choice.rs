//! Which gzip members of a batch can hold what a search looks for: by the object's stream, tenant, day and times, by the
//! member's seqs, and by term filters.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use archive::ManifestObject;
use event::{Field, Filter, Timestamp};
use store::Table;

use super::catalogue::ColdBatch;
use super::term_rows::{MEMBERS_PER_ROW, filters_of, read_row, row_key};
use crate::error::Result;
use crate::ledger::Ledger;

/// A member that may hold matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemberAt {
    /// The object's place in the batch.
    pub(crate) object: usize,
    /// The member's place in the object.
    pub(crate) member: usize,
    /// Its place in the batch, as term filters count.
    number: usize,
    /// The seqs wanted of it: within these, with gaps where other objects have entries.
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// What was chosen, and what choosing cost.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub(crate) members: Vec<MemberAt>,
    /// Members that term filters took out.
    pub(crate) denied: u64,
    /// Bytes of rows of term filters that were read.
    pub(crate) filter_bytes: u64,
}

impl Ledger {
    /// The members of a batch that can hold entries of `range` that match; `terms` are the filter's exact terms, the
    /// most telling first.
    pub(crate) async fn choose_members(
        &self,
        batch: &ColdBatch,
        objects: &[Arc<ManifestObject>],
        range: &Range<u64>,
        filter: &Filter,
        terms: &[(Field, u64)],
    ) -> Result<Choice> {
        let mut choice = Choice { members: members_in(objects, range, filter), ..Choice::default() };
        let filtered = terms.iter().filter(|(field, _)| !matches!(field, Field::Stream | Field::Tenant));
        for (field, term) in filtered {
            if choice.members.is_empty() {
                break;
            }
            self.deny(&batch.id, *field, *term, &mut choice).await?;
        }
        Ok(choice)
    }

    /// Takes out the members whose filter of this field denies the term.
    async fn deny(&self, batch: &str, field: Field, term: u64, choice: &mut Choice) -> Result<()> {
        let rows: BTreeSet<usize> =
            choice.members.iter().map(|member| member.number / MEMBERS_PER_ROW).collect();
        let mut denied: BTreeSet<usize> = BTreeSet::new();
        for row in rows {
            let key = row_key(batch, field, row);
            let found = self.store().rows(Table::TermFilter, &key, None, 1).await?;
            let Some(found) = found.into_iter().find(|found| found.key == key) else { continue };
            choice.filter_bytes += found.body.len() as u64;
            let bytes = read_row(&found.body).unwrap_or_default();
            match filters_of(&bytes) {
                Ok(filters) => denied.extend(
                    filters
                        .iter()
                        .enumerate()
                        .filter(|(_, filter)| !filter.may_hold(term))
                        .map(|(place, _)| row * MEMBERS_PER_ROW + place),
                ),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, key, "a row of term filters cannot be read: run verify");
                }
            }
        }
        let before = choice.members.len();
        choice.members.retain(|member| !denied.contains(&member.number));
        choice.denied += (before - choice.members.len()) as u64;
        Ok(())
    }
}

fn members_in(objects: &[Arc<ManifestObject>], range: &Range<u64>, filter: &Filter) -> Vec<MemberAt> {
    let mut members = Vec::new();
    let mut number = 0;
    for (place, object) in objects.iter().enumerate() {
        if may_hold(object, range, filter) {
            let seqs = object.member_seqs().into_iter().enumerate();
            let inside = seqs.filter(|(_, seqs)| *seqs.end() >= range.start && *seqs.start() < range.end);
            members.extend(inside.map(|(member, seqs)| MemberAt {
                object: place,
                member,
                number: number + member,
                first: *seqs.start().max(&range.start),
                last: *seqs.end().min(&(range.end - 1)),
            }));
        }
        number += object.members.len();
    }
    members
}

fn may_hold(object: &ManifestObject, range: &Range<u64>, filter: &Filter) -> bool {
    let (occurred_from, occurred_to) = filter.occurred_range();
    let (recorded_from, recorded_to) = filter.recorded_range();
    // The range's end is not in it, so its last day is that of the instant before.
    let last_recorded = recorded_to.map(|to| Timestamp::from_micros(to.micros() - 1).unwrap_or(to));
    object.last_seq >= range.start
        && object.first_seq < range.end
        && filter.tenant().is_none_or(|tenant| tenant == object.tenant)
        && filter.stream().is_none_or(|stream| stream == object.stream)
        && occurred_from.is_none_or(|from| object.last_occurred_at >= from)
        && occurred_to.is_none_or(|to| object.first_occurred_at < to)
        && recorded_from.is_none_or(|from| object.day >= from.day())
        && last_recorded.is_none_or(|last| object.day <= last.day())
}

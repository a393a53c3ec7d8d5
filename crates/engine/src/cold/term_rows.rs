//! Rows of term filters: for each batch and field the filters of its gzip members, a few members a row.
//!
//! The members of a batch are numbered from 0, through its objects in the order of their keys. A row that is missing or
//! cannot be read denies nothing: filters only save reading.

use std::collections::{BTreeMap, HashMap};

use archive::{MEMBER_BYTES_MAX, MEMBER_ENTRIES_MAX, ManifestObject};
use event::{Day, EntryFields, Field, Stream};
use merkle::{decode_base64, encode_base64};
use serde::{Deserialize, Serialize};
use store::{Row, RowChange, Table};

use crate::error::{Error, ErrorKind, Result};
use crate::term_filter::{TermFilter, TornFilter, encode};

/// Members whose filters are in one row.
pub(crate) const MEMBERS_PER_ROW: usize = 16;
/// Terms of a field that wait before repetitions are taken out.
const TERMS_COMPACT_AT: usize = 256;

/// Fields with filters. All entries of an object have its stream and its tenant, which its row names.
pub(crate) fn filtered_fields() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|field| !matches!(field, Field::Stream | Field::Tenant))
}

/// `<batch>|<field, 2 digits>|<row, 6 digits>`.
pub(crate) fn row_key(batch: &str, field: Field, row: usize) -> String {
    format!("{batch}|{:02}|{row:06}", field.number())
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Base64 of the members' filters, one after the other.
    filters: String,
}

/// The bytes of a row's filters.
pub(crate) fn read_row(body: &str) -> Option<Vec<u8>> {
    let body: Body = serde_json::from_str(body).ok()?;
    decode_base64(&body.filters).ok()
}

/// The field and the number of the row with this key.
pub(crate) fn place_of_row(key: &str) -> Option<(Field, usize)> {
    let mut parts = key.rsplitn(3, '|');
    let (row, field) = (parts.next()?, parts.next()?);
    let place = (Field::from_number(field.parse().ok()?)?, row.parse().ok()?);
    (row_key(parts.next()?, place.0, place.1) == key).then_some(place)
}

/// The bytes of each of a row's filters; `None` where they are torn.
pub(crate) fn split_row(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut filters, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (_, after) = TermFilter::split_from(rest).ok()?;
        filters.push(&rest[..rest.len() - after.len()]);
        rest = after;
    }
    Some(filters)
}

/// The filters of a row, which belong to the members from `row · MEMBERS_PER_ROW` on.
pub(crate) fn filters_of(bytes: &[u8]) -> std::result::Result<Vec<TermFilter<'_>>, TornFilter> {
    let (mut filters, mut rest) = (Vec::with_capacity(MEMBERS_PER_ROW), bytes);
    while !rest.is_empty() {
        let (filter, after) = TermFilter::split_from(rest)?;
        filters.push(filter);
        rest = after;
    }
    Ok(filters)
}

/// The terms of a member's entries, by field.
#[derive(Debug)]
pub(crate) struct MemberTerms {
    sets: [TermSet; Field::COUNT],
}

#[derive(Debug, Default)]
struct TermSet {
    terms: Vec<u64>,
    compact_at: usize,
}

impl TermSet {
    fn insert(&mut self, term: u64) {
        if self.terms.last() == Some(&term) {
            return;
        }
        // A field with few values stays small however many entries there are.
        if self.terms.len() >= self.compact_at.max(TERMS_COMPACT_AT) {
            self.compact();
            self.compact_at = 2 * self.terms.len();
        }
        self.terms.push(term);
    }

    fn compact(&mut self) {
        self.terms.sort_unstable();
        self.terms.dedup();
    }
}

impl Default for MemberTerms {
    fn default() -> Self {
        Self { sets: std::array::from_fn(|_| TermSet::default()) }
    }
}

impl MemberTerms {
    pub(crate) fn insert(&mut self, fields: &EntryFields<'_>) {
        let terms = fields.terms();
        for field in filtered_fields() {
            let number = usize::from(field.number());
            if terms[number] != 0 {
                self.sets[number].insert(terms[number]);
            }
        }
    }

    /// The filter of one field's terms.
    pub(crate) fn encode(&mut self, field: Field, bytes: &mut Vec<u8>) {
        let set = &mut self.sets[usize::from(field.number())];
        set.compact();
        encode(&set.terms, bytes);
    }
}

/// The filters of a batch in the making, built while its lines pass by.
///
/// A member of an object ends by the same rule here as where it is written. Should the two ever disagree, the batch gets
/// no filters, which only makes searching it slower.
#[derive(Default)]
pub(crate) struct BatchTerms {
    by_object: HashMap<(Stream, Day), HashMap<String, Waiting>>,
    /// By the member's first seq: its filters, in the order of [`filtered_fields`].
    done: BTreeMap<u64, Vec<Vec<u8>>>,
}

#[derive(Default)]
struct Waiting {
    first_seq: u64,
    entries: u64,
    bytes: u64,
    terms: MemberTerms,
}

impl Waiting {
    fn end(&mut self, done: &mut BTreeMap<u64, Vec<Vec<u8>>>) {
        let mut terms = std::mem::take(&mut self.terms);
        let filters = filtered_fields().map(|field| {
            let mut bytes = Vec::new();
            terms.encode(field, &mut bytes);
            bytes
        });
        done.insert(self.first_seq, filters.collect());
        (self.entries, self.bytes) = (0, 0);
    }
}

impl BatchTerms {
    /// Takes in the next entry of the batch.
    pub(crate) fn push(&mut self, fields: &EntryFields<'_>, line_bytes: usize) {
        let tenants = self.by_object.entry((fields.stream, fields.recorded_at.day())).or_default();
        if !tenants.contains_key(fields.tenant.as_ref()) {
            tenants.insert(fields.tenant.to_string(), Waiting::default());
        }
        let Some(waiting) = tenants.get_mut(fields.tenant.as_ref()) else { return };
        let bytes = line_bytes as u64 + 1;
        if waiting.entries > 0 && waiting.bytes + bytes > MEMBER_BYTES_MAX {
            waiting.end(&mut self.done);
        }
        if waiting.entries == 0 {
            waiting.first_seq = fields.seq;
        }
        waiting.terms.insert(fields);
        waiting.entries += 1;
        waiting.bytes += bytes;
        if waiting.entries >= MEMBER_ENTRIES_MAX {
            waiting.end(&mut self.done);
        }
    }

    /// No entry follows.
    pub(crate) fn finish(mut self) -> Self {
        let objects = std::mem::take(&mut self.by_object).into_values().flat_map(HashMap::into_values);
        for mut waiting in objects.filter(|waiting| waiting.entries > 0) {
            waiting.end(&mut self.done);
        }
        self
    }

    /// The rows of a batch with these objects.
    pub(crate) fn rows(&self, batch: &str, objects: &[ManifestObject]) -> Result<Vec<RowChange>> {
        let members: Vec<u64> =
            objects.iter().flat_map(|object| &object.members).map(|(_, first)| *first).collect();
        let found: Vec<&Vec<Vec<u8>>> = members.iter().filter_map(|first| self.done.get(first)).collect();
        if found.len() != members.len() || found.len() != self.done.len() {
            tracing::warn!(batch, "the batch gets no term filters: its members are not where they should be");
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for (place, field) in filtered_fields().enumerate() {
            for (number, members) in found.chunks(MEMBERS_PER_ROW).enumerate() {
                let bytes: Vec<u8> = members.iter().flat_map(|filters| &filters[place]).copied().collect();
                let body = Body { filters: encode_base64(&bytes) };
                let body = serde_json::to_string(&body).map_err(|error| {
                    Error::with_source(ErrorKind::Internal, "a row of term filters cannot be written", error)
                })?;
                rows.push(RowChange::Put(
                    Table::TermFilter,
                    Row { key: row_key(batch, field, number), body },
                ));
            }
        }
        Ok(rows)
    }
}

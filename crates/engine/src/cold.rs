//! The archive, read: single entries, the catalogue of objects in memory, and the members a search has to look at.

mod catalogue;
mod choice;
mod entry;
mod member;
pub(crate) mod term_rows;

pub(crate) use catalogue::{Catalogue, ColdBatch};
pub(crate) use choice::MemberAt;
pub(crate) use entry::object_row_key;
pub(crate) use member::{Damaged, Match, MemberReader};

/// Members of archived objects that all searches together have in memory at once, at most about 33 MiB each and mostly a
/// tenth of that.
pub(crate) const COLD_READS_MAX: usize = 8;

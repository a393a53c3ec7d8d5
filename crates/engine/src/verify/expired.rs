//! What is gone from an archive against what the ledger says to have expired: a note alone excuses nothing.

use std::collections::BTreeSet;

use archive::{ArchiveReport, Destination};
use store::Table;

use super::Run;
use super::state::Rows;
use crate::expiring::ExpiredRow;

impl Run<'_> {
    /// Every object that is gone is one of an attested row's, and every row has its note as it was written.
    pub(super) fn check_expiries(&mut self, destination: &Destination, rows: &Rows, report: &ArchiveReport) {
        let mut known = Vec::new();
        for row in rows.control.get(&Table::Expired).into_iter().flatten() {
            match serde_json::from_str::<ExpiredRow>(&row.body) {
                Ok(expired) => known.push(expired),
                Err(error) => {
                    let message = format!("row {} of expired cannot be read: {error}", row.key);
                    self.findings.problem("state-mismatch", None, message);
                }
            }
        }
        let objects: BTreeSet<&str> = known.iter().flat_map(|row| &row.objects).map(String::as_str).collect();
        for key in report.expired_objects.iter().filter(|key| !objects.contains(key.as_str())) {
            let message =
                format!("{}: {key}: it is gone, and no row says that it expired", destination.name());
            self.findings.problem("object-missing", None, message);
        }
        for row in &known {
            // Until it has ended, the note may not be everywhere; then nothing has gone either.
            if row.ended_at.is_some() && !report.expiry_notes.contains(&row.note) {
                let message = format!("{}: {}: it is not there as it was", destination.name(), row.note.key);
                self.findings.problem("expiry-note-missing", row.first_seq, message);
            }
        }
        for note in &report.expiry_notes {
            if !known.iter().any(|row| row.note == *note) {
                let message =
                    format!("{}: {}: no row of the ledger names this note", destination.name(), note.key);
                self.findings.problem("expiry-note-unexpected", None, message);
            }
        }
    }
}

use std::io::{Write, stderr};

use serde::Serialize;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::counted;

/// Reasons shown to people; programs (--json) get all of them.
const SHOWN_MAX: u64 = 20;

#[derive(Serialize)]
struct Invalid<'a> {
    line: u64,
    reason: &'a str,
}

/// Records that are no events, told on stderr as they are found.
pub(super) struct InvalidRecords {
    json: bool,
    count: u64,
}

impl InvalidRecords {
    pub(super) fn new(global: &Global) -> Self {
        Self { json: global.json, count: 0 }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Tells one. Kept even with -q: a record that is left out is a result.
    pub(super) fn report(&mut self, line: u64, reason: &str) {
        self.count += 1;
        if self.json {
            let text = serde_json::to_string(&Invalid { line, reason }).unwrap_or_default();
            let _ = writeln!(stderr(), "{text}");
        } else if self.count <= SHOWN_MAX {
            let _ = writeln!(stderr(), "line {line}: {reason}");
        }
    }

    /// Tells how many were not shown.
    pub(super) fn finish(&self) {
        if !self.json && self.count > SHOWN_MAX {
            let _ = writeln!(stderr(), "and {} more; --json shows all", self.count - SHOWN_MAX);
        }
    }

    /// Why nothing was appended.
    pub(super) fn refusal(&self) -> Failure {
        self.finish();
        let records = counted(self.count, "record is", "records are");
        Failure::new(format!("{records} invalid: nothing was appended"))
            .hint("--skip-invalid appends the others")
    }
}

//! What is wrong, collected without drowning in it.

use serde::{Deserialize, Serialize};

/// Problems listed one by one; more are counted.
const LISTED_MAX: usize = 1_000;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The first bad seq, or where the smallest range that can be told begins.
    pub seq: Option<u64>,
    /// A stable word, see `docs/formats/archive.md` and SECURITY.md.
    pub reason: String,
    /// What was found, for people.
    pub message: String,
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    unlisted: u64,
}

impl Findings {
    pub(super) fn problem(&mut self, reason: &str, seq: impl Into<Option<u64>>, message: impl Into<String>) {
        if self.problems.len() >= LISTED_MAX {
            self.unlisted += 1;
            return;
        }
        self.problems.push(Finding { seq: seq.into(), reason: reason.to_owned(), message: message.into() });
    }

    pub(super) fn warning(&mut self, reason: &str, seq: impl Into<Option<u64>>, message: impl Into<String>) {
        if self.warnings.len() < LISTED_MAX {
            self.warnings.push(Finding {
                seq: seq.into(),
                reason: reason.to_owned(),
                message: message.into(),
            });
        }
    }

    pub(super) fn finish(mut self) -> (Vec<Finding>, Vec<Finding>) {
        self.problems.sort_by_key(|finding| finding.seq.unwrap_or(u64::MAX));
        if self.unlisted > 0 {
            let message = format!("{} more problems are not listed", self.unlisted);
            self.problems.push(Finding { seq: None, reason: "more".into(), message });
        }
        (self.problems, self.warnings)
    }
}

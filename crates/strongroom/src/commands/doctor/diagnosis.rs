//! What was found, about what, and how it is told.

use archive::{Finding, ProbeReport, Verdict};
use serde::Serialize;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Serialize)]
struct Entry {
    about: String,
    #[serde(flatten)]
    finding: Finding,
}

/// Findings in the order in which they are told.
#[derive(Default)]
pub(super) struct Diagnosis(Vec<Entry>);

impl Diagnosis {
    pub(super) fn pass(&mut self, about: &str, check: &'static str, message: impl Into<String>) {
        self.add(about, check, Verdict::Pass, message.into(), "");
    }

    pub(super) fn warn(
        &mut self,
        about: &str,
        check: &'static str,
        message: impl Into<String>,
        advice: &'static str,
    ) {
        self.add(about, check, Verdict::Warning, message.into(), advice);
    }

    pub(super) fn fail(
        &mut self,
        about: &str,
        check: &'static str,
        message: impl Into<String>,
        advice: &'static str,
    ) {
        self.add(about, check, Verdict::Fail, message.into(), advice);
    }

    pub(super) fn unknown(
        &mut self,
        about: &str,
        check: &'static str,
        message: impl Into<String>,
        advice: &'static str,
    ) {
        self.add(about, check, Verdict::Unknown, message.into(), advice);
    }

    fn add(
        &mut self,
        about: &str,
        check: &'static str,
        verdict: Verdict,
        message: String,
        advice: &'static str,
    ) {
        let finding = Finding { check, verdict, message, advice };
        self.0.push(Entry { about: about.to_owned(), finding });
    }

    /// Everything that was found out about a destination.
    pub(super) fn take(&mut self, report: ProbeReport) {
        let about = format!("archive {}", report.destination);
        let entries = report.findings.into_iter().map(|finding| Entry { about: about.clone(), finding });
        self.0.extend(entries);
    }

    /// What cannot be seen is not held against anybody.
    pub(super) fn found_something(&self) -> bool {
        self.0.iter().any(|entry| matches!(entry.finding.verdict, Verdict::Warning | Verdict::Fail))
    }

    /// One line a finding, and below it what to do.
    pub(super) fn print(&self, global: &Global, output: &mut Output) -> Result<(), Failure> {
        let mut about = "";
        for entry in &self.0 {
            if global.json {
                output.json(entry)?;
                continue;
            }
            if entry.about != about {
                output.line(&entry.about)?;
                about = &entry.about;
            }
            let Finding { check, verdict, message, advice } = &entry.finding;
            let word = match verdict {
                Verdict::Pass => "ok",
                Verdict::Warning => "warning",
                Verdict::Fail => "FAILED",
                Verdict::Unknown => "unknown",
            };
            output.line(format!("  {word:<8} {check}: {message}"))?;
            if !advice.is_empty() {
                output.line(format!("           to do: {advice}"))?;
            }
        }
        output.flush()
    }
}

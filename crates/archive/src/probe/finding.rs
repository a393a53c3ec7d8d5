//! What checks found.

use event::Timestamp;
use serde::Serialize;

use crate::destination::Kind;

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Pass,
    /// It works, and somebody can do more than they should, or something is missing that would keep evidence safe.
    Warning,
    /// A promise was broken.
    Fail,
    /// It cannot be seen from here.
    Unknown,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name, which does not change: `create-only`.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, in a sentence without its full stop.
    pub message: String,
    /// What to do about it; empty where nothing is to be done.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub advice: &'static str,
}

/// Everything that was found out about a destination.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeReport {
    /// The destination's name.
    pub destination: String,
    /// What kind of place it is: `s3`.
    pub kind: &'static str,
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// The server's clock when it stored the first object, and ours before and after that, where it tells.
    #[serde(skip)]
    pub clock: Option<(Timestamp, Timestamp, Timestamp)>,
}

/// Checks that have to be seen to pass before a destination is used for the first time.
const ESSENTIAL: [&str; 4] = ["create-only", "create-race", "read-back", "listed"];

impl ProbeReport {
    pub(super) fn new(destination: &str, kind: Kind) -> Self {
        Self { destination: destination.to_owned(), kind: kind.as_str(), findings: Vec::new(), clock: None }
    }

    pub(super) fn pass(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Verdict::Pass, message, "");
    }

    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, advice: &'static str) {
        self.add(check, Verdict::Warning, message, advice);
    }

    pub(super) fn fail(&mut self, check: &'static str, message: impl Into<String>, advice: &'static str) {
        self.add(check, Verdict::Fail, message, advice);
    }

    pub(super) fn unknown(&mut self, check: &'static str, message: impl Into<String>, advice: &'static str) {
        self.add(check, Verdict::Unknown, message, advice);
    }

    fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        message: impl Into<String>,
        advice: &'static str,
    ) {
        self.findings.push(Finding { check, verdict, message: message.into(), advice });
    }

    /// The promises that were broken.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Fail)
    }

    /// Why the destination must not be used: broken promises, told as one text. `None` where none was broken.
    pub fn refusal(&self) -> Option<String> {
        let broken: Vec<String> =
            self.failures().map(|finding| format!("{}: {}", finding.check, finding.message)).collect();
        (!broken.is_empty()).then(|| broken.join("; "))
    }

    /// The essential checks that were not seen to pass, told as one text: what stands against a first use.
    pub fn doubt(&self) -> Option<String> {
        let doubted: Vec<String> = self
            .findings
            .iter()
            .filter(|finding| {
                finding.verdict == Verdict::Fail
                    || finding.verdict == Verdict::Unknown && ESSENTIAL.contains(&finding.check)
            })
            .map(|finding| format!("{}: {}", finding.check, finding.message))
            .collect();
        (!doubted.is_empty()).then(|| doubted.join("; "))
    }
}

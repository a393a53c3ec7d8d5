//! Findings: where, which rule, what is wrong.

use std::fmt;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// From the root, with `/`.
    path: String,
    /// From 1.
    line: usize,
    rule: &'static str,
    message: String,
    is_warning: bool,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// A finding that fails the task.
    pub(super) fn error(&mut self, rule: &'static str, path: &str, line: usize, message: impl Into<String>) {
        self.add(rule, path, line, message.into(), false);
    }

    /// A finding that is printed and fails nothing.
    pub(super) fn warning(
        &mut self,
        rule: &'static str,
        path: &str,
        line: usize,
        message: impl Into<String>,
    ) {
        self.add(rule, path, line, message.into(), true);
    }

    fn add(&mut self, rule: &'static str, path: &str, line: usize, message: String, is_warning: bool) {
        self.findings.push(Finding { path: path.to_owned(), line, rule, message, is_warning });
    }

    /// By path and line, so that two runs print the same.
    pub(super) fn sort(&mut self) {
        self.findings.sort();
    }

    pub(super) fn error_count(&self) -> usize {
        self.findings.len() - self.warning_count()
    }

    pub(super) fn warning_count(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_warning).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let severity = if finding.is_warning { "warning" } else { "error" };
            let Finding { path, line, rule, message, .. } = finding;
            writeln!(formatter, "{severity}: {path}:{line}: {message} [{rule}]")?;
        }
        Ok(())
    }
}

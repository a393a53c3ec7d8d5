//! Names of spool files: `<stream>_<YYYY-MM-DD>.jsonl`.

use std::fmt;

use event::{Day, Stream};

const SUFFIX: &str = ".jsonl";
const PROGRESS_SUFFIX: &str = ".drained";

/// A file's stream, and the UTC day on which its events were spooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName {
    pub(crate) stream: Stream,
    pub(crate) day: Day,
}

impl FileName {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (stream, day) = name.strip_suffix(SUFFIX)?.split_once('_')?;
        Some(Self { stream: stream.parse().ok()?, day: day.parse().ok()? })
    }

    /// The file that says how far this one is drained.
    pub(super) fn progress(self) -> String {
        format!("{self}{PROGRESS_SUFFIX}")
    }

    /// The spool file that a progress file, or one that was never finished, belongs to.
    pub(super) fn of_progress(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".new").unwrap_or(name);
        Self::parse(name.strip_suffix(PROGRESS_SUFFIX)?)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}_{}{SUFFIX}", self.stream, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_nothing_else_is() {
        let name = FileName::parse("tool_2026-11-22.jsonl").unwrap();
        assert_eq!((name.to_string().as_str(), name.stream), ("tool_2026-11-22.jsonl", Stream::Tool));
        assert_eq!(FileName::of_progress(&name.progress()), Some(name));
        for other in
            ["lock", "rejected", "x_2026-11-22.jsonl", "tool_2026-11-31.jsonl", "tool_2026-11-22.jsonl.gz"]
        {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }
}

use std::collections::BTreeMap;
use std::fmt;

/// What was done and met.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Schedules and trials that were run to their end.
    pub schedules: u64,
    /// Processes that were begun.
    pub lives: u64,
    /// Receipts that somebody holds.
    pub acknowledged: u64,
    /// What struck how often: faults by kind, and ends of processes.
    pub struck: BTreeMap<String, u64>,
}

impl Tally {
    /// Something struck so many times.
    pub(crate) fn strike(&mut self, what: impl Into<String>, times: u64) {
        *self.struck.entry(what.into()).or_default() += times;
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.lives += other.lives;
        self.acknowledged += other.acknowledged;
        other.struck.into_iter().for_each(|(what, times)| self.strike(what, times));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} schedules, {} processes, {} acknowledgements",
            self.schedules, self.lives, self.acknowledged
        )?;
        self.struck.iter().try_for_each(|(what, times)| writeln!(formatter, "  {times:>9}  {what}"))
    }
}

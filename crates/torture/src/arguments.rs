//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Schedules of faults, and kills of the real program.
#[derive(Debug, Parser)]
#[command(name = "torture")]
pub(crate) struct Arguments {
    /// No schedule and no kill round is begun after so many minutes; one half of them is for each
    #[arg(long)]
    pub(crate) minutes: Option<u64>,
    /// The first schedule's seed, and that of the kill rounds; schedules have consecutive seeds
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many schedules; 1,000 unless --minutes is given
    #[arg(long)]
    pub(crate) schedules: Option<u64>,
    /// How often the program is killed; 20 unless --minutes is given
    #[arg(long)]
    pub(crate) kill_rounds: Option<u64>,
    /// With the combination of faults that once lost entries
    #[arg(long)]
    pub(crate) known: bool,
    /// Schedules that run at once
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// The program to kill; the one beside this program unless it is named
    #[arg(long)]
    pub(crate) binary: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

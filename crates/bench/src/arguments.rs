//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::step::StepCall;

/// Benchmarks against floors that the same run measures.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Benchmark {
    /// Events made durable, in batches of 1, 100 and 1,000
    Ingest(Options),
    /// A ledger searched, verified, archived, pruned and verified offline
    Archive(Options),
    /// One measurement, in a process of its own
    #[command(hide = true)]
    Step(StepCall),
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Entries: for ingest those of the batches of 1,000; batches of 100 and 1 take a fifth and a fiftieth of them
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) entries: u64,
    /// A directory on the disk to measure; everything written there is removed again
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
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

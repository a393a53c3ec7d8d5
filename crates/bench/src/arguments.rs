//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::Failure;
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
    Archive(ArchiveOptions),
    /// Searches of a ledger that is archived and pruned as a whole
    Cold(ArchiveOptions),
    /// How long appends wait while entries are archived and pruned beside them
    Prune(ArchiveOptions),
    /// The served ledger over HTTP, against floors and a plain table of PostgreSQL
    Service(ServiceOptions),
    /// A server's memory after a tenth of the events and after all of them
    Memory(MemoryOptions),
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

#[derive(Debug, Args)]
pub(crate) struct ArchiveOptions {
    /// Entries, archived in runs of at most 1,000,000, as a server does
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) entries: u64,
    #[command(flatten)]
    pub(crate) spread: Spread,
    /// A directory on the disk to measure; everything written there is removed again
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// What decides how many objects an archive has.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Spread {
    /// Tenants, from a few busy ones to a long tail
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) tenants: u64,
    /// UTC days that the entries were recorded on
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=366))]
    pub(crate) days: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceOptions {
    /// Events in batches of 1,000; the other measurements take a part of them
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) entries: u64,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct MemoryOptions {
    /// Events; memory is looked at after a tenth of them and after all
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) entries: u64,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// What serves, where it writes, and how the report looks.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// A directory on the disk to measure; everything written there is removed again
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// One JSON object a line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// The program to start [default: `strongroom` beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
}

impl Place {
    /// The program to start, which exists.
    pub(crate) fn program(&self) -> Result<PathBuf, Failure> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("strongroom"),
        };
        program.canonicalize().map_err(|error| {
            let program = program.display();
            format!("cannot find {program} ({error}): build it with cargo build --release -p strongroom")
                .into()
        })
    }
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

//! Options of `retention`.

use clap::{Args, Subcommand};

/// What to do about retention.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Show policy, schedule, the last run, what is left to do, and the destinations
    Status,
    /// Stop all archiving, pruning and expiry until it is thawed
    Freeze(ReasonArguments),
    /// Let archiving, pruning and expiry go on
    Thaw(ReasonArguments),
}

/// Options of `retention freeze` and `retention thaw`.
#[derive(Debug, Args)]
pub(crate) struct ReasonArguments {
    /// Why; it is recorded in the ledger
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

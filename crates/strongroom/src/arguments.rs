//! What can be said on the command line. The doc comments here are the help texts.

mod retention;
mod search;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use retention::{ReasonArguments, RetentionCommand};
pub(crate) use search::{FilterArguments, SearchArguments};

/// A system of record for audit evidence: every entry has a proof, every deletion has a receipt.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, max_term_width = 100, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the check found something, 2 could not run, 3 refused by policy.
Settings: flags, then STRONGROOM_<SECTION>__<KEY>, --config, ./strongroom.toml, <data>/strongroom.toml.";

/// Options that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Settings file [default: ./strongroom.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Data directory [default: ./strongroom-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Print compact JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Log more; twice for debugging
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A self-contained tour on generated traffic; then the server stays up
    Demo(DemoArguments),
    /// Make a data directory: key, settings with comments, first token (printed once)
    Init,
    /// Serve HTTP; makes the data directory first where there is none
    Serve(ServeArguments),
    /// Append events (NDJSON), printing one receipt a line
    Append(InputArguments),
    /// Append foreign records (one JSON object a line), mapped to events
    Import(ImportArguments),
    /// Search the entries, newest first
    Search(Box<SearchArguments>),
    /// Show one entry: its line, whether it is signed, where it lives
    Show(ShowArguments),
    /// Check the whole ledger, or an archive from its files and a public key alone
    Verify(VerifyArguments),
    /// Sign the ledger as it is now and print the checkpoint
    Checkpoint,
    /// Move old entries to the archive, list what was moved, or bring it back
    #[command(subcommand)]
    Archive(ArchiveCommand),
    /// What is kept hot and what was done about the rest; stop all of it
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Destroy archived objects of which every entry's retention has passed; off by default
    Expire(ExpireArguments),
    /// The ledger's name and public keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, list and revoke the tokens of the API
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check the deployment: clock, disk, key, and what the archive's destinations really do
    Doctor,
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// How many events to generate
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(4..=10_000_000))]
    pub(crate) events: u64,

    /// Where the server listens afterwards; a free port is taken where this one is in use
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7717")]
    pub(crate) listen: SocketAddr,

    /// Stop after the tour instead of keeping the server up
    #[arg(long)]
    pub(crate) exit: bool,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Address and port to listen on [default: the setting server.listen, 127.0.0.1:7717]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

/// Where lines are read from.
#[derive(Debug, Args)]
pub(crate) struct InputArguments {
    /// File to read; - or nothing is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Name of a mapping that comes with the program, or a mapping file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) mapping: String,

    /// Tenant of all events, in place of what the mapping finds
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,

    /// Leave out records that cannot be mapped instead of refusing the whole input
    #[arg(long)]
    pub(crate) skip_invalid: bool,

    /// File to read, also gzip; - or nothing is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Sequence number of the entry
    #[arg(value_name = "SEQ")]
    pub(crate) seq: u64,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Read the whole archive again, and rebuild the index to compare it
    #[arg(long, conflicts_with = "archive")]
    pub(crate) full: bool,

    /// Check this archive offline: a directory, or its file:// URL
    #[arg(long, value_name = "URL", requires = "key")]
    pub(crate) archive: Option<String>,

    /// The ledger's public key, or a file of keys, each with the tree sizes it counts for
    #[arg(long, value_name = "VKEY|FILE", requires = "archive")]
    pub(crate) key: Option<String>,

    /// A checkpoint from elsewhere that the archive must agree with
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub(crate) checkpoint: Option<PathBuf>,

    /// The archive must cover at least so many entries
    #[arg(long, value_name = "N", requires = "archive")]
    pub(crate) expect_archived: Option<u64>,

    /// File with the age identity that opens encrypted objects; without it their lines are not checked
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub(crate) identity: Option<PathBuf>,

    /// Keep here how far the archive is proven, and go on from there if the file exists
    #[arg(long, value_name = "FILE", requires = "archive")]
    pub(crate) state: Option<PathBuf>,
}

/// What to do with the archive.
#[derive(Debug, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Archive, verify and prune now
    Run(ArchiveRunArguments),
    /// List the batches, or the objects that no manifest names
    List(ArchiveListArguments),
    /// Show one batch: its objects, and whether each destination has its manifest
    Show(ArchiveShowArguments),
    /// Make a batch, or what filters match, hot again for some days
    Restore(Box<ArchiveRestoreArguments>),
}

/// Options of `archive list`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveListArguments {
    /// List what is at the destinations and no manifest names; nothing is deleted
    #[arg(long)]
    pub(crate) orphans: bool,
}

/// Options of `archive show`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveShowArguments {
    /// Id of the batch, as `archive list` prints it
    #[arg(value_name = "BATCH")]
    pub(crate) batch: String,
}

/// Options of `archive restore`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveRestoreArguments {
    /// The batch, as `archive list` prints it; without one what the filters match
    #[arg(value_name = "BATCH")]
    pub(crate) batch: Option<String>,

    /// Days that it stays hot, 1 to 36,500
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 7)]
    pub(crate) days: i64,

    #[command(flatten)]
    pub(crate) filter: FilterArguments,
}

/// Options of `expire`.
#[derive(Debug, Args)]
pub(crate) struct ExpireArguments {
    /// Say what would be destroyed and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Destroy at most so many objects
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// Options of `archive run`.
#[derive(Debug, Args)]
pub(crate) struct ArchiveRunArguments {
    /// Say what would happen and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Keep so many days of entries hot, in place of what the settings say
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "before")]
    pub(crate) hot_days: Option<i64>,

    /// Archive what was recorded before this time (RFC 3339, not in the future)
    #[arg(long, value_name = "TIME")]
    pub(crate) before: Option<String>,

    /// Archive at most so many entries
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print the ledger's origin and verifier keys; never the secret
    Show,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, once
    Create(TokenCreateArguments),
    /// List the tokens, also those that expired or were revoked; never their secrets
    List,
    /// Revoke a token; it stays listed
    Revoke(TokenRevokeArguments),
}

/// Options of `token create`.
#[derive(Debug, Args)]
pub(crate) struct TokenCreateArguments {
    /// What people call it
    #[arg(long, value_name = "N")]
    pub(crate) name: String,

    /// What it may do
    #[arg(long, value_name = "writer|auditor|admin|super_admin")]
    pub(crate) role: engine::Role,

    /// The one tenant it is bound to; auditors and admins need one
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,

    /// Days until it expires [default: never]
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,
}

/// Options of `token revoke`.
#[derive(Debug, Args)]
pub(crate) struct TokenRevokeArguments {
    /// Id of the token, as `token list` prints it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell to write for
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn hot_days_takes_any_number_so_that_the_policy_can_explain_its_range() {
        for number in ["0", "-1", "4294967295"] {
            let parsed = Arguments::try_parse_from(["strongroom", "archive", "run", "--hot-days", number]);
            assert!(parsed.is_ok(), "{number}: {parsed:?}");
        }
    }

    #[test]
    fn an_offline_check_needs_a_key() {
        assert!(Arguments::try_parse_from(["strongroom", "verify", "--archive", "/a"]).is_err());
        assert!(Arguments::try_parse_from(["strongroom", "verify", "--key", "k"]).is_err());
    }
}

use std::fmt::Write;
use std::sync::Arc;

use engine::{CheckpointFile, SystemClock, VerifyOptions, VerifyReport, VerifySubject};
use merkle::VerifierKey;
use store::{SqliteOptions, SqliteStore};

use crate::arguments::{Global, VerifyArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::{
    destinations_for_reading, open_for_reading, open_store_for_reading, store_failed,
};
use crate::output::{Output, finding, grouped};
use crate::progress::Bar;

/// Checks the ledger without changing it: what it should find must not be healed by opening.
pub(super) async fn run(global: &Global, arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    configuration.directory.require_ledger()?;
    let subject = VerifySubject {
        store: Arc::new(open_store_for_reading(&configuration)?),
        destinations: destinations_for_reading(&configuration)?,
        last_checkpoint: Arc::new(CheckpointFile::new(configuration.directory.checkpoint_file())),
        clock: Arc::new(SystemClock),
        key: verifier_key(&configuration).await?,
    };
    let (options, bar) = (VerifyOptions { full: arguments.full }, Bar::new(global));
    let report = Box::pin(engine::verify(&subject, &options, &bar)).await?;
    drop(subject);
    if let Err(failure) = record(&configuration, &report).await {
        // The check itself was made; only the note of when is missing.
        tracing::warn!("the time of this verification was not noted: {failure}");
    }
    let mut output = Output::new();
    let printed = if global.json { output.json(&report) } else { output.text(&text(&report)) };
    let exit = if report.ok { Exit::Done } else { Exit::Found };
    match printed.and_then(|()| output.flush()) {
        // Whoever closed the pipe still gets the result by the exit code.
        Err(failure) if !failure.is_silent() => Err(failure),
        _ => Ok(exit),
    }
}

/// The key that counts: from the key file, which whoever doctors the rows need not have. Where the key file is kept
/// elsewhere, the ledger's own word has to do, and that is said.
async fn verifier_key(configuration: &Configuration) -> Result<VerifierKey, Failure> {
    if configuration.directory.has_signing_key() {
        return Ok(configuration.directory.signing_key()?.verifier());
    }
    let ledger = open_for_reading(configuration).await?;
    let vkey = ledger.identity().vkeys.first().cloned().unwrap_or_default();
    tracing::warn!(%vkey, "signing.key is not here: verifying with the key that the ledger itself lists");
    VerifierKey::parse(&vkey)
        .map_err(|error| Failure::caused("the ledger lists no usable verifier key", error))
}

/// Notes when the ledger was verified, unless another process has it: that one verifies for itself.
async fn record(configuration: &Configuration, report: &VerifyReport) -> Result<(), Failure> {
    let Some(_lock) = configuration.directory.lock_if_free()? else { return Ok(()) };
    let store = SqliteStore::open(&configuration.directory.ledger_file(), &SqliteOptions::default())
        .map_err(store_failed)?;
    Ok(report.record(&store).await?)
}

fn text(report: &VerifyReport) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
    let mut text = format!(
        "\
entries in the ledger   {}
signed up to            {}
oldest hot entry        {}
newest archived entry   {}
hot entries checked     {}
archived checked        {}{}
last full verification  {}
",
        grouped(report.tree_size),
        grouped(report.signed_size),
        number(report.oldest_hot_seq),
        number(report.highest_archived_seq),
        grouped(report.entries_checked),
        grouped(report.archived_checked),
        match report.archived_unread {
            0 => String::new(),
            unread => format!(" ({} more are encrypted and were not read)", grouped(unread)),
        },
        report.last_full_verified_at.map_or_else(|| "never".to_owned(), |time| time.to_string()),
    );
    if report.discarded > 0 {
        let _ = writeln!(text, "discarded               {}", grouped(report.discarded));
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {}", finding(warning));
    }
    for problem in &report.problems {
        let _ = writeln!(text, "problem: {}", finding(problem));
    }
    text.push_str(match report.problems.len() {
        0 => "\nThe ledger is as it was signed.\n",
        _ => "\nThe ledger is NOT as it was signed.\n",
    });
    text
}

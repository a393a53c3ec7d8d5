use engine::{BatchSummary, Ledger, OrphanedObject};

use crate::arguments::{ArchiveListArguments, Global};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, bytes, counted, grouped, remark};

/// Prints the catalogue of batches, oldest first; or what is at the destinations and belongs to none of them.
pub(super) async fn run(global: &Global, arguments: &ArchiveListArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
    if arguments.orphans {
        return list_orphans(global, &ledger).await;
    }
    let batches = ledger.batches().await?;
    let mut output = Output::new();
    for batch in &batches {
        if global.json {
            output.json(batch)?;
        } else {
            output.line(line(batch))?;
        }
    }
    output.flush()?;
    if !global.json {
        remark(global, counted(batches.len() as u64, "batch", "batches"));
    }
    Ok(Exit::Done)
}

async fn list_orphans(global: &Global, ledger: &Ledger) -> Result<Exit, Failure> {
    let orphans = ledger.orphans().await?;
    let mut output = Output::new();
    for orphan in &orphans {
        if global.json {
            output.json(orphan)?;
        } else {
            output.line(orphan_line(orphan))?;
        }
    }
    output.flush()?;
    if !global.json {
        let count = counted(orphans.len() as u64, "object", "objects");
        remark(global, format!("{count} that no manifest names; nothing was deleted"));
    }
    Ok(if orphans.is_empty() { Exit::Done } else { Exit::Found })
}

fn orphan_line(orphan: &OrphanedObject) -> String {
    let age = orphan.age_seconds.map_or_else(
        || "of unknown age".to_owned(),
        |seconds| match seconds / 3_600 {
            0..48 => format!("{} old", counted(seconds / 3_600, "hour", "hours")),
            hours => format!("{} old", counted(hours / 24, "day", "days")),
        },
    );
    format!("{}  {}  {}  {age}", orphan.destination, orphan.key, bytes(orphan.bytes))
}

fn line(batch: &BatchSummary) -> String {
    format!(
        "{}  {:<8}  {} to {}  {}  {} in {}",
        batch.batch,
        batch.state,
        batch.first_seq,
        batch.last_seq,
        counted(batch.entries, "entry", "entries"),
        bytes(batch.bytes),
        counted(batch.objects, "object", "objects"),
    ) + &match &batch.manifest_key {
        Some(key) => format!("  {key}"),
        None => format!("  not finished: archive run goes on with it ({} entries)", grouped(batch.entries)),
    }
}

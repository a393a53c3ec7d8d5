use engine::BatchSummary;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, bytes, counted, grouped, remark};

/// Prints the catalogue of batches, oldest first.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
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

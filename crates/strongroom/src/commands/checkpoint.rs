use engine::SignedCheckpoint;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::{OpenEngine, open_for_reading};
use crate::output::{Output, remark};

/// Signs the ledger as it is now. Beside a process that has the ledger it prints what that one signed last.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    configuration.directory.require_ledger()?;
    let checkpoint = match configuration.directory.lock_if_free()? {
        Some(lock) => {
            let open = OpenEngine::open_locked(&configuration, lock).await?;
            let checkpoint = open.engine.checkpoint().await?;
            open.close().await?;
            checkpoint
        }
        None => newest(global, &configuration).await?,
    };
    let mut output = Output::new();
    if global.json {
        output.json(&checkpoint)?;
    } else {
        output.text(&checkpoint.note)?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

async fn newest(global: &Global, configuration: &Configuration) -> Result<SignedCheckpoint, Failure> {
    let ledger = open_for_reading(configuration).await?;
    let newest = ledger.checkpoint().await?.ok_or_else(|| {
        Failure::new("nothing is signed yet").hint("the process that has the ledger signs within a second")
    })?;
    remark(global, "the ledger is in use: this is the newest checkpoint that its process signed");
    Ok(newest)
}

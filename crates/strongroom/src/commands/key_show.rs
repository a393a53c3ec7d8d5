use serde::Serialize;

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::Output;

#[derive(Serialize)]
struct Keys<'a> {
    origin: &'a str,
    vkeys: &'a [String],
}

/// Prints what others need to check this ledger's signatures. The secret key is not even read.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
    let identity = ledger.identity();
    let mut output = Output::new();
    if global.json {
        output.json(&Keys { origin: &identity.origin, vkeys: &identity.vkeys })?;
    } else {
        output.line(format!("origin  {}", identity.origin))?;
        for vkey in &identity.vkeys {
            output.line(format!("vkey    {vkey}"))?;
        }
    }
    output.flush()?;
    Ok(Exit::Done)
}

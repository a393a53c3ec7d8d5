use engine::Freeze;
use serde_json::json;

use crate::arguments::{Global, ReasonArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::operator::operator;
use crate::output::Output;

/// Freezes retention.
pub(super) async fn run(global: &Global, arguments: &ReasonArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let open = OpenEngine::open(&configuration).await?;
    let frozen = open.engine.freeze(&arguments.reason, &operator()).await;
    let closed = open.close().await;
    let frozen = frozen?;
    closed?;
    let mut output = Output::new();
    if global.json {
        output.json(&json!({ "frozen": frozen }))?;
    } else {
        let Freeze { reason, since, .. } = &frozen;
        output.line(format!("Frozen at {since}: {reason}"))?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

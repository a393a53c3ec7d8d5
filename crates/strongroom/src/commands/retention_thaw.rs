use engine::Freeze;
use serde_json::json;

use crate::arguments::{Global, ReasonArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::operator::operator;
use crate::output::Output;

/// Lets retention go on.
pub(super) async fn run(global: &Global, arguments: &ReasonArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let open = OpenEngine::open(&configuration).await?;
    let thawed = open.engine.thaw(&arguments.reason, &operator()).await;
    let closed = open.close().await;
    let thawed = thawed?;
    closed?;
    let mut output = Output::new();
    if global.json {
        output.json(&json!({ "frozen": null, "thawed": thawed }))?;
    } else {
        let Freeze { reason, since, by } = &thawed;
        output.line(format!("Thawed; it was frozen by {by} since {since}: {reason}"))?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

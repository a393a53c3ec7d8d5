use std::fmt::Write;

use engine::{ErrorKind, ExpiryReport, ExpiryRun};

use crate::arguments::{ExpireArguments, Global};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::{OpenEngine, destinations_for_expiry};
use crate::operator::operator;
use crate::output::{Output, bytes, counted};
use crate::progress::Bar;

/// Destroys archived objects whose time is up, where that is switched on.
pub(super) async fn run(global: &Global, arguments: &ExpireArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    if !configuration.settings.expire.enabled {
        let refused = engine::Error::new(ErrorKind::Refused, "expiry is switched off: nothing is destroyed");
        return Err(Failure::from(refused).hint("expire.enabled = true in the settings switches it on"));
    }
    let destinations = destinations_for_expiry(&configuration)?;
    let run = ExpiryRun { dry_run: arguments.dry_run, objects_max: arguments.limit };
    let open = OpenEngine::open(&configuration).await?;
    let result = Box::pin(open.engine.expire(&run, &destinations, &operator(), &Bar::new(global))).await;
    let closed = open.close().await;
    let report = result?;
    closed?;
    let mut output = Output::new();
    if global.json {
        output.json(&report)?;
    } else {
        output.text(&text(&report))?;
    }
    output.flush()?;
    Ok(if report.ok { Exit::Done } else { Exit::Found })
}

fn text(report: &ExpiryReport) -> String {
    let objects = counted(report.expired, "object", "objects");
    let entries = counted(report.entries, "entry", "entries");
    let mut text = if report.dry_run {
        format!(
            "Dry run: {objects} with {entries} ({}) would be destroyed. Nothing was changed.\n",
            bytes(report.bytes)
        )
    } else {
        format!(
            "{objects} with {entries} ({}) destroyed, {} written\n",
            bytes(report.bytes),
            counted(report.notes, "note", "notes")
        )
    };
    for (count, why) in [
        (report.kept, "an entry has to be kept longer"),
        (report.hot, "an entry is hot"),
        (report.held, "an entry is on hold"),
    ] {
        if count > 0 {
            let _ = writeln!(text, "{} kept: {why}", counted(count, "object is", "objects are"));
        }
    }
    for refused in &report.refused {
        let _ =
            writeln!(text, "not removed: {} at {}: {}", refused.key, refused.destination, refused.message);
    }
    text
}

use std::fmt::Write;

use engine::{RestoreReport, RestoreRun, RestoreTarget};
use event::{Filter, HotDays};

use super::search::refused;
use crate::arguments::{ArchiveRestoreArguments, Global};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::operator::operator;
use crate::output::{Output, counted};
use crate::progress::Bar;

/// Makes archived entries hot again for some days.
pub(super) async fn run(global: &Global, arguments: &ArchiveRestoreArguments) -> Result<Exit, Failure> {
    let run = wanted(arguments)?;
    let configuration = Configuration::load(global, Vec::new())?;
    let open = OpenEngine::open(&configuration).await?;
    let result = Box::pin(open.engine.restore(&run, &operator(), &Bar::new(global))).await;
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
    Ok(Exit::Done)
}

fn wanted(arguments: &ArchiveRestoreArguments) -> Result<RestoreRun, Failure> {
    let days = HotDays::new(arguments.days).map_err(|error| Failure::new(format!("--days: {error}")))?;
    let pairs = arguments.filter.filter_pairs();
    let target = match (&arguments.batch, pairs.is_empty()) {
        (Some(batch), true) => RestoreTarget::Batch(batch.clone()),
        (None, false) => {
            let filter = Filter::from_pairs(pairs.into_iter()).map_err(|bad| refused(&bad))?;
            RestoreTarget::Filter(Box::new(filter))
        }
        (None, true) => {
            return Err(Failure::new("neither a batch nor a filter is given")
                .hint("archive list names the batches; the filters are those of search"));
        }
        (Some(_), false) => {
            return Err(Failure::new("a batch and filters are given").hint("give one or the other"));
        }
    };
    Ok(RestoreRun { target, days })
}

fn text(report: &RestoreReport) -> String {
    let mut text = format!("{} hot again", counted(report.restored, "entry is", "entries are"));
    if let Some(until) = report.until {
        let _ = write!(text, " until the first archive run after {until}");
    }
    text.push('\n');
    if report.extended > 0 {
        let extended = counted(report.extended, "entry was", "entries were");
        let _ = writeln!(text, "{extended} already; they stay as long");
    }
    if report.expired > 0 {
        let expired = counted(report.expired, "entry has", "entries have");
        let _ = writeln!(text, "{expired} expired: the archive no longer has them");
    }
    text
}

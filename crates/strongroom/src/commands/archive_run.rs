use std::fmt::Write;

use engine::{ArchiveReport, ArchiveRun, Clock, SystemClock, Window};
use event::{HotDays, Timestamp};

use crate::arguments::{ArchiveRunArguments, Global};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::OpenEngine;
use crate::operator::operator;
use crate::output::{Output, bytes, counted, grouped};
use crate::progress::Bar;

/// Archives, verifies and prunes now, whatever the schedule says.
pub(super) async fn run(global: &Global, arguments: &ArchiveRunArguments) -> Result<Exit, Failure> {
    let window = window(arguments)?;
    let configuration = Configuration::load(global, Vec::new())?;
    let run = ArchiveRun { window, limit: arguments.limit, dry_run: arguments.dry_run, forced: true };
    let open = OpenEngine::open(&configuration).await?;
    let result = open.engine.archive_run(&run, &operator(), &Bar::new(global)).await;
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

fn window(arguments: &ArchiveRunArguments) -> Result<Window, Failure> {
    if let Some(days) = arguments.hot_days {
        let days = HotDays::new(days).map_err(|error| Failure::new(format!("--hot-days: {error}")))?;
        return Ok(Window::HotDays(days));
    }
    let Some(text) = &arguments.before else { return Ok(Window::Policy) };
    let before = Timestamp::parse_rfc3339(text)
        .map_err(|error| Failure::caused(format!("--before {text} is no time"), error))?;
    let now = SystemClock.now();
    if before > now {
        return Err(Failure::new(format!("--before {before} is in the future: it is {now}"))
            .hint("a time that is at most now"));
    }
    Ok(Window::Before(before))
}

fn text(report: &ArchiveReport) -> String {
    let cutoff = report.cutoff.map_or_else(|| "-".to_owned(), |cutoff| cutoff.to_string());
    if report.dry_run {
        return format!(
            "Dry run: {} would be archived and pruned, recorded before {cutoff}. Nothing was changed.\n",
            counted(report.considered, "entry", "entries")
        );
    }
    let mut text = format!(
        "\
cutoff      {cutoff}
considered  {}
archived    {} ({}, {} as lines)
verified    {}
pruned      {}
held        {}
took        {:.1} s
",
        grouped(report.considered),
        grouped(report.archived),
        bytes(report.bytes),
        bytes(report.bytes_uncompressed),
        grouped(report.verified),
        grouped(report.pruned),
        grouped(report.held),
        report.duration_ms as f64 / 1e3,
    );
    if report.discarded > 0 {
        let _ = writeln!(text, "discarded   {}", grouped(report.discarded));
    }
    if let Some(batch) = &report.batch {
        let _ = writeln!(text, "batch       {batch}");
    }
    if report.unread > 0 {
        let _ = writeln!(
            text,
            "{} compared by SHA-256 as encrypted and not read back: there is no identity",
            counted(report.unread, "entry was", "entries were")
        );
    }
    if report.unverified > 0 {
        let _ = writeln!(
            text,
            "{} written but not proven: the hot copies are kept",
            counted(report.unverified, "entry was", "entries were")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(hot_days: Option<i64>, before: Option<&str>) -> ArchiveRunArguments {
        ArchiveRunArguments { dry_run: false, hot_days, before: before.map(str::to_owned), limit: None }
    }

    #[test]
    fn hot_days_outside_the_range_are_refused_with_the_value_and_the_range() {
        for days in [0, -1, 36_501, 4_294_967_295] {
            let error = window(&arguments(Some(days), None)).unwrap_err().to_string();
            assert!(error.contains(&format!("--hot-days: {days} ")), "{error}");
            assert!(error.contains("36"), "{error}");
        }
        assert!(window(&arguments(Some(1), None)).is_ok());
    }

    #[test]
    fn a_cutoff_in_the_future_is_refused() {
        let error = window(&arguments(None, Some("9998-01-01T00:00:00Z"))).unwrap_err().to_string();
        assert!(error.contains("in the future"), "{error}");
        assert!(window(&arguments(None, Some("2020-01-01T00:00:00Z"))).is_ok());
        assert!(window(&arguments(None, Some("yesterday"))).is_err());
    }
}

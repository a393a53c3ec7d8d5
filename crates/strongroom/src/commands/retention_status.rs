use std::fmt::Write;

use engine::{Clock as _, DestinationState, LastRun, RetentionStatus, RunResult, SystemClock};

use crate::arguments::Global;
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, counted, grouped};

/// Shows the state of retention, also beside a server that runs.
pub(super) async fn run(global: &Global) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let status = open_for_reading(&configuration).await?.retention_status().await?;
    let mut output = Output::new();
    if global.json {
        output.json(&status)?;
    } else {
        output.text(&text(&status))?;
    }
    output.flush()?;
    Ok(Exit::Done)
}

fn text(status: &RetentionStatus) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12}  {value}");
    };
    let policy = &status.policy;
    line(
        "policy",
        format!(
            "{} hot, at most {} a run, {} a transaction",
            counted(u64::from(policy.hot_days), "day", "days"),
            counted(policy.entries_max, "entry", "entries"),
            grouped(policy.transaction_entries)
        ),
    );
    line(
        "frozen",
        match &status.frozen {
            Some(freeze) => format!("since {} by {}: {}", freeze.since, freeze.by, freeze.reason),
            None => "no".to_owned(),
        },
    );
    line("schedule", schedule(status));
    if let Some(backlog) = &status.backlog {
        line("to archive", counted(backlog.entries, "entry past the window", "entries past the window"));
    }
    if let Some(run) = &status.under_way {
        let step = run.step.as_ref().map_or_else(String::new, |step| {
            let total = step.total.map_or_else(String::new, |total| format!(" of {}", grouped(total)));
            format!(", {}: {}{total}", step.name, grouped(step.done))
        });
        line("under way", format!("since {}, {}{step}", run.started_at, run.holder));
    }
    line("last run", status.last_run.as_ref().map_or_else(|| "never".to_owned(), last_run));
    for destination in &status.destinations {
        line("destination", of_destination(destination));
    }
    text
}

fn schedule(status: &RetentionStatus) -> String {
    let schedule = &status.schedule;
    let times = match (&schedule.run_at, schedule.every_seconds) {
        (Some(run_at), _) => format!("daily at {run_at} UTC"),
        (None, Some(seconds)) => format!("every {}", counted(seconds, "second", "seconds")),
        (None, None) => String::new(),
    };
    match (schedule.enabled, schedule.next_run_at) {
        (false, _) => format!("{times}, switched off (retention.enabled)"),
        (true, None) => format!("{times}, without a destination"),
        (true, Some(next)) if next <= SystemClock.now() => format!("{times}, due since {next}"),
        (true, Some(next)) => format!("{times}, next {next}"),
    }
}

fn last_run(run: &LastRun) -> String {
    let result = match run.result {
        RunResult::Completed => "completed",
        RunResult::Failed => "failed",
        RunResult::Frozen => "frozen",
    };
    let by = run.by.as_ref().map_or_else(|| "by schedule".to_owned(), |by| format!("by {by}"));
    let report = &run.report;
    let error = run.error.as_ref().map_or_else(String::new, |error| format!("\n{:14}{error}", ""));
    format!(
        "{result} {} {by}: {} archived, {} verified, {} pruned, {} held{error}",
        run.ended_at,
        grouped(report.archived),
        grouped(report.verified),
        grouped(report.pruned),
        grouped(report.held)
    )
}

fn of_destination(state: &DestinationState) -> String {
    let confirmed = state.confirmed_at.map_or_else(
        || "has confirmed no batch yet".to_owned(),
        |at| format!("confirmed its last batch {at}"),
    );
    let error = state.error.as_ref().map_or_else(String::new, |error| {
        let object = error.object.as_ref().map_or_else(String::new, |object| format!(" {object}"));
        format!("\n{:14}error {}{object}: {}", "", error.at, error.reason)
    });
    format!("{}: {confirmed}{error}", state.name)
}

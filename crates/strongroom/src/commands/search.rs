use std::fmt::Write;
use std::io::{IsTerminal, stdout};
use std::time::{Duration, Instant};

use engine::{Page, SearchPage};
use event::{EntryFields, Filter, Violation};

use crate::arguments::{Global, SearchArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure};
use crate::ledger_access::open_for_reading;
use crate::output::{Output, counted, duration, grouped, remark};

/// Prints what matches: a table for people, lines of JSON for programs.
pub(super) async fn run(global: &Global, arguments: &SearchArguments) -> Result<Exit, Failure> {
    let filter = Filter::from_pairs(arguments.filter_pairs().into_iter()).map_err(|bad| refused(&bad))?;
    let page = Page::from_pairs(&mut arguments.page_pairs()).map_err(|bad| refused(&bad))?;
    let configuration = Configuration::load(global, Vec::new())?;
    let ledger = open_for_reading(&configuration).await?;
    let start = Instant::now();
    let found = ledger.search(&filter, &page).await?;
    let took = start.elapsed();

    let mut output = Output::new();
    if global.json {
        output.line(found.to_json())?;
    } else if stdout().is_terminal() {
        output.text(&table(&found))?;
    } else {
        for entry in &found.entries {
            output.line(entry)?;
        }
    }
    output.flush()?;
    if !global.json {
        remark(global, footer(&found, took));
    }
    Ok(Exit::Done)
}

/// The filter's names as the flags they came from.
pub(super) fn refused(violations: &[Violation]) -> Failure {
    let flag = |violation: &Violation| {
        let name = violation.member.replace('_', "-");
        format!("--{name}: {}", violation.message)
    };
    Failure::listing("the search is not valid:", violations.iter().map(flag))
}

fn footer(found: &SearchPage, took: Duration) -> String {
    let mut text = format!(
        "{} of a ledger of {} in {} ({})",
        counted(found.entries.len() as u64, "entry", "entries"),
        grouped(found.tree_size),
        duration(took),
        found.tiers.join(" and ")
    );
    if found.pruned_through > 0 && !found.tiers.contains(&"cold") {
        let _ = write!(text, "; entries below {} are archived", grouped(found.pruned_through));
    }
    for [first, last] in &found.unavailable {
        let _ = write!(text, "; entries {} to {} are kept nowhere", grouped(*first), grouped(*last));
    }
    if let Some(cursor) = &found.next_cursor {
        let _ = write!(text, "\nmore with --cursor {cursor}");
    }
    text
}

const COLUMNS: [&str; 7] = ["SEQ", "RECORDED", "TENANT", "ACTOR", "ACTION", "TARGET", "OUTCOME"];
/// Wider values are cut for the eye; --json and a pipe show all of them.
const COLUMN_CHARACTERS_MAX: usize = 40;

fn table(found: &SearchPage) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(found.entries.iter().map(|line| row(line)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(line: &[u8]) -> [String; COLUMNS.len()] {
    let Ok(fields) = EntryFields::parse(line) else {
        return ["?", "", "", "", "", "", "this line cannot be read: run strongroom verify"]
            .map(str::to_owned);
    };
    let target = match (&fields.target_type, &fields.target_id) {
        (Some(kind), Some(id)) => format!("{kind} {id}"),
        _ => String::new(),
    };
    [
        fields.seq.to_string(),
        fields.recorded_at.to_string(),
        fields.tenant.to_string(),
        fields.actor_id.as_deref().unwrap_or(fields.actor_type.as_str()).to_owned(),
        fields.action.to_string(),
        target,
        fields.outcome.as_str().to_owned(),
    ]
    .map(|cell| shortened(&cell))
}

/// Cut to the column, and without anything that could move a terminal's cursor.
fn shortened(cell: &str) -> String {
    let clean = cell.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character });
    let mut text: String = clean.clone().take(COLUMN_CHARACTERS_MAX).collect();
    if clean.count() > COLUMN_CHARACTERS_MAX {
        text.pop();
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cell_is_cut_and_a_hostile_one_disarmed() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"x".repeat(50)).chars().count(), COLUMN_CHARACTERS_MAX);
        assert_eq!(shortened("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}

//! What is printed: an aligned table, or one JSON object a line.

use std::fmt::Write as _;
use std::io::Write as _;

use serde::Serialize;

use crate::Failure;
use crate::measurement::Measurement;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "events/s")]
    EventsPerSecond,
    #[serde(rename = "entries/s")]
    EntriesPerSecond,
    #[serde(rename = "MB")]
    Megabytes,
    #[serde(rename = "MB/s")]
    MegabytesPerSecond,
    #[serde(rename = "B/event")]
    BytesPerEvent,
    #[serde(rename = "µs/event")]
    MicrosPerEvent,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "events")]
    Events,
    #[serde(rename = "%")]
    Percent,
    #[serde(rename = "objects")]
    Objects,
    #[serde(rename = "times")]
    Times,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::EventsPerSecond => "events/s",
            Self::EntriesPerSecond => "entries/s",
            Self::Megabytes => "MB",
            Self::MegabytesPerSecond => "MB/s",
            Self::BytesPerEvent => "B/event",
            Self::MicrosPerEvent => "µs/event",
            Self::Milliseconds => "ms",
            Self::Events => "events",
            Self::Percent => "%",
            Self::Objects => "objects",
            Self::Times => "times",
        }
    }
}

/// What the design asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// Of measured by floor.
    RatioAtLeast(f64),
    /// Of measured by floor.
    RatioAtMost(f64),
    /// Of what is measured.
    Below(f64),
    /// Of what is measured.
    AtMost(f64),
    /// Of what one core does.
    PerCpuSecondAtLeast(f64),
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    what: String,
    measured: f64,
    unit: Unit,
    per_cpu_second: Option<f64>,
    floor: Option<&'static str>,
    floor_measured: Option<f64>,
    ratio: Option<f64>,
    aim: Option<String>,
    met: Option<bool>,
    memory_peak_bytes: Option<u64>,
}

impl Row {
    pub(crate) fn new(what: &str, measured: f64, unit: Unit) -> Self {
        Self {
            what: what.to_owned(),
            measured,
            unit,
            per_cpu_second: None,
            floor: None,
            floor_measured: None,
            ratio: None,
            aim: None,
            met: None,
            memory_peak_bytes: None,
        }
    }

    /// A rate, with what it used.
    pub(crate) fn rate(what: &str, unit: Unit, measurement: &Measurement) -> Self {
        let row = Self::new(what, measurement.rate(), unit).resources(measurement);
        Self { per_cpu_second: measurement.rate_per_cpu_second(), ..row }
    }

    pub(crate) fn resources(self, measurement: &Measurement) -> Self {
        Self { memory_peak_bytes: measurement.memory_peak_bytes, ..self }
    }

    /// Of a rate that was measured for itself.
    pub(crate) fn per_cpu_second(self, rate: f64) -> Self {
        Self { per_cpu_second: Some(rate), ..self }
    }

    pub(crate) fn floor(self, name: &'static str, measured: f64) -> Self {
        let ratio = Some(self.measured / measured);
        Self { floor: Some(name), floor_measured: Some(measured), ratio, ..self }
    }

    /// Holds the row against an aim; the floor must be there by then. What could not be measured meets none.
    pub(crate) fn aim(self, aim: Option<Aim>) -> Self {
        let Some(aim) = aim else { return self };
        let at_least = |value: Option<f64>, least: f64| value.is_some_and(|value| value >= least);
        let (text, met) = match aim {
            Aim::RatioAtLeast(least) => (format!("ratio ≥ {least}"), at_least(self.ratio, least)),
            Aim::RatioAtMost(most) => {
                (format!("ratio ≤ {most}"), self.ratio.is_some_and(|ratio| ratio <= most))
            }
            Aim::Below(bound) => (format!("< {bound} {}", self.unit.as_str()), self.measured < bound),
            Aim::AtMost(bound) => (format!("≤ {bound} {}", self.unit.as_str()), self.measured <= bound),
            Aim::PerCpuSecondAtLeast(least) => {
                (format!("≥ {} a CPU second", number(least)), at_least(self.per_cpu_second, least))
            }
        };
        Self { aim: Some(text), met: Some(met), ..self }
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let unit = self.unit.as_str();
        let floor = self.floor_measured.map(number).zip(self.floor);
        [
            self.what.clone(),
            format!("{} {unit}", number(self.measured)),
            self.per_cpu_second.map(number).unwrap_or_default(),
            floor.map(|(measured, name)| format!("{measured} {name}")).unwrap_or_default(),
            self.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            self.aim.clone().unwrap_or_default(),
            self.met.map(|met| if met { "yes" } else { "no" }.to_owned()).unwrap_or_default(),
            self.memory_peak_bytes.map(|bytes| format!("{} MB", bytes / 1_000_000)).unwrap_or_default(),
        ]
    }
}

const COLUMNS: [&str; 8] =
    ["what", "measured", "per CPU second", "floor", "ratio", "aim", "met", "memory peak"];

/// All rows of a benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    benchmark: &'static str,
    json: bool,
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    benchmark: &'static str,
    #[serde(flatten)]
    row: &'a Row,
}

#[derive(Serialize)]
struct JsonNote<'a> {
    benchmark: &'static str,
    note: &'a str,
}

impl Report {
    pub(crate) fn new(benchmark: &'static str, json: bool) -> Self {
        Self { benchmark, json, rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// What a reader has to know of the run, below the rows.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn print(&self) -> Result<(), Failure> {
        let text = if self.json { self.json_lines()? } else { self.table() };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }

    fn json_lines(&self) -> Result<String, Failure> {
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&serde_json::to_string(&JsonRow { benchmark: self.benchmark, row })?);
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&serde_json::to_string(&JsonNote { benchmark: self.benchmark, note })?);
            text.push('\n');
        }
        Ok(text)
    }

    fn table(&self) -> String {
        let mut lines = vec![COLUMNS.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max();
        let widths: Vec<usize> = (0..COLUMNS.len()).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for cells in &lines {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                // Writing to a string cannot fail.
                let _ = write!(line, "{cell:width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }
}

/// Three digits that matter, or all that stand before the point, in groups of three.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let decimals = match value.abs() {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_matters() {
        let given = [0.0, 1.234, 12.34, 123.4, 999.6, 12_345.0, 1_234_567.8, -1_234.0, f64::NAN];
        let expected = ["0.00", "1.23", "12.3", "123", "1,000", "12,345", "1,234,568", "-1,234", "–"];
        assert_eq!(given.map(number), expected);
    }

    #[test]
    fn an_aim_is_met_at_its_bound_and_missed_without_a_measurement() {
        let row = || Row::new("x", 60.0, Unit::EventsPerSecond).floor("y", 100.0);
        assert_eq!(row().aim(Some(Aim::RatioAtLeast(0.6))).met, Some(true));
        assert_eq!(row().aim(Some(Aim::RatioAtLeast(0.61))).met, Some(false));
        assert_eq!(row().aim(Some(Aim::RatioAtMost(0.6))).met, Some(true));
        assert_eq!(row().aim(Some(Aim::RatioAtMost(0.59))).met, Some(false));
        assert_eq!(row().aim(Some(Aim::Below(60.0))).met, Some(false));
        assert_eq!(row().aim(Some(Aim::AtMost(60.0))).met, Some(true));
        assert_eq!(row().aim(Some(Aim::AtMost(59.9))).met, Some(false));
        assert_eq!(row().aim(Some(Aim::PerCpuSecondAtLeast(1.0))).met, Some(false));
        assert_eq!(row().aim(None).met, None);
    }

    #[test]
    fn columns_line_up_and_json_has_one_object_a_line() {
        let mut report = Report::new("ingest", false);
        report.add(Row::new("events", 1_000.0, Unit::EventsPerSecond).floor("file", 2_000.0));
        report.add(Row::new("µ", 2.5, Unit::MicrosPerEvent));
        report.note("a note");
        let table = report.table();
        let starts: Vec<_> = ["measured", "1,000 events/s", "2.50 µs/event"]
            .into_iter()
            .zip(table.lines())
            .map(|(cell, line)| line.find(cell).map(|at| line[..at].chars().count()))
            .collect();
        assert_eq!(starts, [Some(8); 3], "{table}");
        assert!(table.ends_with("µs/event\n\na note\n"), "{table}");
        let objects: Vec<serde_json::Value> =
            report.json_lines().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 3);
        assert_eq!(objects[0]["benchmark"], "ingest");
        assert_eq!(objects[0]["ratio"], 0.5);
        assert_eq!(objects[1]["unit"], "µs/event");
        assert_eq!(objects[2], serde_json::json!({ "benchmark": "ingest", "note": "a note" }));
    }
}

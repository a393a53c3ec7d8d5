//! Results on stdout, remarks on stderr.

use std::io::{self, BufWriter, Stdout, Write};
use std::time::Duration;

use serde::Serialize;

use crate::arguments::Global;
use crate::failure::Failure;

/// Buffered stdout. What was written is seen only after [`Output::flush`].
pub(crate) struct Output {
    out: BufWriter<Stdout>,
}

impl Output {
    /// The process's stdout.
    pub(crate) fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, io::stdout()) }
    }

    /// Writes bytes and a newline.
    pub(crate) fn line(&mut self, line: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.out.write_all(line.as_ref()).and_then(|()| self.out.write_all(b"\n")).map_err(Failure::output)
    }

    /// Writes text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(Failure::output)
    }

    /// Writes a value as one line of compact JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_vec(value)
            .map_err(|error| Failure::caused("the answer cannot be written as JSON", error))?;
        self.line(line)
    }

    /// Hands everything over to whoever reads.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::output)
    }
}

/// A remark beside the result: on stderr, and not with -q. Nobody listening is no error.
pub(crate) fn remark(global: &Global, text: impl AsRef<str>) {
    if !global.quiet {
        let _ = writeln!(io::stderr(), "{}", text.as_ref());
    }
}

/// A finding of a verification, as a line.
pub(crate) fn finding(finding: &engine::Finding) -> String {
    match finding.seq {
        Some(seq) => format!("{} at seq {seq}: {}", finding.reason, finding.message),
        None => format!("{}: {}", finding.reason, finding.message),
    }
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 entry`, `2 entries`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Bytes with a binary unit: `1.5 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A duration as people say it: `0.42 ms`, `12 ms`, `3.2 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 10.0 {
        format!("{milliseconds:.2} ms")
    } else if milliseconds < 1_000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.1} s", milliseconds / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts: Vec<String> = [0, 12, 999, 1_000, 123_456, 1_234_567].map(grouped).into();
        assert_eq!(texts, ["0", "12", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(counted(1, "entry", "entries"), "1 entry");
        assert_eq!(counted(2_000, "entry", "entries"), "2,000 entries");
    }

    #[test]
    fn bytes_and_durations_keep_two_or_three_digits() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536 * 1024), "1.5 MiB");
        assert_eq!(duration(Duration::from_micros(420)), "0.42 ms");
        assert_eq!(duration(Duration::from_millis(3_210)), "3.2 s");
    }
}

use std::fmt::Write;

use engine::Receipt;

use crate::output::counted;

/// What became of an input, exactly.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events that are in the ledger now and were not before.
    pub(crate) new: u64,
    /// Events that were there already.
    pub(crate) duplicates: u64,
    /// Events whose receipts could not be told.
    pub(crate) undelivered: u64,
    /// First and last line of each unbroken run that was appended.
    runs: Vec<[u64; 2]>,
    /// First and last line of what may or may not have been appended.
    unknown: Vec<[u64; 2]>,
    broken: bool,
}

impl Tally {
    /// A batch is durable.
    pub(super) fn appended(&mut self, lines: &[u64], receipts: &[Receipt]) {
        let duplicates = receipts.iter().filter(|receipt| receipt.duplicate).count() as u64;
        self.duplicates += duplicates;
        self.new += receipts.len() as u64 - duplicates;
        let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return };
        match self.runs.last_mut() {
            Some(run) if !self.broken => run[1] = *last,
            _ => self.runs.push([*first, *last]),
        }
        self.broken = false;
    }

    /// A batch was refused, or its outcome is not known.
    pub(super) fn refused(&mut self, lines: &[u64], unknown: bool) {
        self.broken = true;
        if let (true, Some(first), Some(last)) = (unknown, lines.first(), lines.last()) {
            self.unknown.push([*first, *last]);
        }
    }

    /// What was appended before it stopped, in a sentence, for whoever has to go on from there.
    pub(crate) fn stopped_text(&self) -> String {
        let total = self.new + self.duplicates;
        if total == 0 && self.unknown.is_empty() {
            return "nothing was appended".to_owned();
        }
        let mut text = format!("{} appended", was(total, "event"));
        if !self.runs.is_empty() {
            let _ = write!(text, " ({})", lines_text(&self.runs));
        }
        if self.duplicates > 0 {
            let _ = write!(text, ", {} of them there before", self.duplicates);
        }
        if self.undelivered > 0 {
            let _ = write!(text, "; the receipts of {} could not be printed", self.undelivered);
        }
        if !self.unknown.is_empty() {
            let _ = write!(
                text,
                "; {} may be in the ledger: send them again with the same event_id",
                lines_text(&self.unknown)
            );
        }
        text.push_str("; the rest was not");
        text
    }
}

fn was(number: u64, noun: &str) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(number, noun, &format!("{noun}s")))
}

fn lines_text(runs: &[[u64; 2]]) -> String {
    let texts: Vec<String> = runs
        .iter()
        .map(|[first, last]| if first == last { format!("{first}") } else { format!("{first} to {last}") })
        .collect();
    let noun = if texts.len() == 1 && runs[0][0] == runs[0][1] { "line" } else { "lines" };
    format!("{noun} {}", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipts(count: u64, duplicate: bool) -> Vec<Receipt> {
        let receipt = |seq| Receipt { event_id: None, seq, leaf_hash: String::new(), duplicate };
        (0..count).map(receipt).collect()
    }

    #[test]
    fn consecutive_batches_are_one_run() {
        let mut tally = Tally::default();
        tally.appended(&[1, 2, 4], &receipts(3, false));
        tally.appended(&[5, 6], &receipts(2, true));
        assert_eq!(
            tally.stopped_text(),
            "5 events were appended (lines 1 to 6), 2 of them there before; the rest was not"
        );
    }

    #[test]
    fn a_refused_batch_leaves_a_gap_in_the_account() {
        let mut tally = Tally::default();
        tally.appended(&[1], &receipts(1, false));
        tally.refused(&[2, 3], false);
        tally.appended(&[4, 5], &receipts(2, false));
        assert_eq!(tally.stopped_text(), "3 events were appended (lines 1, 4 to 5); the rest was not");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut tally = Tally::default();
        tally.refused(&[1, 2], true);
        assert_eq!(
            tally.stopped_text(),
            "0 events were appended; lines 1 to 2 may be in the ledger: send them again with the same event_id; \
             the rest was not"
        );
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(Tally::default().stopped_text(), "nothing was appended");
    }
}

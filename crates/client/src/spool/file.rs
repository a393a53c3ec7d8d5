//! One spool file: lines at its end, drained from its start.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::de::IgnoredAny;

use super::durable;
use super::name::FileName;

/// Bytes that a scan reads at a time.
const SCAN_BYTES: usize = 256 << 10;

/// An open spool file. Everything below `length` is whole lines, and synced.
#[derive(Debug)]
pub(super) struct SpoolFile {
    file: File,
    length: u64,
    drained: u64,
    /// Something may stand behind `length` that was never acknowledged.
    has_remains: bool,
}

/// Events as they stand in a file, one a line.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) name: FileName,
    /// The offset behind the last of them.
    pub(crate) end: u64,
    pub(crate) lines: Vec<Vec<u8>>,
}

impl SpoolFile {
    /// A new file. It is there after a crash before anything in it is acknowledged.
    pub(super) fn create(directory: &Path, name: FileName) -> io::Result<Self> {
        // What an earlier file of this name had drained says nothing of this one.
        durable::remove(directory, &name.progress())?;
        let file = durable::options().create_new(true).open(directory.join(name.to_string()))?;
        durable::sync_directory(directory)?;
        Ok(Self { file, length: 0, drained: 0, has_remains: false })
    }

    /// Opens a file that another process left, and cuts off a torn last line. Whether there was one is the second
    /// part of the answer, the third how many events wait.
    pub(super) fn open(directory: &Path, name: FileName) -> io::Result<(Self, bool, u64)> {
        let file = durable::options().open(directory.join(name.to_string()))?;
        let length = file.metadata()?.len();
        let mut opened = Self { file, length, drained: 0, has_remains: false };
        let is_torn = opened.cut_torn_line()?;
        opened.drained = opened.read_progress(directory, name)?;
        let waiting = opened.lines_between(opened.drained, opened.length)?;
        Ok((opened, is_torn, waiting))
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn drained(&self) -> u64 {
        self.drained
    }

    pub(super) fn is_drained(&self) -> bool {
        self.drained == self.length
    }

    /// Appends whole lines and syncs them. After an error nothing of them counts.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.has_remains {
            self.file.set_len(self.length)?;
        }
        self.has_remains = true;
        let written = self.file.write_all_at(lines, self.length).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // As far as it goes: the next append does it again before it writes, and so does the next opening if the
            // last line is torn.
            self.has_remains = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.has_remains = false;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// The next lines that are not drained; at least one, if there is one.
    pub(super) fn batch(
        &self,
        name: FileName,
        events_max: usize,
        bytes_max: u64,
    ) -> io::Result<Option<Batch>> {
        let mut wanted = bytes_max.min(self.length - self.drained);
        let mut bytes = Vec::new();
        while wanted > 0 {
            bytes.resize(usize::try_from(wanted).unwrap_or(usize::MAX), 0);
            self.file.read_exact_at(&mut bytes, self.drained)?;
            if bytes.contains(&b'\n') {
                break;
            }
            // A line that is longer than a batch goes alone. `length` is the end of a line, so this ends.
            wanted = wanted.saturating_mul(2).min(self.length - self.drained);
        }
        let lines: Vec<Vec<u8>> = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_suffix(b"\n"))
            .take(events_max)
            .map(<[u8]>::to_vec)
            .collect();
        let taken: usize = lines.iter().map(|line| line.len() + 1).sum();
        Ok((!lines.is_empty()).then(|| Batch { name, end: self.drained + taken as u64, lines }))
    }

    /// Makes it durable that everything below `end` was acknowledged.
    pub(super) fn drain_to(&mut self, directory: &Path, name: FileName, end: u64) -> io::Result<()> {
        durable::replace(directory, &name.progress(), &end.to_string())?;
        self.drained = end;
        Ok(())
    }

    /// The last line is torn if it has no end, or is no JSON.
    fn cut_torn_line(&mut self) -> io::Result<bool> {
        let Some(last) = self.length.checked_sub(1) else { return Ok(false) };
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, last)?;
        let end = if byte[0] == b'\n' { last } else { self.length };
        let start = self.line_start_before(end)?;
        if byte[0] == b'\n' {
            let mut line = vec![0; usize::try_from(end - start).unwrap_or(usize::MAX)];
            self.file.read_exact_at(&mut line, start)?;
            if is_json(&line) {
                return Ok(false);
            }
        }
        self.file.set_len(start)?;
        self.file.sync_data()?;
        self.length = start;
        Ok(true)
    }

    /// Where the line begins that ends before `end`.
    fn line_start_before(&self, end: u64) -> io::Result<u64> {
        let mut buffer = vec![0; SCAN_BYTES];
        let mut upper = end;
        while upper > 0 {
            let lower = upper.saturating_sub(SCAN_BYTES as u64);
            let part = &mut buffer[..(upper - lower) as usize];
            self.file.read_exact_at(part, lower)?;
            if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
                return Ok(lower + at as u64 + 1);
            }
            upper = lower;
        }
        Ok(0)
    }

    fn lines_between(&self, start: u64, end: u64) -> io::Result<u64> {
        let mut buffer = vec![0; SCAN_BYTES];
        let mut lines = 0;
        let mut lower = start;
        while lower < end {
            let part = &mut buffer[..(end - lower).min(SCAN_BYTES as u64) as usize];
            self.file.read_exact_at(part, lower)?;
            lines += memchr::memchr_iter(b'\n', part).count() as u64;
            lower += part.len() as u64;
        }
        Ok(lines)
    }

    /// What the progress file says. Anything but the end of a line of this file says nothing: then all of it is sent
    /// again, which the ids make harmless.
    fn read_progress(&self, directory: &Path, name: FileName) -> io::Result<u64> {
        let text = match std::fs::read_to_string(directory.join(name.progress())) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let Some(offset) = text.trim().parse::<u64>().ok().filter(|offset| *offset <= self.length) else {
            tracing::warn!(file = %name, "the progress of a spool file is unreadable: all of it is sent again");
            return Ok(0);
        };
        let mut before = [0];
        if offset > 0 {
            self.file.read_exact_at(&mut before, offset - 1)?;
        }
        Ok(if offset == 0 || before[0] == b'\n' { offset } else { 0 })
    }
}

/// Whether a line is one JSON value.
pub(crate) fn is_json(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> FileName {
        FileName::parse("audit_2026-01-01.jsonl").unwrap()
    }

    fn texts(batch: &Batch) -> Vec<&str> {
        batch.lines.iter().map(|line| std::str::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn a_batch_ends_at_its_bounds_and_a_long_line_goes_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = SpoolFile::create(directory.path(), name()).unwrap();
        let long = format!("\"{}\"", "x".repeat(100));
        file.append(format!("1\n22\n333\n{long}\n5\n").as_bytes()).unwrap();

        let batch = file.batch(name(), 2, 1_000).unwrap().unwrap();
        assert_eq!((texts(&batch), batch.end), (vec!["1", "22"], 5));
        let batch = file.batch(name(), 9, 6).unwrap().unwrap();
        assert_eq!((texts(&batch), batch.end), (vec!["1", "22"], 5), "half a line is not taken");
        file.drain_to(directory.path(), name(), 9).unwrap();
        let batch = file.batch(name(), 9, 10).unwrap().unwrap();
        assert_eq!(texts(&batch)[0], long);
        file.drain_to(directory.path(), name(), file.length()).unwrap();
        assert!(file.is_drained() && file.batch(name(), 9, 10).unwrap().is_none());
    }

    #[test]
    fn progress_survives_and_what_was_appended_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = SpoolFile::create(directory.path(), name()).unwrap();
        file.append(b"1\n22\n").unwrap();
        file.drain_to(directory.path(), name(), 2).unwrap();
        file.append(b"333\n").unwrap();
        drop(file);
        let (file, is_torn, waiting) = SpoolFile::open(directory.path(), name()).unwrap();
        assert_eq!((file.drained(), file.length(), is_torn, waiting), (2, 9, false, 2));
    }

    #[test]
    fn a_torn_line_is_found_however_long_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name().to_string());
        let torn = "x".repeat(3 * SCAN_BYTES);
        std::fs::write(&path, format!("1\n\"{torn}")).unwrap();
        let (file, is_torn, waiting) = SpoolFile::open(directory.path(), name()).unwrap();
        assert_eq!((file.length(), is_torn, waiting), (2, true, 1));
        assert_eq!(std::fs::read(&path).unwrap(), b"1\n");
    }

    /// A disk that takes nothing more: `/dev/full` answers every write so.
    #[test]
    fn an_append_that_fails_counts_for_nothing() {
        let full = durable::options().open("/dev/full").unwrap();
        let mut file = SpoolFile { file: full, length: 0, drained: 0, has_remains: false };
        let error = file.append(b"1\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!((file.length(), file.is_drained()), (0, true));
    }
}

//! Lines from an input, as they come, in bounded memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::failure::Failure;

/// Asked of the input at once.
const READ_BYTES: usize = 256 * 1024;

/// One line of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1, counting empty lines too.
    pub(crate) number: u64,
    /// Without its newline.
    pub(crate) bytes: Vec<u8>,
}

/// Why no more lines come.
#[derive(Debug)]
pub(crate) enum LinesError {
    /// The line with this number is longer than any that could be taken.
    TooLong { number: u64, bytes_max: usize },
    /// The input could not be read behind this many lines.
    Unreadable { after: u64, error: io::Error },
}

/// Opens a file, or stdin for `-` and for nothing.
pub(crate) fn open(file: Option<&Path>) -> Result<Box<dyn Read + Send>, Failure> {
    match file {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path)
                .map_err(|error| Failure::caused(format!("cannot open {}", path.display()), error))?;
            Ok(Box::new(file))
        }
        _ => Ok(Box::new(io::stdin())),
    }
}

/// Splits an input into lines.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
    bytes_max: usize,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of at most `bytes_max` bytes.
    pub(crate) fn new(input: R, bytes_max: usize) -> Self {
        Self { input, buffer: Vec::new(), number: 0, bytes_max, ended: false }
    }

    /// Reads once and answers every line that is complete then, blank ones left out; `None` at the end. So a line is
    /// never kept waiting for the one after it, and a fast input comes in large pieces.
    pub(crate) fn ready(&mut self) -> Result<Option<Vec<Line>>, LinesError> {
        let mut lines = Vec::new();
        while lines.is_empty() {
            if self.ended {
                return Ok(None);
            }
            let read = self.fill().map_err(|error| LinesError::Unreadable { after: self.number, error })?;
            self.ended = read == 0;
            self.split(&mut lines)?;
        }
        Ok(Some(lines))
    }

    fn fill(&mut self) -> io::Result<usize> {
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(filled + read.as_ref().map_or(0, |read| *read));
        read
    }

    fn split(&mut self, lines: &mut Vec<Line>) -> Result<(), LinesError> {
        let mut start = 0;
        while let Some(length) = self.buffer[start..].iter().position(|byte| *byte == b'\n') {
            let end = start + length;
            self.take(start, end, lines)?;
            start = end + 1;
        }
        if self.ended && start < self.buffer.len() {
            // The last line needs no newline.
            self.take(start, self.buffer.len(), lines)?;
            start = self.buffer.len();
        }
        self.buffer.drain(..start);
        if self.buffer.len() > self.bytes_max {
            return Err(self.too_long());
        }
        Ok(())
    }

    fn take(&mut self, start: usize, end: usize, lines: &mut Vec<Line>) -> Result<(), LinesError> {
        if end - start > self.bytes_max {
            return Err(self.too_long());
        }
        self.number += 1;
        let bytes = &self.buffer[start..end];
        if !bytes.trim_ascii().is_empty() {
            lines.push(Line { number: self.number, bytes: bytes.to_vec() });
        }
        Ok(())
    }

    fn too_long(&self) -> LinesError {
        LinesError::TooLong { number: self.number + 1, bytes_max: self.bytes_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a pipe may.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn all(text: &str, piece: usize) -> Vec<(u64, String)> {
        let mut lines = Lines::new(Drip(text.as_bytes(), piece), 16);
        let mut all = Vec::new();
        while let Some(ready) = lines.ready().unwrap() {
            all.extend(ready.into_iter().map(|line| (line.number, String::from_utf8(line.bytes).unwrap())));
        }
        all
    }

    #[test]
    fn lines_are_the_same_in_whatever_pieces_they_come() {
        let expected = vec![(1, "one".to_owned()), (3, "three".to_owned()), (5, "five".to_owned())];
        for piece in 1..20 {
            assert_eq!(all("one\n\nthree\n \r\nfive", piece), expected, "{piece} bytes at a time");
            assert_eq!(all("one\n\nthree\n\t\nfive\n", piece), expected, "{piece} bytes at a time");
        }
    }

    #[test]
    fn a_line_is_handed_over_before_the_next_one_is_there() {
        let mut lines = Lines::new(Drip(b"one\ntw", 4), 16);
        let ready = lines.ready().unwrap().unwrap();
        assert_eq!(ready, [Line { number: 1, bytes: b"one".to_vec() }]);
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut lines = Lines::new(io::repeat(b'x'), 1000);
        assert!(matches!(lines.ready(), Err(LinesError::TooLong { number: 1, bytes_max: 1000 })));
    }

    #[test]
    fn an_empty_input_has_no_lines() {
        assert!(all("", 4).is_empty());
    }
}

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::Path;

use crate::data_directory::create_directory;
use crate::failure::Failure;
use crate::lines::Line;

/// Mapped events on disk between the pass that checks them all and the one that appends them, so that the input may be
/// larger than memory and need not be read twice. The file has no name: it goes with the process, however that ends.
pub(super) struct Spool {
    file: BufWriter<File>,
}

impl Spool {
    /// A spool on the ledger's own disk, whose room is known to matter.
    pub(super) fn create(directory: &Path) -> Result<Self, Failure> {
        let file = create_directory(directory).and_then(|()| tempfile::tempfile_in(directory));
        let file = file.map_err(|error| {
            Failure::caused(format!("cannot make a file in {}", directory.display()), error)
        })?;
        Ok(Self { file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Keeps an event, which holds no newline, with the line it came from.
    pub(super) fn push(&mut self, line: u64, event: &[u8]) -> Result<(), Failure> {
        let file = &mut self.file;
        write!(file, "{line} ")
            .and_then(|()| file.write_all(event))
            .and_then(|()| file.write_all(b"\n"))
            .map_err(|error| unusable("written", error))
    }

    /// The events in the order they were kept.
    pub(super) fn replay(self) -> impl Iterator<Item = Result<Line, Failure>> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|mut file| {
            file.rewind()?;
            Ok(BufReader::with_capacity(1 << 20, file))
        });
        let mut file = file.map_err(|error| unusable("read", error));
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let next = match &mut file {
                Ok(file) => read_line(file).map_err(|error| unusable("read", error)),
                Err(error) => Err(std::mem::replace(error, Failure::new(""))),
            };
            failed = next.is_err();
            next.transpose()
        })
    }
}

fn read_line(file: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    if file.read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let torn = || io::Error::other("a line was not kept as it was written");
    if bytes.pop() != Some(b'\n') {
        return Err(torn());
    }
    let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(torn)?;
    let number = std::str::from_utf8(&bytes[..space]).ok().and_then(|digits| digits.parse().ok());
    let number = number.ok_or_else(torn)?;
    bytes.drain(..=space);
    Ok(Some(Line { number, bytes }))
}

fn unusable(what: &str, error: io::Error) -> Failure {
    Failure::caused(format!("the mapped events could not be {what} again"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_back_in_order_with_their_line_numbers() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(directory.path()).unwrap();
        spool.push(3, b"{\"a\":1}").unwrap();
        spool.push(17, b"{}").unwrap();
        let lines: Vec<Line> = spool.replay().map(Result::unwrap).collect();
        let line = |number, bytes: &[u8]| Line { number, bytes: bytes.to_vec() };
        assert_eq!(lines, [line(3, b"{\"a\":1}"), line(17, b"{}")]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file has no name");
    }
}

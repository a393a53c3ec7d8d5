//! Reading an object's body: hashed as stored, inflated member by member, split into lines, each checked.
//! Memory is bounded by [`LINE_BYTES_MAX`] and by the entries that are really there.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use merkle::{Hash, leaf_hash};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::line::{LINE_BYTES_MAX, LineShape, TimestampText};
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};

const STORED_BUFFER_BYTES: usize = 64 << 10;
const LINES_BUFFER_BYTES: usize = 128 << 10;

/// Receives the lines of an object in order.
pub trait LineSink {
    /// One line, already known to belong to the object, and its leaf hash.
    fn line(&mut self, seq: u64, leaf: Hash, line: &[u8]);
}

/// Reads a whole stored body and checks it against the manifest. The hash of the stored bytes is always
/// finished first: if they are other bytes than the manifest's, what they contain does not matter.
///
/// The outer error is the reader's own (network, disk); the inner one is a finding.
pub(crate) fn check_body(
    stored: impl Read,
    object: &ManifestObject,
    sink: &mut impl LineSink,
) -> io::Result<Result<(), Problem>> {
    let mut stored = Hashing { inner: stored, hasher: Sha256::new(), bytes: 0, failure: None };
    let content = {
        let mut buffered = BufReader::with_capacity(STORED_BUFFER_BYTES, &mut stored);
        check_content(&mut buffered, object, sink)
    };
    io::copy(&mut stored, &mut io::sink())?;
    if let Some(failure) = stored.failure {
        return Err(failure);
    }
    let (found, bytes) = (Digest(stored.hasher.finalize().into()), stored.bytes);
    if found != object.sha256 || bytes != object.bytes {
        let message = format!(
            "{bytes} bytes with SHA-256 {found}; the manifest states {} bytes with {}",
            object.bytes, object.sha256
        );
        return Ok(Err(Problem::at(Reason::ObjectHashMismatch, object.first_seq, &object.key, message)));
    }
    Ok(content)
}

/// Passes bytes on and hashes them. A failure of the source is kept apart, because the decoder above
/// would report it as a damaged stream.
struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.hasher.update(&buffer[..count]);
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure = Some(error);
                Err(io::Error::other("the source failed"))
            }
        }
    }
}

/// Counts what is consumed, so that each gzip member is known to begin where the manifest says.
struct Counting<R> {
    inner: R,
    consumed: u64,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.consumed += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.consumed += count as u64;
    }
}

fn check_content(
    stored: impl BufRead,
    object: &ManifestObject,
    sink: &mut impl LineSink,
) -> Result<(), Problem> {
    let mut stored = Counting { inner: stored, consumed: 0 };
    let mut lines = LineChecker::new(object);
    let mut line = Vec::new();
    for &(offset, first_seq) in &object.members {
        if stored.consumed != offset {
            let message = format!("a gzip member begins at byte {}, not at {offset}", stored.consumed);
            return Err(lines.changed(message));
        }
        let before = lines.entries;
        let mut member = BufReader::with_capacity(LINES_BUFFER_BYTES, GzDecoder::new(&mut stored));
        loop {
            line.clear();
            read_line(&mut member, &mut line).map_err(|message| lines.changed(message))?;
            if line.is_empty() {
                break;
            }
            let (seq, leaf) = lines.check(&line)?;
            if lines.entries == before + 1 && seq != first_seq {
                return Err(lines.changed(format!("a gzip member begins with seq {seq}, not {first_seq}")));
            }
            sink.line(seq, leaf, &line);
        }
        if lines.entries == before {
            return Err(lines.changed(format!("the gzip member at byte {offset} is empty")));
        }
    }
    if stored.consumed != object.bytes {
        return Err(lines.changed("bytes follow the last gzip member".to_owned()));
    }
    lines.finish()
}

/// One line without its newline; empty at the end of the member.
pub(crate) fn read_line(member: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), String> {
    let limit = LINE_BYTES_MAX as u64 + 1;
    member
        .take(limit)
        .read_until(b'\n', line)
        .map_err(|error| format!("the gzip stream cannot be read: {error}"))?;
    match line.pop() {
        Some(b'\n') if line.is_empty() => Err("an empty line".to_owned()),
        None | Some(b'\n') => Ok(()),
        Some(_) if line.len() >= LINE_BYTES_MAX => {
            Err(format!("a line is longer than {LINE_BYTES_MAX} bytes"))
        }
        Some(_) => Err("the last line of a gzip member has no newline".to_owned()),
    }
}

/// Holds the lines seen so far against what the manifest says of them in sum.
struct LineChecker<'a> {
    object: &'a ManifestObject,
    shape: LineShape,
    entries: u64,
    bytes_uncompressed: u64,
    last_seq: Option<u64>,
    occurred: Option<(TimestampText, TimestampText)>,
}

impl<'a> LineChecker<'a> {
    fn new(object: &'a ManifestObject) -> Self {
        Self {
            object,
            shape: LineShape::new(object.stream, &object.tenant, object.day),
            entries: 0,
            bytes_uncompressed: 0,
            last_seq: None,
            occurred: None,
        }
    }

    fn check(&mut self, line: &[u8]) -> Result<(u64, Hash), Problem> {
        let start = self
            .shape
            .read(line)
            .map_err(|what| self.changed(format!("line {} {what}", self.entries + 1)))?;
        let object = self.object;
        let problem = |reason, message: String| Problem::at(reason, start.seq, &object.key, message);
        if let Some(last) = self.last_seq {
            if start.seq == last {
                return Err(problem(Reason::EntryDuplicate, format!("seq {last} is in the object twice")));
            }
            if start.seq < last {
                return Err(problem(Reason::EntryChanged, format!("seq {} comes after {last}", start.seq)));
            }
        }
        if start.seq < object.first_seq || start.seq > object.last_seq {
            let message = format!("seq {} is outside {} to {}", start.seq, object.first_seq, object.last_seq);
            return Err(problem(Reason::EntryChanged, message));
        }
        self.last_seq = Some(start.seq);
        self.entries += 1;
        self.bytes_uncompressed += line.len() as u64 + 1;
        if self.entries > object.entries || self.bytes_uncompressed > object.bytes_uncompressed {
            let message = format!("more than the {} entries the manifest states", object.entries);
            return Err(problem(Reason::EntryChanged, message));
        }
        let at = start.occurred_at;
        self.occurred = Some(self.occurred.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        Ok((start.seq, leaf_hash(line)))
    }

    fn finish(&self) -> Result<(), Problem> {
        let object = self.object;
        if self.entries != object.entries || self.last_seq != Some(object.last_seq) {
            let message = format!(
                "{} entries before seq {}; the manifest states {} up to {}",
                self.entries,
                self.next_seq(),
                object.entries,
                object.last_seq
            );
            // An object has gaps of its own, so one line less shows only in the count.
            let inside = self.last_seq == Some(object.last_seq);
            let seq = if inside { object.first_seq } else { self.next_seq() };
            return Err(Problem::at(Reason::EntryMissing, seq, &object.key, message));
        }
        if self.bytes_uncompressed != object.bytes_uncompressed {
            return Err(self.changed(format!(
                "{} bytes uncompressed; the manifest states {}",
                self.bytes_uncompressed, object.bytes_uncompressed
            )));
        }
        let stated = (object.first_occurred_at.to_string(), object.last_occurred_at.to_string());
        let agrees = self
            .occurred
            .is_some_and(|(first, last)| first == stated.0.as_bytes() && last == stated.1.as_bytes());
        if !agrees {
            return Err(self.changed("its entries' occurred_at are not those of the manifest".to_owned()));
        }
        Ok(())
    }

    fn changed(&self, message: String) -> Problem {
        Problem::at(Reason::EntryChanged, self.next_seq(), &self.object.key, message)
    }

    /// Where the good lines end.
    fn next_seq(&self) -> u64 {
        self.last_seq.map_or(self.object.first_seq, |last| last + 1)
    }
}

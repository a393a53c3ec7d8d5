//! Reading an object's body: hashed as stored, inflated member by member, split into lines, each checked.
//!
//! A member is fetched and inflated whole, which takes half the time of inflating it piece by piece. What it may hold is
//! bounded first: memory is at most about 33 MiB, a stored member and its lines.

use std::io::{self, BufRead, BufReader, Read};

use libdeflater::Decompressor;
use memchr::memchr_iter;
use merkle::{Hash, leaf_hash};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::encryption::{Identity, Opened, is_of_the_bytes, open_stream};
use crate::line::{LINE_BYTES_MAX, LineShape, TimestampText};
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};

/// A member holds at most [`MEMBER_BYTES_MAX`](crate::MEMBER_BYTES_MAX) bytes of lines, or one longer line, with its
/// newline.
const LINES_BYTES_MAX: usize = LINE_BYTES_MAX + 1;
/// What gzip adds to bytes that it cannot make smaller is far below the difference.
const STORED_BYTES_MAX: u64 = LINES_BYTES_MAX as u64 + (1 << 20);
/// CRC-32 and size of the content, at the end of every member (RFC 1952 §2.3.1).
const FOOTER_BYTES: usize = 8;
/// What is encrypted is taken from its source in pieces of this size.
const STORED_BUFFER_BYTES: usize = 64 << 10;

/// Receives the lines of an object in order.
pub trait LineSink {
    /// One line, already known to belong to the object, and its leaf hash.
    fn line(&mut self, seq: u64, leaf: Hash, line: &[u8]);
}

/// How much of a body could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The stored bytes and every line.
    Lines,
    /// The stored bytes alone: they are encrypted, and nothing here opens them.
    Bytes,
}

/// Reads a whole stored body and checks it against the manifest. The hash of the stored bytes is always
/// finished first: if they are other bytes than the manifest's, what they contain does not matter.
///
/// The outer error is the reader's own (network, disk); the inner one is a finding.
pub(crate) fn check_body(
    stored: impl Read,
    object: &ManifestObject,
    identity: Option<&Identity>,
    sink: &mut impl LineSink,
) -> io::Result<Result<Depth, Problem>> {
    let mut stored = Hashing { inner: stored, hasher: Sha256::new(), bytes: 0 };
    let content = match identity {
        _ if !object.is_encrypted() => check_content(&mut stored, object, sink)?.map(|()| Depth::Lines),
        None => Ok(Depth::Bytes),
        Some(identity) => check_encrypted(&mut stored, object, identity, sink)?,
    };
    io::copy(&mut stored, &mut io::sink())?;
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

/// Passes bytes on and hashes them.
struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

fn check_encrypted(
    stored: &mut impl Read,
    object: &ManifestObject,
    identity: &Identity,
    sink: &mut impl LineSink,
) -> io::Result<Result<Depth, Problem>> {
    let damaged = |what: String| {
        let message = format!("what is encrypted in it cannot be read: {what}");
        Err(Problem::at(Reason::EntryChanged, object.first_seq, &object.key, message))
    };
    let mut plain = match open_stream(identity, BufReader::with_capacity(STORED_BUFFER_BYTES, stored))? {
        Opened::Plain(plain) => plain,
        Opened::NotOurs => return Ok(Ok(Depth::Bytes)),
        Opened::Damaged(what) => return Ok(damaged(what)),
    };
    match check_content(&mut plain, object, sink) {
        Ok(found) => Ok(found.map(|()| Depth::Lines)),
        // What age says of the bytes is a finding; what the destination says is not.
        Err(error) if is_of_the_bytes(&error) => Ok(damaged(error.to_string())),
        Err(error) => Err(error),
    }
}

/// The last member ends where the stream ends: of what is encrypted, that end is authentic only once it was read.
fn check_content(
    stored: &mut impl Read,
    object: &ManifestObject,
    sink: &mut impl LineSink,
) -> io::Result<Result<(), Problem>> {
    let mut lines = LineChecker::new(object);
    let mut members = Members::default();
    let ends = object.members.iter().skip(1).map(|(offset, _)| *offset).chain([object.bytes]);
    let mut at = 0;
    for (&(offset, first_seq), end) in object.members.iter().zip(ends) {
        if offset != at || end <= offset {
            let message = format!("a gzip member cannot begin at byte {offset} and end at byte {end}");
            return Ok(Err(lines.changed(message)));
        }
        at = end;
        let inflated = match members.read(stored, end - offset)? {
            Ok(inflated) => inflated,
            Err(what) => return Ok(Err(lines.changed(format!("the gzip member at byte {offset} {what}")))),
        };
        if let Err(problem) = check_lines(inflated, first_seq, &mut lines, sink) {
            return Ok(Err(problem));
        }
    }
    Ok(lines.finish())
}

/// Takes gzip members apart, one after the other, in the same memory.
struct Members {
    inflater: Decompressor,
    stored: Vec<u8>,
    lines: Vec<u8>,
}

impl Default for Members {
    fn default() -> Self {
        Self { inflater: Decompressor::new(), stored: Vec::new(), lines: Vec::new() }
    }
}

impl Members {
    /// The content of the member that is the next so many stored bytes.
    fn read(&mut self, stored: &mut impl Read, bytes: u64) -> io::Result<Result<&[u8], String>> {
        if bytes > STORED_BYTES_MAX {
            return Ok(Err(format!("cannot have {bytes} bytes")));
        }
        self.stored.clear();
        stored.take(bytes).read_to_end(&mut self.stored)?;
        Ok(self.inflate())
    }

    fn inflate(&mut self) -> Result<&[u8], String> {
        let Some(footer) = self.stored.last_chunk::<FOOTER_BYTES>() else {
            return Err("is cut off".to_owned());
        };
        let [checksum, size] = [0, 4].map(|at| {
            let bytes = [footer[at], footer[at + 1], footer[at + 2], footer[at + 3]];
            u32::from_le_bytes(bytes)
        });
        let size = size as usize;
        if size > LINES_BYTES_MAX {
            return Err(format!(
                "claims to hold {size} bytes, longer than the {LINES_BYTES_MAX} of the longest"
            ));
        }
        if self.lines.len() < size {
            self.lines.resize(size, 0);
        }
        let lines = &mut self.lines[..size];
        let inflated = self
            .inflater
            .gzip_decompress(&self.stored, lines)
            .map_err(|error| format!("cannot be read: {error}"))?;
        // The decompressor stops at the end of the first member that it finds. That it was this one, and the last bytes
        // its footer, shows in the footer.
        if inflated != size || libdeflater::crc32(lines) != checksum {
            return Err("does not end where the next one begins".to_owned());
        }
        Ok(lines)
    }
}

/// The lines of one member.
fn check_lines(
    inflated: &[u8],
    first_seq: u64,
    lines: &mut LineChecker<'_>,
    sink: &mut impl LineSink,
) -> Result<(), Problem> {
    let mut start = 0;
    for end in memchr_iter(b'\n', inflated) {
        let line = &inflated[start..end];
        let (seq, leaf) = lines.check(line)?;
        if start == 0 && seq != first_seq {
            return Err(lines.changed(format!("a gzip member begins with seq {seq}, not {first_seq}")));
        }
        sink.line(seq, leaf, line);
        start = end + 1;
    }
    if start < inflated.len() {
        return Err(lines.changed("the last line of a gzip member has no newline".to_owned()));
    }
    if start == 0 {
        return Err(lines.changed("a gzip member is empty".to_owned()));
    }
    Ok(())
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

//! Reading one gzip member of an object at once, for searches: fetched by its range, inflated whole, looked at in place.

use std::io::Read;
use std::ops::RangeInclusive;

use libdeflater::Decompressor;

use crate::destination::Destination;
use crate::digest::Digest;
use crate::encryption::is_of_the_bytes;
use crate::error::Result;
use crate::excerpt::with_part;
use crate::line::{LINE_BYTES_MAX, LineShape};
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};

/// A member holds at most [`MEMBER_BYTES_MAX`](crate::MEMBER_BYTES_MAX) bytes of lines, or one longer line.
const LINES_BYTES_MAX: usize = LINE_BYTES_MAX + 1;
/// What gzip may add to bytes that it cannot make smaller is far below this.
const STORED_BYTES_MAX: u64 = LINES_BYTES_MAX as u64 + (1 << 20);

/// Fetches member `number` of an object (from 0), inflates it, and lets `look` see its lines, each with its newline, on a
/// blocking thread. Holds one member: at most about 33 MiB.
///
/// Checked are the gzip checksum, that the first line is the one the manifest states and the last one is within the
/// member, and, where the object is this one member and not encrypted, the SHA-256 of the stored bytes. What stands in between is the
/// caller's to hold against the tree before it is believed.
pub async fn scan_member<Seen: Send + 'static>(
    destination: &Destination,
    object: &ManifestObject,
    number: usize,
    look: impl FnOnce(&[u8]) -> Seen + Send + 'static,
) -> Result<Seen> {
    let damaged = |message: String| Problem::at(Reason::EntryChanged, object.first_seq, &object.key, message);
    let (start, end) = match object.members.get(number) {
        Some((start, _)) => (*start, object.members.get(number + 1).map_or(object.bytes, |(next, _)| *next)),
        None => return Err(damaged(format!("it has no gzip member {number}")).into()),
    };
    let stored_bytes = end.saturating_sub(start);
    if stored_bytes == 0 || stored_bytes > STORED_BYTES_MAX {
        return Err(damaged(format!("gzip member {number} cannot have {stored_bytes} bytes")).into());
    }
    let (source, scanned) = (destination.clone(), object.clone());
    let scan = move |part: &mut dyn Read| {
        let mut stored = Vec::with_capacity(stored_bytes as usize);
        match part.take(stored_bytes + 1).read_to_end(&mut stored) {
            Err(error) if scanned.is_encrypted() && is_of_the_bytes(&error) => {
                let message = format!("what is encrypted in it cannot be read: {error}");
                Err(Problem::at(Reason::EntryChanged, scanned.first_seq, &scanned.key, message).into())
            }
            Err(error) => Err(source.unavailable("read", &scanned.key, error)),
            Ok(_) => Ok(look(&inflate(&scanned, number, &stored)?)),
        }
    };
    with_part(destination, object, start..end, scan).await
}

/// The lines of a member, checked as far as that takes no look at each of them.
fn inflate(object: &ManifestObject, number: usize, stored: &[u8]) -> Result<Vec<u8>, Problem> {
    let changed = |message: String| Problem::at(Reason::EntryChanged, object.first_seq, &object.key, message);
    if object.members.len() == 1 && !object.is_encrypted() && Digest::of(stored) != object.sha256 {
        let message = "its stored bytes do not have the SHA-256 that its manifest states";
        return Err(Problem::at(Reason::ObjectHashMismatch, object.first_seq, &object.key, message));
    }
    // The last four bytes of a member are the size of its content (RFC 1952 §2.3.1).
    let size = stored.last_chunk::<4>().map_or(usize::MAX, |size| u32::from_le_bytes(*size) as usize);
    if size > LINES_BYTES_MAX {
        return Err(changed(format!("gzip member {number} claims to hold {size} bytes")));
    }
    let mut lines = vec![0; size];
    let inflated = Decompressor::new()
        .gzip_decompress(stored, &mut lines)
        .map_err(|error| changed(format!("gzip member {number} cannot be read: {error}")))?;
    if inflated != size || lines.last() != Some(&b'\n') {
        return Err(changed(format!("gzip member {number} does not end with its last line")));
    }
    let Some(seqs) = object.member_seqs().get(number).cloned() else { return Ok(lines) };
    check_ends(object, &seqs, number + 1 == object.members.len(), &lines).map_err(changed)?;
    Ok(lines)
}

/// Whether the first and the last line are those that the manifest states, or may be.
fn check_ends(
    object: &ManifestObject,
    seqs: &RangeInclusive<u64>,
    is_last: bool,
    lines: &[u8],
) -> Result<(), String> {
    let shape = LineShape::new(object.stream, &object.tenant, object.day);
    let content = &lines[..lines.len() - 1];
    let first = &content[..memchr::memchr(b'\n', content).unwrap_or(content.len())];
    let last = &content[memchr::memrchr(b'\n', content).map_or(0, |at| at + 1)..];
    let seq = |line| shape.read(line).map(|start| start.seq).map_err(|what| format!("a line {what}"));
    let (first, last) = (seq(first)?, seq(last)?);
    if first != *seqs.start() {
        return Err(format!("a gzip member begins with seq {first}, not {}", seqs.start()));
    }
    if last < first || last > *seqs.end() || (is_last && last != *seqs.end()) {
        return Err(format!("a gzip member ends with seq {last}, not {}", seqs.end()));
    }
    Ok(())
}

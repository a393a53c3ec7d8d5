//! Reading part of an object: only the gzip members that can hold the wanted entries.

use std::io::{self, BufReader, Read};
use std::ops::{Range, RangeInclusive};

use flate2::bufread::GzDecoder;

use crate::body::read_line;
use crate::destination::Destination;
use crate::encryption::{Opened, read_range};
use crate::error::{Error, Result};
use crate::line::LineShape;
use crate::manifest::ManifestObject;
use crate::problem::{Problem, Reason};

impl ManifestObject {
    /// The range of seqs each gzip member may hold, in order. Going through an object range by range with
    /// [`read_lines`](crate::read_lines) reads every byte once and holds one member at a time.
    pub fn member_seqs(&self) -> Vec<RangeInclusive<u64>> {
        let next = self.members.iter().skip(1).map(|(_, seq)| seq.saturating_sub(1));
        let ends = next.chain([self.last_seq]);
        self.members.iter().zip(ends).map(|((_, first), last)| *first..=last).collect()
    }

    /// The bytes of the members that can hold `wanted`; `None` when none can.
    fn member_bytes(&self, wanted: &RangeInclusive<u64>) -> Option<Range<u64>> {
        if wanted.is_empty() || *wanted.end() < self.first_seq || *wanted.start() > self.last_seq {
            return None;
        }
        let first = self.members.partition_point(|(_, seq)| seq <= wanted.start()).saturating_sub(1);
        let after = self.members.partition_point(|(_, seq)| seq <= wanted.end());
        let start = self.members.get(first)?.0;
        Some(start..self.members.get(after).map_or(self.bytes, |(offset, _)| *offset))
    }
}

/// The lines of an object whose seq is in `wanted`, ascending, with their seq. Only the gzip members that
/// can hold them are fetched, so the object's SHA-256 cannot be checked here: the caller holds each line's
/// leaf hash against the tree before it believes it.
///
/// Of an encrypted object the chunks around those members are fetched and opened with the destination's identity;
/// without one that opens it, [`Error::Locked`].
pub async fn read_lines(
    destination: &Destination,
    object: &ManifestObject,
    wanted: RangeInclusive<u64>,
) -> Result<Vec<(u64, Vec<u8>)>> {
    let Some(bytes) = object.member_bytes(&wanted) else { return Ok(Vec::new()) };
    let wanted_object = object.clone();
    with_part(destination, object, bytes, move |part| collect(part, &wanted_object, &wanted)).await
}

/// Lets `look` read part of an object's gzip stream, decrypted where it is encrypted, on a blocking thread. The part ends
/// early where the stream does.
pub(crate) async fn with_part<Seen: Send + 'static>(
    destination: &Destination,
    object: &ManifestObject,
    bytes: Range<u64>,
    look: impl FnOnce(&mut dyn Read) -> Result<Seen> + Send + 'static,
) -> Result<Seen> {
    if object.is_encrypted() {
        let (destination, object) = (destination.clone(), object.clone());
        let read = move || look(&mut open_encrypted(&destination, &object, &bytes)?);
        return tokio::task::spawn_blocking(read).await?;
    }
    let mut reader = match destination.open_reader(&object.key, Some(bytes)).await {
        Err(Error::NotFound { .. }) => return Err(missing(object)),
        other => other?,
    };
    tokio::task::spawn_blocking(move || look(&mut reader)).await?
}

/// Blocks on the destination.
fn open_encrypted(
    destination: &Destination,
    object: &ManifestObject,
    bytes: &Range<u64>,
) -> Result<impl Read + use<>> {
    let locked = || Error::Locked {
        destination: destination.name().to_owned(),
        key: object.key.clone(),
        has_identity: destination.identity().is_some(),
    };
    let identity = destination.identity().ok_or_else(locked)?;
    match read_range(identity, destination, &object.key, object.bytes, bytes) {
        Ok(Opened::Plain(plain)) => Ok(plain),
        Ok(Opened::NotOurs) => Err(locked()),
        Ok(Opened::Damaged(what)) => {
            let message = format!("what is encrypted in it cannot be read: {what}");
            Err(Problem::at(Reason::EntryChanged, object.first_seq, &object.key, message).into())
        }
        Err(Error::NotFound { .. }) => Err(missing(object)),
        Err(error) => Err(error),
    }
}

fn missing(object: &ManifestObject) -> Error {
    Problem::at(Reason::ObjectMissing, object.first_seq, &object.key, "the object is not there").into()
}

fn collect(
    stored: impl Read,
    object: &ManifestObject,
    wanted: &RangeInclusive<u64>,
) -> Result<Vec<(u64, Vec<u8>)>> {
    let shape = LineShape::new(object.stream, &object.tenant, object.day);
    let changed = |message: String| {
        Error::from(Problem::at(Reason::EntryChanged, *wanted.start(), &object.key, message))
    };
    let mut stored = BufReader::with_capacity(64 << 10, stored);
    let mut found = Vec::new();
    let mut line = Vec::new();
    while !at_end(&mut stored).map_err(|error| changed(error.to_string()))? {
        let mut member = BufReader::with_capacity(128 << 10, GzDecoder::new(&mut stored));
        loop {
            line.clear();
            read_line(&mut member, &mut line).map_err(changed)?;
            if line.is_empty() {
                break;
            }
            let start = shape.read(&line).map_err(|what| changed(format!("a line {what}")))?;
            if wanted.contains(&start.seq) {
                found.push((start.seq, line.clone()));
            }
        }
    }
    if !found.is_sorted_by(|left, right| left.0 < right.0) {
        return Err(changed("its lines are not in the order of their seqs".to_owned()));
    }
    Ok(found)
}

fn at_end(stored: &mut impl io::BufRead) -> io::Result<bool> {
    Ok(stored.fill_buf()?.is_empty())
}

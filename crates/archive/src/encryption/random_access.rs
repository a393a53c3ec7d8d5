//! Reading a part of an encrypted object: the header, and the chunks that hold the wanted bytes.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use tokio::runtime::Handle;

use super::stream::{HEADER_BYTES_MAX, Opened, header_length, is_of_the_bytes, open};
use super::{CHUNK_BYTES, CHUNK_TAG_BYTES, Identity};
use crate::destination::{Destination, ObjectReader};
use crate::error::{Error, Result};

/// The nonce between header and first chunk.
const NONCE_BYTES: u64 = 16;

/// A reader over `range` of what was encrypted in an object of `stored_bytes`; it ends early where that ends early.
/// The first chunk is fetched always, the last where the range begins with a chunk. Blocks on the destination, so it is
/// called, and read, where blocking is allowed, inside the runtime.
pub(crate) fn read_range(
    identity: &Identity,
    destination: &Destination,
    key: &str,
    stored_bytes: u64,
    range: &Range<u64>,
) -> Result<Opened<impl Read + use<>>> {
    let mut stored = Stored {
        destination: destination.clone(),
        key: key.to_owned(),
        runtime: Handle::current(),
        size: stored_bytes,
        window_end: stored_bytes,
        position: 0,
        head: Vec::new(),
        body: None,
    };
    let header = match stored.fetch_head(range)? {
        Ok(length) => length,
        Err(what) => return Ok(Opened::Damaged(what)),
    };
    let first_chunks = header as u64 + NONCE_BYTES;
    let chunks = range.end.div_ceil(CHUNK_BYTES);
    stored.window_end = stored_bytes.min(first_chunks + chunks * (CHUNK_BYTES + CHUNK_TAG_BYTES));
    let unreadable = |error: io::Error| destination.unavailable("read", key, error);
    let opened = open(identity, stored).map_err(unreadable)?;
    let mut plain = match opened {
        Opened::Plain(plain) => plain,
        Opened::NotOurs => return Ok(Opened::NotOurs),
        Opened::Damaged(what) => return Ok(Opened::Damaged(what)),
    };
    // What is in the first chunk is reached by reading: seeking inside a chunk trusts that it is that long.
    if range.start < CHUNK_BYTES {
        let skipped = io::copy(&mut plain.by_ref().take(range.start), &mut io::sink());
        if let Err(error) = skipped {
            return decided(error, unreadable);
        }
    } else if let Err(error) = plain.seek(SeekFrom::Start(range.start)) {
        return decided(error, unreadable);
    }
    Ok(Opened::Plain(plain.take(range.end - range.start)))
}

/// Parts what age says about the bytes from what the destination says.
fn decided<R>(error: io::Error, unreadable: impl FnOnce(io::Error) -> Error) -> Result<Opened<R>> {
    if is_of_the_bytes(&error) { Ok(Opened::Damaged(error.to_string())) } else { Err(unreadable(error)) }
}

/// The stored bytes, fetched as they are asked for.
struct Stored {
    destination: Destination,
    key: String,
    runtime: Handle,
    size: u64,
    /// Nothing behind this is fetched on the way, only by seeking there.
    window_end: u64,
    position: u64,
    /// The beginning, fetched once: the header, and often the chunks too.
    head: Vec<u8>,
    body: Option<BufReader<Take>>,
}

type Take = io::Take<ObjectReader>;

impl Stored {
    /// Fetches the beginning; the length of the header in it.
    fn fetch_head(&mut self, range: &Range<u64>) -> Result<Result<usize, String>> {
        let wanted = HEADER_BYTES_MAX + if range.start < CHUNK_BYTES { CHUNK_BYTES } else { 0 };
        let end = self.size.min(wanted);
        let reader = self.runtime.block_on(self.destination.open_reader(&self.key, Some(0..end)))?;
        if reader.size() != self.size {
            return Ok(Err(format!("{} bytes are stored, and {} were written", reader.size(), self.size)));
        }
        let mut head = Vec::with_capacity(end as usize);
        let read = reader.take(end).read_to_end(&mut head);
        read.map_err(|error| self.destination.unavailable("read", &self.key, error))?;
        self.head = head;
        Ok(header_length(&self.head[..self.head.len().min(HEADER_BYTES_MAX as usize)]))
    }

    fn body(&mut self) -> io::Result<&mut BufReader<Take>> {
        if self.body.is_none() {
            let end = if self.position < self.window_end { self.window_end } else { self.size };
            let range = self.position..end;
            let length = end - self.position;
            let opened = self.runtime.block_on(self.destination.open_reader(&self.key, Some(range)));
            let reader = opened.map_err(io::Error::other)?.take(length);
            return Ok(self.body.insert(BufReader::with_capacity(CHUNK_BYTES as usize, reader)));
        }
        self.body.as_mut().ok_or_else(|| io::Error::other("the object is not open"))
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position < self.head.len() as u64 {
            return Ok(&self.head[self.position as usize..]);
        }
        if self.position >= self.size {
            return Ok(&[]);
        }
        if self.position == self.window_end {
            // The window was read to its end, and more is asked for.
            self.body = None;
        }
        self.body()?.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if self.position >= self.head.len() as u64
            && let Some(body) = &mut self.body
        {
            body.consume(count);
        }
        self.position += count as u64;
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Seek for Stored {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
        };
        let target = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        if target != self.position {
            self.body = None;
            self.position = target;
        }
        Ok(target)
    }
}

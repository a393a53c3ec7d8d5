//! Reading a stored object piece by piece.

use std::fs::File;
use std::io::{self, Read, Take};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::runtime::Handle;

use super::storage::{Body, StorageResult, Stored};

/// A blocking reader over one stored object or a part of it.
pub struct ObjectReader {
    size: u64,
    source: Source,
}

enum Source {
    Local(Take<File>),
    Remote { runtime: Handle, chunks: BoxStream<'static, StorageResult<Bytes>>, chunk: Bytes },
}

impl ObjectReader {
    pub(super) fn new(found: Stored) -> Self {
        let source = match found.body {
            Body::File(file, bytes) => Source::Local(file.take(bytes)),
            Body::Stream(chunks) => {
                Source::Remote { runtime: Handle::current(), chunks, chunk: Bytes::new() }
            }
        };
        Self { size: found.state.bytes, source }
    }

    /// The size of the whole object in bytes, as the destination states it.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Local(file) => file.read(buffer),
            Source::Remote { runtime, chunks, chunk } => {
                while chunk.is_empty() {
                    match runtime.block_on(chunks.next()) {
                        Some(next) => *chunk = next.map_err(io::Error::other)?,
                        None => return Ok(0),
                    }
                }
                let taken = buffer.len().min(chunk.len());
                chunk.copy_to_slice(&mut buffer[..taken]);
                Ok(taken)
            }
        }
    }
}

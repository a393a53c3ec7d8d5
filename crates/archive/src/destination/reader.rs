//! Reading a stored object piece by piece.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Take};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::{GetResult, GetResultPayload};
use tokio::runtime::Handle;

/// A blocking reader over one stored object or a part of it.
pub struct ObjectReader {
    size: u64,
    source: Source,
}

enum Source {
    Local(Take<File>),
    Remote { runtime: Handle, chunks: BoxStream<'static, object_store::Result<Bytes>>, chunk: Bytes },
}

impl ObjectReader {
    pub(super) fn new(found: GetResult) -> io::Result<Self> {
        let size = found.meta.size;
        let range = found.range.clone();
        let source = match found.payload {
            GetResultPayload::File(mut file, _) => {
                file.seek(SeekFrom::Start(range.start))?;
                Source::Local(file.take(range.end.saturating_sub(range.start)))
            }
            GetResultPayload::Stream(chunks) => {
                Source::Remote { runtime: Handle::current(), chunks, chunk: Bytes::new() }
            }
        };
        Ok(Self { size, source })
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

//! The durable spool: `docs/formats/spool.md`.
//!
//! An event that was spooled is on the disk before its caller is told so. It leaves the spool only when the server has
//! acknowledged it, or has refused it for good and it stands among the refused ones.

mod directory;
mod durable;
mod file;
mod files;
mod lock;
mod name;
mod rejected;
mod tally;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use event::Stream;
use tokio::sync::{mpsc, oneshot};

pub(crate) use directory::{Lines, SpoolDirectory};
pub(crate) use file::{Batch, is_json};
pub(crate) use name::FileName;
pub(crate) use rejected::Reason;
pub use tally::SpoolStatus;

use crate::error::SpoolError;
use crate::prepared::PreparedEvent;
use writer::{QUEUE_WRITES_MAX, Write};

/// An open spool and its writing thread.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: Arc<SpoolDirectory>,
    /// `None` once it is closed.
    writes: Mutex<Option<mpsc::Sender<Write>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Spool {
    /// Opens a directory; blocks on its files.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        let directory = Arc::new(SpoolDirectory::open(path, bytes_max)?);
        let (writes, queue) = mpsc::channel(QUEUE_WRITES_MAX);
        let thread =
            writer::start(directory.clone(), queue).map_err(SpoolError::io("start its writing thread"))?;
        Ok(Self { directory, writes: Mutex::new(Some(writes)), writer: Mutex::new(Some(thread)) })
    }

    pub(crate) fn directory(&self) -> &Arc<SpoolDirectory> {
        &self.directory
    }

    /// Spools events that were validated; they are on the disk when this returns.
    pub(crate) async fn write(&self, events: &[(Stream, &PreparedEvent)]) -> Result<(), SpoolError> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let writes = writes.ok_or(SpoolError::Closed)?;
        let mut lines: Vec<Lines> = Vec::new();
        for (stream, event) in events {
            let place = lines.iter().position(|lines| lines.stream == *stream).unwrap_or_else(|| {
                lines.push(Lines { stream: *stream, events: 0, bytes: Vec::new() });
                lines.len() - 1
            });
            lines[place].events += 1;
            lines[place].bytes.extend_from_slice(event.json().as_bytes());
            lines[place].bytes.push(b'\n');
        }
        let (done, outcome) = oneshot::channel();
        writes.send(Write { lines, done }).await.map_err(|_| SpoolError::Closed)?;
        outcome.await.map_err(|_| SpoolError::Closed)?
    }

    /// Takes nothing more, and finishes what was taken. Blocks until that is on the disk.
    pub(crate) fn finish_writing(&self) {
        drop(self.writes.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = writer.map(JoinHandle::join) {
            tracing::error!("the spool's writing thread panicked");
        }
    }
}

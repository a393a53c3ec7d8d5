//! The thread that writes to the spool: callers that wait at the same time share one sync.

use std::io;
use std::sync::Arc;
use std::thread;

use event::Stream;
use tokio::sync::{mpsc, oneshot};

use super::directory::{Lines, SpoolDirectory};
use crate::error::SpoolError;

/// Callers that may wait for the thread; more wait for a place.
pub(super) const QUEUE_WRITES_MAX: usize = 256;

/// What one sync is shared by, at most.
const GROUP_WRITES_MAX: usize = 4_096;
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Events of one caller, to be spooled together.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) lines: Vec<Lines>,
    pub(super) done: oneshot::Sender<Result<(), SpoolError>>,
}

impl Write {
    fn bytes(&self) -> usize {
        self.lines.iter().map(|lines| lines.bytes.len()).sum()
    }
}

/// Starts the thread. It ends when nobody can send to it any more, after everything that was sent.
pub(super) fn start(
    directory: Arc<SpoolDirectory>,
    queue: mpsc::Receiver<Write>,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("strongroom-spool".to_owned()).spawn(move || run(&directory, queue))
}

fn run(directory: &SpoolDirectory, mut queue: mpsc::Receiver<Write>) {
    while let Some(first) = queue.blocking_recv() {
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < GROUP_WRITES_MAX && bytes < GROUP_BYTES_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.bytes();
            group.push(next);
        }
        if let Err(error) = directory.retire_old() {
            tracing::warn!(error = &error as &dyn std::error::Error, "drained spool files stay");
        }
        write(directory, group);
    }
}

/// Writes what fits, a stream at a time, and answers everybody.
fn write(directory: &SpoolDirectory, group: Vec<Write>) {
    let mut reserved = 0;
    let mut fitting = Vec::with_capacity(group.len());
    for write in group {
        match directory.reserve(write.bytes() as u64, &mut reserved) {
            Ok(()) => fitting.push(write),
            Err(full) => answer(write, Err(full)),
        }
    }
    let mut failures: [Option<(io::ErrorKind, String)>; Stream::ALL.len()] = Default::default();
    for stream in Stream::ALL {
        let mut together = Lines { stream: *stream, events: 0, bytes: Vec::new() };
        for lines in fitting.iter().flat_map(|write| &write.lines).filter(|lines| lines.stream == *stream) {
            together.events += lines.events;
            together.bytes.extend_from_slice(&lines.bytes);
        }
        if together.events > 0
            && let Err(error) = directory.append(&together)
        {
            failures[*stream as usize] = Some(kind_and_text(&error));
        }
    }
    for write in fitting {
        let failure = write.lines.iter().find_map(|lines| failures[lines.stream as usize].clone());
        let outcome = match failure {
            Some((kind, text)) => Err(SpoolError::io("be written")(io::Error::new(kind, text))),
            None => Ok(()),
        };
        answer(write, outcome);
    }
}

/// What each of the callers is told: an error of the file system cannot be given to more than one.
fn kind_and_text(error: &SpoolError) -> (io::ErrorKind, String) {
    match error {
        SpoolError::Io { source, .. } => (source.kind(), source.to_string()),
        other => (io::ErrorKind::Other, other.to_string()),
    }
}

/// A caller that has gone needs no answer; its events are spooled all the same.
fn answer(write: Write, outcome: Result<(), SpoolError>) {
    let _ = write.done.send(outcome);
}

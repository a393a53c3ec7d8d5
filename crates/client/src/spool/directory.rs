//! A spool directory that this process has: its files, its counts and its lock.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use event::{Stream, Timestamp};
use serde::Deserialize;
use tokio::sync::{Notify, watch};

use super::durable;
use super::file::Batch;
use super::files::Files;
use super::lock::DirectoryLock;
use super::name::FileName;
use super::rejected::{self, Reason};
use super::tally::{SpoolStatus, Tally};
use crate::error::SpoolError;
use crate::prepared;

/// Lines of one stream, each with its newline.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) stream: Stream,
    pub(crate) events: u64,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct SpoolDirectory {
    path: PathBuf,
    bytes_max: u64,
    /// `None` once the directory was given away: work that was under way then must not touch it any more.
    files: Mutex<Option<Held>>,
    tally: watch::Sender<Tally>,
    /// Somebody waits for the spool to be drained: a pause between attempts may end.
    pub(crate) hurry: Notify,
}

/// The files, and the right to change them.
#[derive(Debug)]
struct Held {
    files: Files,
    _lock: DirectoryLock,
}

impl SpoolDirectory {
    /// Makes the directory if need be, locks it and repairs what a crash left. Reads every file that is not drained.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        let failed = |action: &str| SpoolError::io(format!("{action} {}", path.display()));
        durable::private_directory(path).map_err(failed("make the directory"))?;
        let lock = DirectoryLock::take(path)?;
        let mut found = Files::open(path, bytes_max).map_err(failed("read the directory"))?;
        let retired = found.files.retire(prepared::now().day()).map_err(failed("delete drained files in"))?;
        found.tally.bytes_used -= retired;
        Ok(Self {
            path: path.to_owned(),
            bytes_max,
            files: Mutex::new(Some(Held { files: found.files, _lock: lock })),
            tally: watch::Sender::new(found.tally),
            hurry: Notify::new(),
        })
    }

    pub(crate) fn tally(&self) -> watch::Receiver<Tally> {
        self.tally.subscribe()
    }

    /// Whether these bytes fit beside what is there and what is `reserved` already.
    pub(crate) fn reserve(&self, bytes: u64, reserved: &mut u64) -> Result<(), SpoolError> {
        let bytes_used = self.tally.borrow().bytes_used;
        if bytes_used.saturating_add(*reserved).saturating_add(bytes) > self.bytes_max {
            return Err(SpoolError::Full { bytes_used, bytes_max: self.bytes_max });
        }
        *reserved += bytes;
        Ok(())
    }

    /// Appends and syncs. They count when this returns.
    pub(crate) fn append(&self, lines: &Lines) -> Result<(), SpoolError> {
        self.with_files(|files| {
            let today = prepared::now().day();
            files.append(lines.stream, today, &lines.bytes).map_err(SpoolError::io("be written"))?;
            let bytes = lines.bytes.len() as u64;
            self.tally.send_modify(|tally| {
                tally.stream(lines.stream).spooled += lines.events;
                tally.pending_bytes += bytes;
                tally.bytes_used += bytes;
            });
            Ok(())
        })
    }

    pub(crate) fn batch(
        &self,
        stream: Stream,
        events_max: usize,
        bytes_max: u64,
    ) -> Result<Option<Batch>, SpoolError> {
        self.with_files(|files| files.batch(stream, events_max, bytes_max).map_err(SpoolError::io("be read")))
    }

    /// Makes it durable that all of a batch is acknowledged or set aside.
    pub(crate) fn settle(&self, name: FileName, end: u64, events: u64) -> Result<(), SpoolError> {
        self.with_files(|files| {
            let bytes = files.settle(name, end).map_err(SpoolError::io("note how far it is drained"))?;
            self.tally.send_modify(|tally| {
                tally.stream(name.stream).settled += events;
                tally.pending_bytes = tally.pending_bytes.saturating_sub(bytes);
                tally.last_error = None;
            });
            // It is settled whatever becomes of this: an error here must not have the batch settled again.
            if let Err(error) = self.retire(files) {
                tracing::warn!(error = &error as &dyn std::error::Error, "drained spool files stay");
            }
            Ok(())
        })
    }

    /// Deletes drained files of earlier days, so that a long-lived process does not keep them.
    pub(crate) fn retire_old(&self) -> Result<(), SpoolError> {
        self.with_files(|files| self.retire(files))
    }

    fn retire(&self, files: &mut Files) -> Result<(), SpoolError> {
        let retired = files.retire(prepared::now().day()).map_err(SpoolError::io("delete drained files"))?;
        if retired > 0 {
            self.tally.send_modify(|tally| tally.bytes_used = tally.bytes_used.saturating_sub(retired));
        }
        Ok(())
    }

    /// Sets refused events aside; they are durable there when this returns.
    pub(crate) fn reject(&self, name: FileName, events: &[(Vec<u8>, Reason)]) -> Result<(), SpoolError> {
        self.with_files(|_| {
            let appended = rejected::append(&self.path, name, events);
            let bytes = appended.map_err(SpoolError::io("set refused events aside"))?;
            self.tally.send_modify(|tally| {
                tally.rejected_events += events.len() as u64;
                tally.bytes_used += bytes;
            });
            Ok(())
        })
    }

    /// Notes why draining does not go on.
    pub(crate) fn note_error(&self, reason: &str) {
        self.tally.send_modify(|tally| tally.last_error = Some(reason.to_owned()));
    }

    /// Reads the oldest event of every stream, for its time.
    pub(crate) fn status(&self) -> Result<SpoolStatus, SpoolError> {
        let mut oldest: Option<Timestamp> = None;
        for stream in Stream::ALL {
            let batch = self.batch(*stream, 1, 4 << 10)?;
            let at = batch.and_then(|batch| occurred_at(&batch.lines[0]));
            oldest = [oldest, at].into_iter().flatten().min();
        }
        let tally = self.tally.borrow();
        Ok(SpoolStatus {
            pending_events: tally.pending_events(),
            pending_bytes: tally.pending_bytes,
            oldest,
            rejected_events: tally.rejected_events,
            torn_lines: tally.torn_lines,
            bytes_used: tally.bytes_used,
            bytes_max: self.bytes_max,
            last_error: tally.last_error.clone(),
        })
    }

    /// Gives the directory to whoever wants it next. Whatever comes after this finds it closed.
    pub(crate) fn unlock(&self) {
        drop(self.files.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn with_files<T>(&self, work: impl FnOnce(&mut Files) -> Result<T, SpoolError>) -> Result<T, SpoolError> {
        let mut held = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut held.as_mut().ok_or(SpoolError::Closed)?.files)
    }
}

fn occurred_at(line: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Time {
        occurred_at: Timestamp,
    }
    serde_json::from_slice::<Time>(line).ok().map(|time| time.occurred_at)
}

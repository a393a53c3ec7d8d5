//! Threads that compress gzip members. Members finish in any order; their numbers put them back in line.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use libdeflater::{CompressionLvl, Compressor as Deflater};

use super::group::RawMember;
use crate::error::{Error, Result};

/// ~120 MB/s a core at ~6.4x on audit lines; the levels above cost twice the time for 2 %.
const LEVEL: i32 = 6;

/// About a tenth of the time that others get, where all cores are busy.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// A member and its gzip form.
pub(super) struct CompressedMember {
    pub(super) raw: RawMember,
    pub(super) bytes: Vec<u8>,
}

/// A finished member, on its way back to its group.
pub(super) struct Compressed {
    pub(super) group: usize,
    pub(super) number: u64,
    pub(super) member: CompressedMember,
}

struct Job {
    group: usize,
    raw: RawMember,
}

/// The pool. Dropping it ends its threads.
pub(super) struct Compressor {
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Result<Compressed>>,
    in_flight: usize,
    in_flight_max: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Compressor {
    pub(super) fn start(threads: usize) -> Result<Self> {
        let in_flight_max = threads * 2;
        let (jobs, queue) = sync_channel(in_flight_max);
        let (report, done) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let spawn = |number| {
            let (queue, report) = (Arc::clone(&queue), report.clone());
            std::thread::Builder::new()
                .name(format!("archive-gzip-{number}"))
                .spawn(move || work(&queue, &report))
                .map_err(|error| Error::Internal(format!("no thread for compression: {error}")))
        };
        let threads = (0..threads).map(spawn).collect::<Result<_>>()?;
        Ok(Self { jobs: Some(jobs), done, in_flight: 0, in_flight_max, threads })
    }

    /// A finished member if there are too many in flight to submit another, waiting for it; `None` when
    /// there is room.
    pub(super) fn make_room(&mut self) -> Result<Option<Compressed>> {
        if self.in_flight < self.in_flight_max { Ok(None) } else { self.wait() }
    }

    pub(super) fn submit(&mut self, group: usize, raw: RawMember) -> Result<()> {
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(Job { group, raw }).map_err(|_| ended())?;
        self.in_flight += 1;
        Ok(())
    }

    /// The next finished member; `None` when none is in flight.
    pub(super) fn wait(&mut self) -> Result<Option<Compressed>> {
        if self.in_flight == 0 {
            return Ok(None);
        }
        let done = self.done.recv().map_err(|_| ended())?;
        self.in_flight -= 1;
        done.map(Some)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A panic has been reported where it happened, and whoever waits has been told.
            let _ = thread.join();
        }
    }
}

fn ended() -> Error {
    Error::Internal("the compression threads are gone".to_owned())
}

/// Steps back behind the threads that answer requests: an archive run has time, whoever appends has not. Linux alone
/// counts this by thread.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        // Where it is not allowed, compression only competes as everything else does.
        let _ = rustix::process::nice(NICE);
    }
}

fn work(queue: &Mutex<Receiver<Job>>, report: &Sender<Result<Compressed>>) {
    step_back();
    let level = CompressionLvl::new(LEVEL).unwrap_or_default();
    let mut deflater = Deflater::new(level);
    loop {
        // The lock is held while waiting: one thread waits for a job, the others wait for the lock.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { group, raw }) = job else { return };
        let compressed = gzip(&mut deflater, &raw.lines).map(|bytes| Compressed {
            group,
            number: raw.number,
            member: CompressedMember { raw: raw.without_lines(), bytes },
        });
        if report.send(compressed).is_err() {
            return;
        }
    }
}

/// One gzip member: no name, mtime 0, operating system 255 (unknown), so the bytes follow from the lines.
fn gzip(deflater: &mut Deflater, lines: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = vec![0; deflater.gzip_compress_bound(lines.len())];
    let size = deflater
        .gzip_compress(lines, &mut bytes)
        .map_err(|error| Error::Internal(format!("a gzip member could not be compressed: {error}")))?;
    bytes.truncate(size);
    bytes.shrink_to_fit();
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_begins_with_the_fixed_header() {
        let mut deflater = Deflater::new(CompressionLvl::new(LEVEL).unwrap());
        let bytes = gzip(&mut deflater, b"line\n").unwrap();
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }
}

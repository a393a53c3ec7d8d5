//! Bodies generated ahead on a thread of their own, in bounded memory.
//!
//! A run begins when the store of ready bodies is full, or holds all that the run can send: a short run then costs the
//! generator nothing while it is measured, and a long one only what it uses up.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::body::Bodies;
use crate::run::Error;
use crate::schedule::End;

/// Bodies are handed over so many bytes at a time: to wake the thread for every small body would cost more than the body.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks that are ready. One body may be larger than a chunk; it is at most 10,000 events of 2 KiB.
const CHUNKS_READY: usize = 128;

/// Ready bodies, in order.
#[derive(Debug)]
pub(crate) struct Supply {
    chunks: mpsc::Receiver<Vec<Bytes>>,
    current: std::vec::IntoIter<Bytes>,
}

impl Supply {
    /// Starts generating what a run with this end sends, and waits until enough is ready.
    pub(crate) async fn ready(seed: u64, batch: u64, end: End) -> Result<Self, Error> {
        let (full, is_full) = oneshot::channel();
        let (sender, chunks) = mpsc::channel(CHUNKS_READY);
        std::thread::Builder::new()
            .name("bodies".to_owned())
            .spawn(move || generate(seed, batch, end, &sender, full))
            .map_err(Error::Thread)?;
        // The sender is dropped unused where the run needs less than the store can hold.
        let _ = is_full.await;
        Ok(Self { chunks, current: Vec::new().into_iter() })
    }

    /// The next body; `None` when the run needs no more.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(body) = self.current.next() {
                return Some(body);
            }
            self.current = self.chunks.recv().await?.into_iter();
        }
    }
}

/// Ends when all was generated, or when nobody takes bodies any more.
fn generate(seed: u64, batch: u64, end: End, chunks: &mpsc::Sender<Vec<Bytes>>, full: oneshot::Sender<()>) {
    let mut bodies = Bodies::new(seed);
    let mut left = match end {
        End::Events(events) => events,
        End::After(_) => u64::MAX,
    };
    let mut full = Some(full);
    while left > 0 {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        while bytes < CHUNK_BYTES && left > 0 {
            let events = batch.min(left);
            let body = bodies.next(events, now_micros());
            bytes += body.len();
            left -= events;
            chunk.push(body);
        }
        if chunks.capacity() == 0 {
            // Dropping it is what tells.
            full = None;
        }
        if chunks.blocking_send(chunk).is_err() {
            return;
        }
    }
    drop(full);
}

/// Since the Unix epoch. A clock that is set before it makes events of 1970, which is as good for a load.
fn now_micros() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(batch: u64, end: End, bodies: usize) -> Vec<usize> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut supply = Supply::ready(1, batch, end).await.unwrap();
            let mut sizes = Vec::new();
            while sizes.len() < bodies
                && let Some(body) = supply.next().await
            {
                sizes.push(body.iter().filter(|byte| **byte == b'\n').count());
            }
            sizes
        })
    }

    #[test]
    fn a_run_of_so_many_events_is_supplied_with_exactly_those() {
        assert_eq!(sizes(100, End::Events(250), usize::MAX), [100, 100, 50]);
    }

    #[test]
    fn a_run_by_time_is_supplied_beyond_what_was_ready() {
        let bodies = CHUNKS_READY + 5;
        let sizes = sizes(4_000, End::After(std::time::Duration::from_secs(1)), bodies);
        assert_eq!(sizes, vec![4_000; bodies]);
    }
}

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
/// One body may be larger than that.
const CHUNK_BYTES: u64 = 1 << 20;
/// About how much is ready at once.
const READY_BYTES: u64 = 128 << 20;
/// What an event takes, nearly.
const EVENT_BYTES: u64 = 600;

/// Ready bodies, in order.
#[derive(Debug)]
pub(crate) struct Supply {
    chunks: mpsc::Receiver<Vec<Bytes>>,
    current: std::vec::IntoIter<Bytes>,
}

impl Supply {
    /// Starts generating what a run with this end sends, and waits until enough is ready.
    pub(crate) async fn ready(seed: u64, batch: u64, end: End) -> Result<Self, Error> {
        let chunk_bytes = CHUNK_BYTES.max(batch.saturating_mul(EVENT_BYTES));
        Self::with_room(seed, batch, end, (READY_BYTES / chunk_bytes).max(1) as usize).await
    }

    async fn with_room(seed: u64, batch: u64, end: End, chunks_ready: usize) -> Result<Self, Error> {
        let (full, is_full) = oneshot::channel();
        let (sender, chunks) = mpsc::channel(chunks_ready);
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
            bytes += body.len() as u64;
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
    use std::time::Duration;

    use super::*;

    /// The events of each body, with room for two chunks.
    fn sizes(batch: u64, end: End, bodies_max: usize) -> Vec<usize> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut supply = Supply::with_room(1, batch, end, 2).await.unwrap();
            let mut sizes = Vec::new();
            while sizes.len() < bodies_max
                && let Some(body) = supply.next().await
            {
                sizes.push(body.split(|byte| *byte == b'\n').count() - 1);
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
        // A body of 2,000 events fills a chunk.
        assert_eq!(sizes(2_000, End::After(Duration::from_secs(1)), 7), [2_000; 7]);
    }
}

//! The background task that takes the spool to the server: oldest first within a stream, each event once.

mod delivery;

use std::sync::Arc;
use std::time::Duration;

use event::Stream;
use tracing::Instrument;

use crate::error::{SpoolError, with_causes};
use crate::retry;
use crate::spool::SpoolDirectory;
use crate::transport::{Transport, Trouble};
use delivery::Delivery;

/// What one request takes.
const BATCH_EVENTS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: u64 = 1 << 20;

/// The longest pause a server can ask for: an answer that asks for a year must not stop the spool for one.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(300);

/// Drains for as long as it is polled. What it holds when it is dropped is still in the spool.
pub(crate) async fn run(directory: Arc<SpoolDirectory>, transport: Transport) {
    let mut drain =
        Drain { directory, transport, under_way: [const { None }; Stream::ALL.len()], failures: 0 };
    let mut tally = drain.directory.tally();
    loop {
        // The sender lives in the directory, which this task holds.
        if tally.wait_for(|tally| tally.pending_events() > 0).await.is_err() {
            return;
        }
        if let Err(trouble) = drain.round().await {
            drain.wait(trouble).await;
        }
    }
}

struct Drain {
    directory: Arc<SpoolDirectory>,
    transport: Transport,
    /// What was read and is not settled yet, by stream. Kept over failures, so that what was set aside is not again.
    under_way: [Option<Delivery>; Stream::ALL.len()],
    failures: u32,
}

impl Drain {
    /// One batch of every stream that has one.
    async fn round(&mut self) -> Result<(), Trouble> {
        for stream in Stream::ALL {
            if self.under_way[*stream as usize].is_none() {
                self.under_way[*stream as usize] = self.next(*stream).await?;
            }
            let Some(delivery) = &mut self.under_way[*stream as usize] else { continue };
            let span =
                tracing::info_span!("strongroom.drain", stream = stream.as_str(), events = delivery.events());
            delivery.deliver(&self.directory, &self.transport).instrument(span).await?;
            self.under_way[*stream as usize] = None;
            if self.failures > 0 {
                tracing::info!(failures = self.failures, "the spool drains again");
                self.failures = 0;
            }
        }
        Ok(())
    }

    async fn next(&self, stream: Stream) -> Result<Option<Delivery>, Trouble> {
        let read = on_disk(&self.directory, move |directory| {
            directory.batch(stream, BATCH_EVENTS_MAX, BATCH_BYTES_MAX)
        });
        Ok(read.await?.map(Delivery::new))
    }

    async fn wait(&mut self, trouble: Trouble) {
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(reason = trouble.reason, "the spool does not drain; events wait in it");
        } else {
            tracing::debug!(
                reason = trouble.reason,
                failures = self.failures,
                "the spool still does not drain"
            );
        }
        self.directory.note_error(&trouble.reason);
        let asked = trouble.retry_after.map(|asked| asked.min(ASKED_PAUSE_MAX));
        let pause = tokio::time::sleep(asked.unwrap_or_default() + retry::pause(self.failures));
        if asked.is_some() {
            return pause.await;
        }
        tokio::select! {
            () = pause => {}
            () = self.directory.hurry.notified() => {}
        }
    }
}

/// Does file work beside the threads that serve others.
pub(crate) async fn on_disk<T: Send + 'static>(
    directory: &Arc<SpoolDirectory>,
    work: impl FnOnce(&SpoolDirectory) -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, Trouble> {
    let directory = directory.clone();
    let done = tokio::task::spawn_blocking(move || work(&directory)).await;
    match done {
        Ok(done) => done.map_err(|error| Trouble::new(with_causes(&error))),
        Err(stopped) => Err(Trouble::new(format!("the work on the spool did not end: {stopped}"))),
    }
}

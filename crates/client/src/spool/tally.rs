//! What is in the spool, counted.

use event::{Stream, Timestamp};

/// The state of a spool, for status pages and alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolStatus {
    /// Events that are durable here and not yet acknowledged by the server.
    pub pending_events: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// When the oldest of them happened, as its producer says.
    pub oldest: Option<Timestamp>,
    /// Events that the server refused; they stand in `rejected/` with the reason, until somebody takes them away.
    pub rejected_events: u64,
    /// Torn last lines that were cut off when the directory was opened. No acknowledged event is in one.
    pub torn_lines: u64,
    /// Bytes of all events in the directory: pending, drained and not yet deleted, and refused.
    pub bytes_used: u64,
    /// The bound on them.
    pub bytes_max: u64,
    /// Why draining does not go on at the moment.
    pub last_error: Option<String>,
}

/// Counts of one stream. Both only grow, and their difference waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StreamTally {
    pub(crate) spooled: u64,
    /// Acknowledged, or refused and set aside.
    pub(crate) settled: u64,
}

/// Counts of all streams, in the order of [`Stream::ALL`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) streams: [StreamTally; Stream::ALL.len()],
    pub(crate) pending_bytes: u64,
    pub(crate) bytes_used: u64,
    pub(crate) rejected_events: u64,
    pub(crate) torn_lines: u64,
    pub(crate) last_error: Option<String>,
}

impl Tally {
    pub(crate) fn stream(&mut self, stream: Stream) -> &mut StreamTally {
        &mut self.streams[stream as usize]
    }

    pub(crate) fn pending_events(&self) -> u64 {
        self.streams.iter().map(|stream| stream.spooled - stream.settled).sum()
    }

    /// Whether everything has been settled that had been spooled by then.
    pub(crate) fn is_past(&self, earlier: &Self) -> bool {
        self.streams.iter().zip(&earlier.streams).all(|(now, then)| now.settled >= then.spooled)
    }
}

use std::collections::VecDeque;

use event::{Event, Limits};

use super::NumberedEvent;

/// Large enough that one sync serves many events, small enough that receipts come soon.
const BATCH_EVENTS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Batches on their way at once. One is being synced while the next is planned and the others are read.
const BATCHES_IN_FLIGHT_MAX: usize = 4;

/// How much goes into one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchBounds {
    pub(super) events: usize,
    bytes: usize,
    in_flight_bytes: usize,
}

impl BatchBounds {
    /// Ours, or the ledger's where those are tighter. Half of the queue stays free: its room is counted in coarser units.
    pub(super) fn of(limits: &Limits, queue_bytes_max: u64) -> Self {
        let in_flight_bytes = usize::try_from(queue_bytes_max / 4).unwrap_or(usize::MAX);
        Self {
            events: BATCH_EVENTS_MAX.min(limits.batch_events_max).max(1),
            bytes: BATCH_BYTES_MAX.min(limits.batch_bytes_max).min(in_flight_bytes),
            in_flight_bytes,
        }
    }

    /// Whether another batch may be sent while these are on their way.
    pub(super) fn has_room(self, batches: usize, bytes: usize) -> bool {
        batches == 0 || (batches < BATCHES_IN_FLIGHT_MAX && bytes < self.in_flight_bytes)
    }

    /// Takes a batch off the front: at least one event, then as many as fit.
    pub(super) fn take(self, waiting: &mut VecDeque<NumberedEvent>) -> Batch {
        let mut batch = Batch { lines: Vec::new(), events: Vec::new(), bytes: 0 };
        while let Some(next) = waiting.front() {
            let bytes = next.event.bytes();
            let full = batch.events.len() >= self.events || batch.bytes + bytes > self.bytes;
            if full && !batch.events.is_empty() {
                break;
            }
            if let Some(NumberedEvent { line, event }) = waiting.pop_front() {
                batch.lines.push(line);
                batch.events.push(event);
                batch.bytes += bytes;
            }
        }
        batch
    }
}

/// Events that are appended together, with their line numbers.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) lines: Vec<u64>,
    pub(super) events: Vec<Event>,
    /// As they count in the queue.
    pub(super) bytes: usize,
}

impl Batch {
    /// Takes out the events of the lines that `leave` names.
    pub(super) fn remove_lines(&mut self, leave: impl Fn(u64) -> bool) {
        let keep: Vec<bool> = self.lines.iter().map(|line| !leave(*line)).collect();
        let mut kept = keep.iter();
        self.lines.retain(|_| *kept.next().unwrap_or(&true));
        let mut kept = keep.iter();
        self.events.retain(|_| *kept.next().unwrap_or(&true));
    }

    /// `line 7` or `lines 7 to 12`.
    pub(super) fn lines_text(&self) -> String {
        match (self.lines.first(), self.lines.last()) {
            (Some(first), Some(last)) if first != last => format!("lines {first} to {last}"),
            (Some(line), _) => format!("line {line}"),
            (None, _) => "no line".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Timestamp;

    fn ample() -> BatchBounds {
        BatchBounds { events: 10, bytes: usize::MAX, in_flight_bytes: 100 }
    }

    #[test]
    fn one_batch_may_always_go_and_more_while_the_queue_has_room() {
        assert!(ample().has_room(0, 1_000));
        assert!(ample().has_room(3, 99));
        assert!(!ample().has_room(1, 100));
        assert!(!ample().has_room(4, 0));
    }

    fn waiting(count: u64) -> VecDeque<NumberedEvent> {
        let now = Timestamp::parse_rfc3339("2026-04-22T00:00:00Z").unwrap();
        let mut traffic = traffic::Traffic::new(1);
        let event = |line| {
            let json = traffic.event(now.micros());
            NumberedEvent { line, event: Event::parse(&json, &Limits::default(), now).unwrap() }
        };
        (1..=count).map(event).collect()
    }

    #[test]
    fn a_batch_is_bounded_by_count_and_by_bytes() {
        let mut events = waiting(5);
        let two = BatchBounds { events: 2, ..ample() };
        assert_eq!(two.take(&mut events).lines, [1, 2]);
        let tiny = BatchBounds { bytes: 1, ..ample() };
        assert_eq!(tiny.take(&mut events).lines, [3]);
        assert_eq!(ample().take(&mut events).lines, [4, 5]);
    }

    #[test]
    fn removing_lines_keeps_lines_and_events_together() {
        let mut batch = ample().take(&mut waiting(4));
        let last = batch.events[3].event_id().map(str::to_owned);
        batch.remove_lines(|line| line == 2 || line == 3);
        assert_eq!(batch.lines, [1, 4]);
        assert_eq!(batch.events.len(), 2);
        assert_eq!(batch.events[1].event_id().map(str::to_owned), last);
        assert_eq!(batch.lines_text(), "lines 1 to 4");
    }
}

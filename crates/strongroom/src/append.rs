//! Appending a long input: batches in its order, several in flight, so that one sync serves many.

mod batch;
mod tally;

use std::collections::VecDeque;

use engine::{Engine, ErrorKind, Receipt};
use event::Event;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio::sync::mpsc;

use crate::failure::{Failure, violation_text};

use batch::{Batch, BatchBounds};
pub(crate) use tally::Tally;

/// Pieces of input that may wait to be taken, so that reading never runs far ahead of appending.
pub(crate) const PIECES_WAITING_MAX: usize = 4;

/// An event with the number of the line it came from.
#[derive(Debug, Clone)]
pub(crate) struct NumberedEvent {
    pub(crate) line: u64,
    pub(crate) event: Event,
}

/// What whoever reads the input hands over.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Events, in the order of the input.
    Events(Vec<NumberedEvent>),
    /// The input cannot be read or understood from here on. What was handed over before still counts.
    Stop(Failure),
}

/// What to do with an event whose key is taken by other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflicts {
    /// Stop there.
    Stop,
    /// Leave it out and say so.
    LeaveOut,
}

/// An event that was left out, and why.
#[derive(Debug, Clone)]
pub(crate) struct LeftOut {
    pub(crate) line: u64,
    pub(crate) reason: String,
}

/// What is durable now.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Appends everything that comes, in order, within the ledger's queue of `queue_bytes_max`. `deliver` is called with the receipts of each batch once they are durable;
/// when it fails nothing more is taken in. Answers what was appended, and why it stopped if it did not reach the end.
pub(crate) async fn append_all(
    engine: &Engine,
    queue_bytes_max: u64,
    mut input: mpsc::Receiver<Piece>,
    conflicts: Conflicts,
    mut deliver: impl FnMut(Delivery) -> Result<(), Failure>,
) -> (Tally, Option<Failure>) {
    let bounds = BatchBounds::of(engine.ledger().limits(), queue_bytes_max);
    let mut bytes_in_flight = 0;
    let mut in_flight = FuturesOrdered::new();
    let mut waiting: VecDeque<NumberedEvent> = VecDeque::new();
    let mut tally = Tally::default();
    let mut stopped: Option<Failure> = None;
    let mut open = true;
    let mut refused = false;
    loop {
        while !refused && !waiting.is_empty() && bounds.has_room(in_flight.len(), bytes_in_flight) {
            let batch = bounds.take(&mut waiting);
            bytes_in_flight += batch.bytes;
            // The engine takes a batch in when its future is first polled, and they are polled in the order they are
            // pushed: so the entries stand in the order of the input.
            in_flight.push_back(submit(engine, batch, conflicts));
        }
        tokio::select! {
            Some(submitted) = in_flight.next() => {
                bytes_in_flight -= submitted.batch.bytes;
                if let Err(failure) = settle(submitted, &mut tally, &mut deliver) {
                    // Batches behind this one may be durable already; theirs are still counted and told. The first refusal
                    // is the reason: whatever else stopped the input stands on a later line.
                    if !refused {
                        stopped = Some(failure);
                    }
                    refused = true;
                    open = false;
                }
            }
            piece = input.recv(), if open && waiting.len() < bounds.events => match piece {
                Some(Piece::Events(events)) => waiting.extend(events),
                Some(Piece::Stop(failure)) => {
                    open = false;
                    stopped = Some(failure);
                }
                None => open = false,
            },
            else => break,
        }
    }
    (tally, stopped)
}

/// A batch with its outcome.
struct Submitted {
    batch: Batch,
    left_out: Vec<LeftOut>,
    result: engine::Result<Vec<Receipt>>,
}

async fn submit(engine: &Engine, mut batch: Batch, conflicts: Conflicts) -> Submitted {
    let mut left_out = Vec::new();
    loop {
        let events = match conflicts {
            Conflicts::Stop => std::mem::take(&mut batch.events),
            Conflicts::LeaveOut => batch.events.clone(),
        };
        let result = engine.append(events).await.map(|appended| appended.receipts);
        if let (Conflicts::LeaveOut, Err(error)) = (conflicts, &result)
            && error.kind() == ErrorKind::Conflict
        {
            let conflicting = leave_out_conflicting(&mut batch, error);
            let progressed = !conflicting.is_empty();
            left_out.extend(conflicting);
            if progressed && !batch.events.is_empty() {
                continue;
            }
            if progressed {
                return Submitted { batch, left_out, result: Ok(Vec::new()) };
            }
        }
        return Submitted { batch, left_out, result };
    }
}

fn leave_out_conflicting(batch: &mut Batch, error: &engine::Error) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    for violation in error.violations() {
        let line = violation.position.and_then(|position| batch.lines.get(position));
        if let Some(line) = line
            && !left_out.iter().any(|other: &LeftOut| other.line == *line)
        {
            left_out.push(LeftOut { line: *line, reason: without_position(violation) });
        }
    }
    batch.remove_lines(|line| left_out.iter().any(|other| other.line == line));
    left_out
}

/// Counts a batch and tells its receipts. The error says why no more should be taken in.
fn settle(
    submitted: Submitted,
    tally: &mut Tally,
    deliver: &mut impl FnMut(Delivery) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Submitted { batch, left_out, result } = submitted;
    match result {
        Ok(receipts) => {
            tally.appended(&batch.lines, &receipts);
            let count = receipts.len() as u64;
            deliver(Delivery { receipts, left_out }).inspect_err(|_| tally.undelivered += count)
        }
        Err(error) => {
            let failure = refusal(&batch, error, tally);
            Err(failure)
        }
    }
}

/// The engine's error with line numbers in place of positions.
fn refusal(batch: &Batch, error: engine::Error, tally: &mut Tally) -> Failure {
    let lines = batch.lines_text();
    tally.refused(&batch.lines, error.kind() == ErrorKind::OutcomeUnknown);
    if error.violations().is_empty() {
        return Failure::from(error).within(&lines);
    }
    let problems = error.violations().iter().map(|violation| {
        let line = violation.position.and_then(|position| batch.lines.get(position));
        match line {
            Some(line) => format!("line {line}: {}", without_position(violation)),
            None => violation_text(violation),
        }
    });
    Failure::listing(&format!("{lines}: {error}"), problems)
}

fn without_position(violation: &event::Violation) -> String {
    let mut violation = violation.clone();
    violation.position = None;
    violation_text(&violation)
}

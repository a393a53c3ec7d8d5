use std::io::Read;
use std::thread;

use engine::{Clock, SystemClock};
use event::{Event, Limits};
use tokio::sync::mpsc;

use crate::append::{self, Conflicts, NumberedEvent, PIECES_WAITING_MAX, Piece};
use crate::arguments::{Global, InputArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure, violation_text};
use crate::ledger_access::OpenEngine;
use crate::lines::{self, Line, Lines, LinesError};
use crate::output::{Output, counted, remark};

/// Appends events and prints their receipts.
pub(super) async fn run(global: &Global, arguments: &InputArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let input = lines::open(arguments.file.as_deref())?;
    let open = OpenEngine::open(&configuration).await?;
    let limits = *open.engine.ledger().limits();
    let (pieces, received) = mpsc::channel(PIECES_WAITING_MAX);
    thread::spawn(move || read(input, &limits, &pieces));

    let room = configuration.settings.server.queue_bytes_max;
    let mut output = Output::new();
    let (tally, stopped) = append::append_all(&open.engine, room, received, Conflicts::Stop, |delivery| {
        for receipt in &delivery.receipts {
            output.json(receipt)?;
        }
        // Whoever reads may act on a receipt at once: it must not wait in our buffer for the next one.
        output.flush()
    })
    .await;
    let closed = open.close().await;
    if let Some(failure) = stopped {
        return Err(failure.after(&tally.stopped_text()));
    }
    closed?;
    let duplicates = match tally.duplicates {
        0 => String::new(),
        number => format!(", {} there before", counted(number, "event was", "events were")),
    };
    remark(global, format!("{} appended{duplicates}", counted(tally.new, "event", "events")));
    Ok(Exit::Done)
}

/// Reads to the end or to the first line that is no event. A receiver that is gone ends it, too.
fn read(input: impl Read, limits: &Limits, pieces: &mpsc::Sender<Piece>) {
    let mut lines = Lines::new(input, limits.event_bytes_max);
    loop {
        let ready = match lines.ready() {
            Ok(Some(ready)) => ready,
            Ok(None) => return,
            Err(error) => {
                let _ = pieces.blocking_send(Piece::Stop(unreadable(error)));
                return;
            }
        };
        let (events, bad) = parse(ready, limits);
        if !events.is_empty() && pieces.blocking_send(Piece::Events(events)).is_err() {
            return;
        }
        if let Some(failure) = bad {
            let _ = pieces.blocking_send(Piece::Stop(failure));
            return;
        }
    }
}

/// The events up to the first line that is none.
fn parse(lines: Vec<Line>, limits: &Limits) -> (Vec<NumberedEvent>, Option<Failure>) {
    let now = SystemClock.now();
    let mut events = Vec::with_capacity(lines.len());
    for line in lines {
        match Event::parse(&line.bytes, limits, now) {
            Ok(event) => events.push(NumberedEvent { line: line.number, event }),
            Err(violations) => {
                let message = format!("line {} is no event:", line.number);
                return (events, Some(Failure::listing(&message, violations.iter().map(violation_text))));
            }
        }
    }
    (events, None)
}

/// Why the input could not be read to its end.
pub(super) fn unreadable(error: LinesError) -> Failure {
    match error {
        LinesError::TooLong { number, bytes_max } => {
            Failure::new(format!("line {number} is longer than {bytes_max} bytes [too_long]"))
                .hint("limits.event_bytes_max sets how large an event may be")
        }
        LinesError::Unreadable { after, error } => {
            Failure::caused(format!("the input cannot be read behind line {after}"), error)
        }
    }
}

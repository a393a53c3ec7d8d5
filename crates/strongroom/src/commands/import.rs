use std::io::Read;
use std::thread;

use engine::{Clock, SystemClock};
use event::{Event, Limits};
use flate2::read::MultiGzDecoder;
use mapping::Mapping;
use serde::Serialize;
use tokio::sync::mpsc;

mod invalid;
mod spool;

use crate::append::{self, Conflicts, NumberedEvent, PIECES_WAITING_MAX, Piece, Tally};
use crate::arguments::{Global, ImportArguments};
use crate::configuration::Configuration;
use crate::failure::{Exit, Failure, violation_text};
use crate::ledger_access::OpenEngine;
use crate::lines::{self, Line, Lines, LinesError};
use crate::output::{Output, counted, grouped, remark};

use invalid::InvalidRecords;
use spool::Spool;

/// A foreign record may be larger than an event: much of it can be white space and names that map to less.
const RECORD_BYTES_MAX: usize = 16 << 20;

#[derive(Serialize)]
struct Summary {
    read: u64,
    appended: u64,
    duplicates: u64,
    invalid: u64,
}

/// Maps foreign records to events and appends those. Everything is mapped and validated before the first one goes in.
pub(super) async fn run(global: &Global, arguments: &ImportArguments) -> Result<Exit, Failure> {
    let configuration = Configuration::load(global, Vec::new())?;
    let mapping = find_mapping(&arguments.mapping)?;
    let input = decoded(lines::open(arguments.file.as_deref())?)?;
    let open = OpenEngine::open(&configuration).await?;
    let limits = *open.engine.ledger().limits();
    let mut spool = Spool::create(&configuration.directory.staging())?;
    let mut invalid = InvalidRecords::new(global);

    let mapper = Mapper { mapping, tenant: arguments.tenant.clone(), limits };
    let read = mapper.map_all(input, &mut spool, &mut invalid)?;
    if invalid.count() > 0 && !arguments.skip_invalid {
        let summary = Summary { read, appended: 0, duplicates: 0, invalid: invalid.count() };
        open.close().await?;
        print(global, &summary)?;
        return Err(invalid.refusal());
    }

    let (pieces, received) = mpsc::channel(PIECES_WAITING_MAX);
    thread::spawn(move || replay(spool, &limits, &pieces));
    let room = configuration.settings.server.queue_bytes_max;
    let conflicts = if arguments.skip_invalid { Conflicts::LeaveOut } else { Conflicts::Stop };
    let (tally, stopped) = append::append_all(&open.engine, room, received, conflicts, |delivery| {
        delivery.left_out.into_iter().for_each(|left_out| invalid.report(left_out.line, &left_out.reason));
        Ok(())
    })
    .await;
    let closed = open.close().await;
    let Tally { new, duplicates, .. } = tally;
    print(global, &Summary { read, appended: new, duplicates, invalid: invalid.count() })?;
    invalid.finish();
    match stopped {
        Some(failure) => Err(failure.after(&tally.stopped_text())),
        None => closed.map(|()| Exit::Done),
    }
}

/// A mapping that comes with the program, or a file of the same form.
fn find_mapping(name: &str) -> Result<Mapping, Failure> {
    if let Some(mapping) = Mapping::built_in(name) {
        return Ok(mapping);
    }
    let known = || {
        format!("the program comes with {}; anything else is a file", Mapping::built_in_names().join(", "))
    };
    let text = std::fs::read_to_string(name)
        .map_err(|error| Failure::caused(format!("there is no mapping {name}"), error).hint(known()))?;
    Mapping::parse(&text).map_err(|error| Failure::caused(format!("{name} is not a mapping"), error))
}

/// The input, unpacked when it is gzip: told by its first bytes, not by its name.
fn decoded(mut input: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>, Failure> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let mut start = Vec::new();
    input
        .by_ref()
        .take(GZIP.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| Failure::caused("the input cannot be read", error))?;
    let packed = start == GZIP;
    let whole = std::io::Cursor::new(start).chain(input);
    Ok(if packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

struct Mapper {
    mapping: Mapping,
    tenant: Option<String>,
    limits: Limits,
}

impl Mapper {
    /// Maps and validates every record into the spool; answers how many there were.
    fn map_all(
        &self,
        input: impl Read,
        spool: &mut Spool,
        invalid: &mut InvalidRecords,
    ) -> Result<u64, Failure> {
        let mut lines = Lines::new(input, RECORD_BYTES_MAX);
        let mut read = 0;
        loop {
            let ready = match lines.ready() {
                Ok(Some(ready)) => ready,
                Ok(None) => return Ok(read),
                Err(error) => return Err(unreadable(error)),
            };
            for line in &ready {
                read += 1;
                match self.map(line) {
                    Ok(event) => spool.push(line.number, &event)?,
                    Err(reason) => invalid.report(line.number, &reason),
                }
            }
        }
    }

    fn map(&self, line: &Line) -> Result<Vec<u8>, String> {
        let mapped =
            self.mapping.map(&line.bytes, self.tenant.as_deref()).map_err(|error| error.to_string())?;
        match Event::parse(&mapped.event, &self.limits, SystemClock.now()) {
            Ok(event) if event.is_reserved() => {
                Err("the tenant _strongroom and the source strongroom are the ledger's own".to_owned())
            }
            Ok(_) => Ok(mapped.event),
            Err(violations) => Err(violations.iter().map(violation_text).collect::<Vec<_>>().join("; ")),
        }
    }
}

/// Hands the spooled events over for appending.
fn replay(spool: Spool, limits: &Limits, pieces: &mpsc::Sender<Piece>) {
    const PIECE_EVENTS: usize = 500;
    let mut events = Vec::new();
    let mut stop = None;
    for spooled in spool.replay() {
        let parsed = spooled.and_then(|Line { number, bytes }| {
            Event::parse(&bytes, limits, SystemClock.now())
                .map(|event| NumberedEvent { line: number, event })
                .map_err(|violations| {
                    Failure::listing(&format!("line {number}:"), violations.iter().map(violation_text))
                })
        });
        match parsed {
            Ok(event) => events.push(event),
            Err(failure) => {
                stop = Some(failure);
                break;
            }
        }
        if events.len() == PIECE_EVENTS
            && pieces.blocking_send(Piece::Events(std::mem::take(&mut events))).is_err()
        {
            return;
        }
    }
    let _ = pieces.blocking_send(Piece::Events(events));
    if let Some(failure) = stop {
        let _ = pieces.blocking_send(Piece::Stop(failure));
    }
}

fn print(global: &Global, summary: &Summary) -> Result<(), Failure> {
    if !global.json {
        let Summary { read, appended, duplicates, invalid } = summary;
        let read = counted(*read, "record", "records");
        let [appended, duplicates, invalid] = [appended, duplicates, invalid].map(|number| grouped(*number));
        let text = format!("{read} read: {appended} appended, {duplicates} there before, {invalid} invalid");
        remark(global, text);
        return Ok(());
    }
    let mut output = Output::new();
    output.json(summary)?;
    output.flush()
}

fn unreadable(error: LinesError) -> Failure {
    match error {
        LinesError::TooLong { number, bytes_max } => {
            Failure::new(format!("line {number} is longer than {bytes_max} bytes"))
        }
        LinesError::Unreadable { after, error } => {
            Failure::caused(format!("the input cannot be read behind line {after}"), error)
        }
    }
    .after("nothing was appended")
}

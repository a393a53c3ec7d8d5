//! The tour: a ledger in a temporary directory, shown at work, then served until it is told to stop.

mod feed;
mod narrator;
mod tamper;
mod tour;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use server::Options;
use tempfile::TempDir;

use crate::arguments::{DemoArguments, Global};
use crate::failure::{Exit, Failure};
use crate::progress::Bar;
use crate::serving::{self, StopSignals};

use narrator::Narrator;
use tour::Tour;

/// Gives the tour and removes everything it made, however it ends.
pub(crate) async fn run(global: &Global, arguments: &DemoArguments) -> Result<Exit, Failure> {
    let signals = StopSignals::listen()?;
    let room = tempfile::Builder::new()
        .prefix("strongroom-demo-")
        .tempdir()
        .map_err(|error| Failure::caused("cannot make a temporary directory", error))?;
    let result = show(global, arguments, room.path(), signals).await;
    remove(room)?;
    result.map(|()| Exit::Done)
}

async fn show(
    global: &Global,
    arguments: &DemoArguments,
    room: &Path,
    mut signals: StopSignals,
) -> Result<(), Failure> {
    let mut narrator = Narrator::new();
    let tour = Tour { room, events: arguments.events, bar: &Bar::new(global) };
    let (open, token) = tokio::select! {
        given = Box::pin(tour.give(&mut narrator)) => given?,
        () = signals.told() => return Ok(()),
    };
    if arguments.exit {
        open.close().await?;
        return narrator.say("Done; everything it made is removed.");
    }
    let listener = bind_or_any(arguments.listen)?;
    let address =
        listener.local_addr().map_err(|error| Failure::caused("the listener has no address", error))?;
    narrator.step("The server stays up")?;
    narrator.say(&format!("address  http://{address}"))?;
    narrator.say(&format!("token    {token}"))?;
    narrator.say(&format!(
        "try      curl -H 'Authorization: Bearer {token}' 'http://{address}/v1/audit/events?limit=3'"
    ))?;
    narrator.say("Ctrl-C stops it and removes everything it made.")?;
    // SIGHUP ends a demo: it belongs to its terminal.
    serving::serve_until_told(open, listener, Options::default(), signals, None).await
}

/// The asked address, or a free port where somebody has that one: a demo should not fail because a server is running.
fn bind_or_any(address: SocketAddr) -> Result<TcpListener, Failure> {
    match serving::bind(address) {
        Err(_) if address.port() != 0 => serving::bind(SocketAddr::new(address.ip(), 0)),
        other => other,
    }
}

/// After an interruption threads may still be writing while their files are removed.
fn remove(room: TempDir) -> Result<(), Failure> {
    const ATTEMPTS: usize = 5;
    let path = room.keep();
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => last = Some(error),
            _ => return Ok(()),
        }
    }
    match last {
        Some(error) => Err(Failure::caused(format!("cannot remove {}", path.display()), error)),
        None => Ok(()),
    }
}

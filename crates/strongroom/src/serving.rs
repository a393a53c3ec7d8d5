//! Running the server until a signal, or until the ledger can no longer be served.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::ledger_access::OpenEngine;

/// Takes an address.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        Failure::caused(format!("cannot listen on {address}"), error)
            .hint("choose another with --listen ADDR")
    })
}

/// What asks this process to end.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// From now on a signal no longer kills the process; it is told to whoever waits.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(|error| Failure::caused("cannot take signals", error));
        Ok(Self { interrupt: take(SignalKind::interrupt())?, terminate: take(SignalKind::terminate())? })
    }

    /// Returns when the process was asked to end.
    pub(crate) async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until SIGINT or SIGTERM, finishes what is under way, and closes the ledger. Fails when the ledger has to be
/// given up: then nothing more is acknowledged, and starting anew reads back what is durable.
pub(crate) async fn serve_until_told(
    open: OpenEngine,
    listener: TcpListener,
    mut signals: StopSignals,
) -> Result<(), Failure> {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let running = server::run(open.engine.clone(), listener, async move { stopped.notified().await });
    tokio::pin!(running);
    let given_up = tokio::select! {
        () = open.engine.run_schedule() => None,
        ended = &mut running => return ended.map_err(|error| Failure::caused("the server stopped", error)),
        () = signals.told() => None,
        reason = open.engine.failed() => Some(reason),
    };
    if let Some(reason) = given_up {
        return Err(Failure::new(reason)
            .hint("start it again: it reads back what is durable, and takes events again"));
    }
    tracing::info!("stopping: requests under way are finished first");
    stop.notify_one();
    running.await.map_err(|error| Failure::caused("the server did not stop cleanly", error))?;
    open.close().await
}

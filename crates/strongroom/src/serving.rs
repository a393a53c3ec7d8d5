//! Running the server until a signal, or until the ledger can no longer be served.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use server::{Options, Tls};
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

/// What asks a server to read again what it may read again.
pub(crate) struct Reloads {
    hangup: Signal,
    tls: Option<Tls>,
}

impl Reloads {
    /// From now on SIGHUP no longer kills the process, whether or not there is something to read again.
    pub(crate) fn listen(tls: Option<Tls>) -> Result<Self, Failure> {
        let hangup =
            signal(SignalKind::hangup()).map_err(|error| Failure::caused("cannot take signals", error))?;
        Ok(Self { hangup, tls })
    }

    /// Reloads on every SIGHUP, for ever.
    async fn run(mut self) {
        while self.hangup.recv().await.is_some() {
            let Some(tls) = self.tls.clone() else {
                tracing::info!("SIGHUP: there is no TLS certificate to read again");
                continue;
            };
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(())) => tracing::info!("SIGHUP: new connections get the TLS certificate as it is now"),
                Ok(Err(error)) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "SIGHUP: the TLS certificate stays the one that is in use"
                    );
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "SIGHUP: reading the TLS certificate was interrupted"
                    );
                }
            }
        }
        std::future::pending::<()>().await;
    }
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
    options: Options,
    mut signals: StopSignals,
    reloads: Option<Reloads>,
) -> Result<(), Failure> {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let running =
        server::run(open.engine.clone(), listener, options, async move { stopped.notified().await });
    tokio::pin!(running);
    let reloading = async {
        match reloads {
            Some(reloads) => reloads.run().await,
            None => std::future::pending().await,
        }
    };
    let given_up = tokio::select! {
        () = reloading => None,
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
    open.close().await?;
    tracing::info!("stopped: everything that was taken in is durable and signed");
    Ok(())
}

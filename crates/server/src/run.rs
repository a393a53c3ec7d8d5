//! Serving until told to stop, and then finishing what has begun.

use std::future::Future;
use std::io;
use std::pin::pin;

use axum_server::Handle;
use engine::Engine;
use hyper_util::rt::TokioTimer;

use crate::bounds::Bounds;
use crate::connections::Bounded;
use crate::routes::router;

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener cannot be used.
    #[error("cannot serve on this listener")]
    Listener(#[source] io::Error),
    /// Connections can no longer be accepted.
    #[error("the server stopped accepting connections")]
    Accept(#[source] io::Error),
}

/// Serves `engine` on `listener` until `shutdown` completes; then takes no more connections, finishes the requests in
/// flight (for at most 30 seconds) and returns. The engine keeps running: the caller shuts it down afterwards.
pub async fn run(
    engine: Engine,
    listener: std::net::TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    run_within(engine, listener, &Bounds::default(), shutdown).await
}

/// The same as [`run`], with other bounds.
pub async fn run_within(
    engine: Engine,
    listener: std::net::TcpListener,
    bounds: &Bounds,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    listener.set_nonblocking(true).map_err(Error::Listener)?;
    let handle = Handle::new();
    let mut server =
        axum_server::from_tcp(listener).map_err(Error::Listener)?.handle(handle.clone()).http1_only();
    // Without a timer hyper waits for ever, and a few slow senders hold every connection there is.
    let mut http = server.http_builder().http1();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_arrival)
        .max_buf_size(bounds.head_bytes_max);
    let server = server.acceptor(Bounded::new(bounds.connections_max));

    let mut serving = pin!(server.serve(router(engine, bounds).into_make_service()));
    let mut shutdown = pin!(shutdown);
    tokio::select! {
        ended = &mut serving => ended.map_err(Error::Accept),
        () = &mut shutdown => {
            tracing::info!("stopping: requests in flight are finished first");
            handle.graceful_shutdown(Some(bounds.grace));
            serving.await.map_err(Error::Accept)
        }
    }
}

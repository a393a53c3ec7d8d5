//! Serving until told to stop, and then finishing what has begun.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum_server::Handle;
use engine::Engine;
use futures::future::BoxFuture;
use hyper_util::rt::TokioTimer;

use crate::connections::Bounded;
use crate::options::Options;
use crate::routes::router;
use crate::watch::Watch;

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

/// Serves `engine` on `listener`, as `options` say, until `shutdown` completes; then takes no more connections, finishes
/// the requests in flight, within bounds, and returns. The engine keeps running: the caller shuts it down afterwards.
pub async fn run(
    engine: Engine,
    listener: std::net::TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    listener.set_nonblocking(true).map_err(Error::Listener)?;
    let handle = Handle::new();
    let mut server =
        axum_server::from_tcp(listener).map_err(Error::Listener)?.handle(handle.clone()).http1_only();
    // Without a timer hyper waits for ever, and a few slow senders hold every connection there is.
    let bounds = &options.bounds;
    let mut http = server.http_builder().http1();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_arrival)
        .max_buf_size(bounds.head_bytes_max);
    let connections = Bounded::new(bounds.connections_max);
    let watch = Arc::new(Watch::new(&options, connections.clone()));
    let service = router(engine, bounds, watch.clone()).into_make_service();
    let grace = bounds.grace;
    let mut serving: BoxFuture<'_, io::Result<()>> = match options.tls {
        None => Box::pin(server.acceptor(connections).serve(service)),
        Some(tls) => Box::pin(server.acceptor(tls.acceptor(connections)).serve(service)),
    };
    let mut shutdown = pin!(shutdown);
    tokio::select! {
        ended = &mut serving => ended.map_err(Error::Accept),
        () = &mut shutdown => {
            watch.stopping.store(true, Ordering::Relaxed);
            handle.graceful_shutdown(Some(grace));
            serving.await.map_err(Error::Accept)
        }
    }
}

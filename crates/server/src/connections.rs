//! A bound on connections: each costs memory and a file descriptor, and the ledger's files need descriptors too.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// Takes connections while there is room, and closes those beyond it at once.
#[derive(Clone, Debug)]
pub(crate) struct Bounded {
    room: Arc<Semaphore>,
    connections_max: usize,
}

impl Bounded {
    pub(crate) fn new(connections_max: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(connections_max)), connections_max }
    }

    /// The bound.
    pub(crate) fn connections_max(&self) -> usize {
        self.connections_max
    }

    /// Connections that have a place now, those in a TLS handshake among them.
    pub(crate) fn open(&self) -> usize {
        self.connections_max - self.room.available_permits()
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = TcpStream;
    type Service = Counted<S>;
    type Future = Ready<io::Result<(TcpStream, Counted<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            tracing::warn!("a connection was closed: too many are open");
            return ready(Err(io::Error::other("too many connections")));
        };
        // An answer is small and whole: holding it back to fill a packet only costs time.
        let counted = Counted { service, _permit: Arc::new(permit) };
        ready(stream.set_nodelay(true).map(|()| (stream, counted)))
    }
}

/// A connection's service; its place is free again when the connection is gone.
#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    service: S,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_beyond_the_bound_is_closed_and_one_after_it_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounded = Bounded::new(1);
        let stream = || async { TcpStream::connect(address).await.unwrap() };
        let first = bounded.accept(stream().await, ()).await.unwrap();
        assert!(bounded.accept(stream().await, ()).await.is_err());
        drop(first);
        assert!(bounded.accept(stream().await, ()).await.is_ok());
    }
}

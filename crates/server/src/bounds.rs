//! What a server allows its callers, of time and of connections.

use std::time::Duration;

/// Bounds on callers that have not shown a token yet, and on slow ones. The defaults fit a server that many talk to.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at a time; those beyond are closed at once.
    pub connections_max: usize,
    /// Bytes of a request's head. Longer ones are answered 431, or 414 where it is the path that is too long.
    pub head_bytes_max: usize,
    /// How long a head may take to arrive. The connection is closed then.
    pub head_arrival: Duration,
    /// How long a body may take to arrive. It is answered 408 then.
    pub body_arrival: Duration,
    /// How long requests in flight have to finish after the signal to stop.
    pub grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            head_bytes_max: 64 << 10,
            head_arrival: Duration::from_secs(15),
            // A batch of 16 MiB arrives in time at 2.2 Mbit/s.
            body_arrival: Duration::from_secs(60),
            grace: Duration::from_secs(30),
        }
    }
}

//! A run: connections that take turns, and what they find.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::body::content_type;
use crate::connection::{Connection, Head, Lost};
use crate::outcome::Outcome;
use crate::schedule::{End, Pace, Schedule, Turn};
use crate::supply::Supply;
use crate::tally::{Request, Tally};
use crate::target::Target;

/// How long a connection waits before it tries again to reach a server that is not there.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token cannot be sent.
    #[error("the token or the URL holds characters that no request can carry")]
    Head,
    /// The server is not there.
    #[error("cannot connect to the server")]
    Connect(#[source] io::Error),
    /// This machine gave no thread or timer.
    #[error("cannot start generating load")]
    Thread(#[source] io::Error),
    /// A connection's task ended on its own.
    #[error("a connection stopped taking its turns")]
    Task(#[source] tokio::task::JoinError),
}

/// What load is put on which server.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server.
    pub target: Target,
    /// A writer's token.
    pub token: String,
    /// Connections, each with one request under way; at least 1.
    pub connections: usize,
    /// Events a request, from 1 to what the server takes at once (10,000). 1 is sent as JSON, more as NDJSON.
    pub batch: u64,
    /// When requests are sent.
    pub pace: Pace,
    /// When the run ends.
    pub end: End,
    /// What events are generated from. A seed must not be used twice on one ledger: ids that sources give come from it,
    /// and the server refuses them as conflicts.
    pub seed: u64,
}

impl Load {
    /// Puts the load on the server, on this thread, and returns when the last answer is there.
    pub fn run(&self) -> Result<Outcome, Error> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        runtime.block_on(self.run_on_this_runtime())
    }

    async fn run_on_this_runtime(&self) -> Result<Outcome, Error> {
        let head = Head::new(&self.target, &self.token, content_type(self.batch)).ok_or(Error::Head)?;
        // Bodies first: while they are generated, a server might close connections that say nothing.
        let supply = Supply::ready(self.seed, self.batch, self.end).await?;
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(Connection::open(head.clone()).await.map_err(Error::Connect)?);
        }
        let schedule = Schedule::new(self.pace, self.end, self.batch);
        let run = Arc::new(Run {
            source: Mutex::new(Source { schedule, supply }),
            tally: std::sync::Mutex::new(Tally::new()),
            start: Instant::now(),
        });
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn(run.clone().take_turns(connection));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(Error::Task)?;
        }
        let taken = run.start.elapsed();
        let mut tally = std::mem::replace(&mut *run.tally(), Tally::new());
        for (waited, events) in run.source.lock().await.schedule.overdue() {
            tally.count_overdue(waited, events);
        }
        Ok(Outcome::of(tally, self.seed, taken, self.pace.events_per_second()))
    }
}

impl Pace {
    fn events_per_second(self) -> Option<f64> {
        match self {
            Self::Closed => None,
            Self::Open { events_per_second } => Some(events_per_second),
        }
    }
}

/// What the connections of a run have in common.
struct Run {
    source: Mutex<Source>,
    tally: std::sync::Mutex<Tally>,
    start: Instant,
}

/// Turns and bodies go together: the last turn of a run is a smaller one, and so is its body.
struct Source {
    schedule: Schedule,
    supply: Supply,
}

impl Run {
    async fn take_turns(self: Arc<Self>, mut connection: Connection) {
        while let Some((turn, body)) = self.next().await {
            // Even a timer that is due already waits for the next millisecond: what is due is not made to wait for one.
            if self.start.elapsed() < turn.due {
                tokio::time::sleep_until(self.start + turn.due).await;
            }
            let sent = self.start.elapsed();
            let answered = connection.exchange(body).await;
            let request =
                Request { events: turn.events, due: turn.due, sent, answered: self.start.elapsed() };
            self.tally().count(
                &request,
                answered.as_ref().map(|(status, body)| (*status, &**body)).map_err(|lost| *lost),
            );
            if answered == Err(Lost::Unconnected) {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }

    /// The next turn with its body; `None` when the run is over for this connection.
    async fn next(&self) -> Option<(Turn, Bytes)> {
        let mut source = self.source.lock().await;
        let turn = source.schedule.next(self.start.elapsed())?;
        Some((turn, source.supply.next().await?))
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

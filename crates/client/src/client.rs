//! The client: what a service holds on to.

mod sending;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use event::{Limits, Stream};
use reqwest::header::HeaderValue;
use serde::Serialize;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::answer::{self, Appended, SpooledAt, Submitted};
use crate::builder::Builder;
use crate::error::{ConfigurationError, Error, Refusal, SpoolError};
use crate::operation::{Begun, Completed, Completion, OperationId};
use crate::prepared::{self, PreparedEvent};
use crate::spool::{Spool, SpoolDirectory, SpoolStatus};
use crate::traceparent;
use crate::transport::{JSON, NDJSON, Request, Transport};

/// A client of one ledger. Cloning it is cheap, and clones work together: one pool of connections, one spool.
///
/// Calls that go over the network try again for as long as the deadline allows; see [`Error`] for what is left to the
/// caller. A call whose future is dropped may have been carried out.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
    traceparent: Option<HeaderValue>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) transport: Transport,
    pub(crate) deadline: Duration,
    pub(crate) limits: Limits,
    pub(crate) spool: Option<Spool>,
    pub(crate) draining: Mutex<Option<JoinHandle<()>>>,
}

/// What is in the spool stays there for the next process.
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(draining) = self.draining.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            draining.abort();
        }
    }
}

impl Client {
    /// Begins a client of the server at `url`, with a token of the role writer.
    pub fn builder(url: impl Into<String>, token: impl Into<String>) -> Builder {
        Builder::new(url.into(), token.into())
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), traceparent: None }
    }

    /// The same client, whose requests carry this `traceparent` (W3C Trace Context). Events that go through the spool
    /// leave without it: give those a `trace_id`.
    pub fn with_traceparent(&self, traceparent: &str) -> Result<Self, ConfigurationError> {
        traceparent::check(traceparent)?;
        let value = HeaderValue::from_str(traceparent)
            .map_err(|error| ConfigurationError::caused("this traceparent is no header", error))?;
        Ok(Self { inner: self.inner.clone(), traceparent: Some(value) })
    }

    /// Appends one event: an [`Event`](crate::Event), a [`PreparedEvent`], or anything that serialises as one.
    ///
    /// With a spool, an event that the server could not take before the deadline is spooled, and the answer says so. One
    /// that the server takes may come before older ones that are still in the spool.
    pub async fn append<E: Serialize + ?Sized>(&self, event: &E) -> Result<Appended, Error> {
        let event = PreparedEvent::of(event, prepared::now())?;
        let mut appended = self.append_prepared(vec![event]).await?;
        appended.pop().ok_or_else(|| unreachable!("there is an answer for each event"))
    }

    /// Appends events in one request, all or nothing, and answers in their order. The server's limits hold: by default
    /// 10,000 events and 16 MiB.
    ///
    /// When they are spooled instead, they need not stay one request, and one that is refused later is set aside alone.
    pub async fn append_all<E: Serialize>(&self, events: &[E]) -> Result<Vec<Appended>, Error> {
        let now = prepared::now();
        let events = events
            .iter()
            .enumerate()
            .map(|(position, event)| PreparedEvent::of(event, now).map_err(|refusal| refusal.at(position)));
        self.append_prepared(events.collect::<Result<_, Refusal>>()?).await
    }

    /// Validates an event, syncs it to the spool and answers. It goes to the server in the background.
    pub async fn submit<E: Serialize + ?Sized>(&self, event: &E) -> Result<Submitted, Error> {
        let spool = self.spool()?;
        let now = prepared::now();
        let event = PreparedEvent::of(event, now)?;
        let stream = event.validate(0, &self.inner.limits, now)?;
        spool.write(&[(stream, &event)]).await?;
        Ok(Submitted { event_id: event.event_id().to_owned() })
    }

    /// Begins an operation with an event that has no `outcome` yet. Once this returns it cannot get lost: it is
    /// completed, or it enters the ledger with the outcome `unknown` when its time is up.
    ///
    /// Operations are never spooled: work that must not go unrecorded must not start while nobody can record it.
    pub async fn begin_operation<E: Serialize + ?Sized>(&self, event: &E) -> Result<Begun, Error> {
        let event = PreparedEvent::of(event, prepared::now())?;
        let body = Bytes::copy_from_slice(event.json().as_bytes());
        let request = self.request("/v1/operations".to_owned(), JSON, body);
        let read = |body: &[u8]| serde_json::from_slice::<Begun>(body).ok();
        let span = tracing::info_span!("strongroom.begin_operation", event_id = event.event_id());
        self.send(&request, std::slice::from_ref(&event), read).instrument(span).await
    }

    /// Completes an operation. The same completion may be sent again; it happens once.
    pub async fn complete_operation(
        &self,
        operation_id: &OperationId,
        completion: &Completion,
    ) -> Result<Completed, Error> {
        let body = serde_json::to_vec(completion)
            .map_err(|error| ConfigurationError::caused("the completion cannot be written as JSON", error))?;
        let path = format!("/v1/operations/{}/complete", operation_id.in_path());
        let request = self.request(path, JSON, Bytes::from(body));
        let span = tracing::info_span!("strongroom.complete_operation", operation_id = operation_id.as_str());
        self.send(&request, &[], Completed::read).instrument(span).await
    }

    /// Waits until everything that is in the spool now has been acknowledged, or refused and set aside.
    pub async fn flush(&self, deadline: Duration) -> Result<(), Error> {
        let Some(spool) = &self.inner.spool else { return Ok(()) };
        flush(spool.directory(), deadline).await
    }

    /// Takes nothing more into the spool, flushes it until the deadline, and gives its directory free. What is left is
    /// still there, and an error says how much. Without a spool nothing happens. Dropping the client instead loses
    /// nothing either.
    pub async fn close(&self, deadline: Duration) -> Result<(), Error> {
        let Some(spool) = &self.inner.spool else { return Ok(()) };
        let inner = self.inner.clone();
        let finished = tokio::task::spawn_blocking(move || {
            if let Some(spool) = &inner.spool {
                spool.finish_writing();
            }
        });
        if let Err(stopped) = finished.await {
            tracing::error!(error = &stopped as &dyn std::error::Error, "the spool was not finished");
        }
        let flushed = flush(spool.directory(), deadline).await;
        let draining = self.inner.draining.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(draining) = draining {
            draining.abort();
            // Its end, not its result: it was told to stop.
            let _ = draining.await;
        }
        spool.directory().unlock();
        flushed
    }

    /// The state of the spool.
    pub async fn spool_status(&self) -> Result<SpoolStatus, Error> {
        let directory = self.spool()?.directory().clone();
        match tokio::task::spawn_blocking(move || directory.status()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(SpoolError::Closed.into()),
        }
    }

    async fn append_prepared(&self, events: Vec<PreparedEvent>) -> Result<Vec<Appended>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        // Whatever could not be spooled later is refused now.
        let streams = match &self.inner.spool {
            Some(_) => validate(&events, &self.inner.limits)?,
            None => Vec::new(),
        };
        let request = self.request("/v1/events".to_owned(), NDJSON, Bytes::from(lines(&events)));
        let read = |body: &[u8]| answer::appended(body, &events);
        let span = tracing::info_span!("strongroom.append", events = events.len());
        let sent = self.send(&request, &events, read).instrument(span).await;
        match (sent, &self.inner.spool) {
            (Err(Error::Unavailable(unavailable)), Some(spool)) => {
                tracing::warn!(events = events.len(), reason = unavailable.reason, "events go to the spool");
                if let Err(spool) = spool.write(&streams.into_iter().zip(&events).collect::<Vec<_>>()).await {
                    return Err(Error::NotSpooled { spool, unavailable });
                }
                Ok(events.iter().map(|event| answer::spooled(event, SpooledAt::Client)).collect())
            }
            (sent, _) => sent,
        }
    }

    fn spool(&self) -> Result<&Spool, SpoolError> {
        self.inner.spool.as_ref().ok_or(SpoolError::Absent)
    }

    fn request(&self, path: String, content_type: &'static str, body: Bytes) -> Request {
        Request { path, content_type, body, traceparent: self.traceparent.clone() }
    }
}

fn validate(events: &[PreparedEvent], limits: &Limits) -> Result<Vec<Stream>, Refusal> {
    let now = prepared::now();
    events.iter().enumerate().map(|(position, event)| event.validate(position, limits, now)).collect()
}

fn lines(events: &[PreparedEvent]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(events.iter().map(|event| event.json().len() + 1).sum());
    for event in events {
        lines.extend_from_slice(event.json().as_bytes());
        lines.push(b'\n');
    }
    lines
}

async fn flush(directory: &Arc<SpoolDirectory>, deadline: Duration) -> Result<(), Error> {
    let mut tally = directory.tally();
    let target = tally.borrow().clone();
    directory.hurry.notify_one();
    let drained = tokio::time::timeout(deadline, tally.wait_for(|tally| tally.is_past(&target))).await;
    if matches!(drained, Ok(Ok(_))) {
        return Ok(());
    }
    let tally = directory.tally();
    let tally = tally.borrow();
    Err(Error::Pending { events: tally.pending_events(), reason: tally.last_error.clone() })
}

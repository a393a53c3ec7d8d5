//! `POST /v1/events`: takes a batch in, all or nothing.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use event::{Event, Limits, Timestamp, Violation};
use tokio::sync::OwnedSemaphorePermit;

use crate::access::Caller;
use crate::answer::{Answer, json};
use crate::batch::{self, Format};
use crate::body::{self, BodyRoom, Bounded};
use crate::encoding::Coding;
use crate::failure::{DETAILS_MAX, Failure};
use crate::query;
use crate::routes::App;
use crate::traceparent;

/// Bodies larger than this are parsed beside the threads that answer requests: parsing one takes milliseconds.
const PARSED_INLINE_BYTES_MAX: usize = 64 << 10;

pub(crate) async fn append(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    query::refuse_unknown(&query::pairs(&parts.uri)?, "")?;
    let format = Format::of(&parts.headers)?;
    let coding = Coding::of(&parts.headers)?;
    let limits = *app.engine.ledger().limits();
    let body = body::read(&parts.headers, body, limits.batch_bytes_max, &app.body_room).await?;
    let sent = Sent { body, coding, format, limits, now: app.engine.ledger().now() };
    // The events take the body's place in memory, so they keep its room until they are durable.
    let (mut events, _room) = parse(sent, app.body_room).await?;
    check_tenant(&caller, &events)?;
    if let Some(trace_id) = traceparent::trace_id(&parts.headers) {
        for event in &mut events {
            event.default_trace_id(trace_id);
        }
    }
    let appended = app.engine.append(events).await?;
    json(StatusCode::CREATED, &appended)
}

/// A batch as it arrived, and what it is to be held against.
struct Sent {
    body: Bounded,
    coding: Coding,
    format: Format,
    limits: Limits,
    now: Timestamp,
}

impl Sent {
    fn parse(self, room: &BodyRoom) -> Result<(Vec<Event>, Option<OwnedSemaphorePermit>), Failure> {
        let decoded = self.coding.decode(self.body, self.limits.batch_bytes_max, room)?;
        let events = batch::parse(&decoded.bytes, self.format, &self.limits, self.now)?;
        Ok((events, decoded.room))
    }
}

async fn parse(sent: Sent, room: BodyRoom) -> Result<(Vec<Event>, Option<OwnedSemaphorePermit>), Failure> {
    // How much comes out of a small body that is compressed is not known before.
    if sent.coding == Coding::Identity && sent.body.bytes.len() <= PARSED_INLINE_BYTES_MAX {
        return sent.parse(&room);
    }
    // What a body becomes while it is read may be many times its size, so as many are read at a time as there are cores.
    let turn = room.turn().await?;
    let parsing = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        sent.parse(&room)
    });
    match parsing.await {
        Ok(parsed) => parsed,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Failure::overloaded("the server is stopping; nothing was stored")),
        },
    }
}

/// A writer that is bound to a tenant writes that tenant only.
pub(crate) fn check_tenant(caller: &Caller, events: &[Event]) -> Result<(), Failure> {
    let Some(tenant) = caller.tenant() else { return Ok(()) };
    let violations: Vec<Violation> = events
        .iter()
        .enumerate()
        .filter(|(_, event)| event.tenant() != tenant)
        .map(|(position, _)| {
            let message = format!("the token is bound to the tenant {tenant}");
            Violation::new("tenant", "tenant_forbidden", message).at(position)
        })
        .take(DETAILS_MAX)
        .collect();
    if violations.is_empty() {
        return Ok(());
    }
    let message = format!("the token writes the tenant {tenant} only; nothing was stored");
    Err(Failure::forbidden("tenant_forbidden", message).detailed(violations))
}

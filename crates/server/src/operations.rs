//! `POST /v1/operations` and `POST /v1/operations/{id}/complete`: events in two steps.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use event::{Completion, Operation};

use crate::access::Caller;
use crate::answer::{Answer, json};
use crate::batch::{self, Format};
use crate::body::{self, Bounded};
use crate::encoding;
use crate::events::check_tenant;
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

pub(crate) async fn begin(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    // Whatever the body's place in memory becomes keeps its room until it is durable.
    let body = read(&app, request).await?;
    let ledger = app.engine.ledger();
    let operation = Operation::begin(&body.bytes, ledger.limits(), ledger.now())
        .map_err(|violations| batch::refused("the operation is refused; nothing was stored", violations))?;
    check_tenant(&caller, std::slice::from_ref(operation.event()))?;
    json(StatusCode::CREATED, &app.engine.begin_operation(operation).await?)
}

pub(crate) async fn complete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let Path(id) = id.map_err(|_| Failure::malformed("the path is not percent-encoded UTF-8"))?;
    let body = read(&app, request).await?;
    let completion = Completion::parse(&body.bytes, app.engine.ledger().limits())
        .map_err(|violations| batch::refused("the completion is refused; nothing was stored", violations))?;
    let completed = app.engine.complete_operation(&id, caller.tenant(), &completion).await?;
    json(StatusCode::OK, &completed)
}

/// A body of one JSON object, of at most the size of an event.
async fn read(app: &App, request: Request) -> Result<Bounded, Failure> {
    let (parts, body) = request.into_parts();
    query::refuse_unknown(&query::pairs(&parts.uri)?, "")?;
    check_json(&parts.headers)?;
    encoding::refuse_encoded(&parts.headers)?;
    body::read(&parts.headers, body, app.engine.ledger().limits().event_bytes_max, &app.body_room).await
}

fn check_json(headers: &HeaderMap) -> Result<(), Failure> {
    if matches!(Format::of(headers), Ok(Format::Json)) {
        return Ok(());
    }
    let message = "send application/json: a step of an operation is one object";
    Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unsupported", message))
}

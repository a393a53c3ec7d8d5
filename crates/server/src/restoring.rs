//! `POST /v1/audit/archives/{batch}/restore`: a batch becomes hot again for some days.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use engine::{NoProgress, RestoreRun, RestoreTarget};
use event::{HotDays, Violation, rule};
use serde::Deserialize;

use crate::access::Caller;
use crate::answer::{Answer, json};
use crate::batch::Format;
use crate::body;
use crate::encoding;
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

/// Bytes of the body; it has one member.
const REQUEST_BYTES_MAX: usize = 1 << 10;
/// Days where none are asked for.
const DAYS: i64 = 7;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    days: Option<i64>,
}

pub(crate) async fn restore(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    batch: Result<Path<String>, PathRejection>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    query::refuse_unknown(&query::pairs(&parts.uri)?, "")?;
    let Path(batch) = batch.map_err(|_| Failure::malformed("the path is not percent-encoded UTF-8"))?;
    encoding::refuse_encoded(&parts.headers)?;
    let body = body::read(&parts.headers, body, REQUEST_BYTES_MAX, &app.body_room).await?;
    let days = if body.bytes.is_empty() {
        DAYS
    } else if Format::of(&parts.headers)? == Format::Json {
        asked_days(&body.bytes)?
    } else {
        let message = "send application/json: one object, or nothing";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unsupported", message));
    };
    let days = HotDays::new(days).map_err(|error| refused("days", error.to_string()))?;
    let run = RestoreRun { target: RestoreTarget::Batch(batch), days };
    // On the heap: its state is many times what every other request needs.
    let report = Box::pin(app.engine.restore(&run, &caller.actor(), &NoProgress)).await?;
    json(StatusCode::OK, &report)
}

fn asked_days(body: &[u8]) -> Result<i64, Failure> {
    match serde_json::from_slice::<Wanted>(body) {
        Ok(wanted) => Ok(wanted.days.unwrap_or(DAYS)),
        Err(error) if error.is_data() => {
            Err(refused("", "must be an object with a whole number of days, or nothing".to_owned()))
        }
        Err(error) => Err(Failure::malformed(format!("the body {}", event::malformed(body, &error).message))),
    }
}

/// 422, with what is wrong.
fn refused(member: &'static str, message: String) -> Failure {
    Failure::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "restore_invalid",
        "this cannot be restored; nothing was done",
    )
    .detailed(vec![Violation::new(member, rule::TYPE, message)])
}

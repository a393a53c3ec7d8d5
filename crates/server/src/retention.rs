//! `/v1/audit/retention`: what is kept hot, what was done about the rest, and stopping all of it.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use engine::{ErrorKind, Freeze};
use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::answer::{Answer, json};
use crate::failure::Failure;
use crate::json_body;
use crate::query;
use crate::routes::App;

/// Bytes of a request to freeze or thaw; its reason has at most 1,024.
const REQUEST_BYTES_MAX: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

#[derive(Serialize)]
struct Frozen {
    frozen: Option<Freeze>,
}

pub(crate) async fn show(State(app): State<App>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    json(StatusCode::OK, &app.engine.retention_status().await?)
}

pub(crate) async fn freeze(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    let reason = reason(request, &app).await?;
    let freeze = app.engine.freeze(&reason, &caller.actor()).await.map_err(refused)?;
    json(StatusCode::OK, &Frozen { frozen: Some(freeze) })
}

pub(crate) async fn thaw(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    let reason = reason(request, &app).await?;
    app.engine.thaw(&reason, &caller.actor()).await.map_err(refused)?;
    json(StatusCode::OK, &Frozen { frozen: None })
}

async fn reason(request: Request, app: &App) -> Result<String, Failure> {
    let body = json_body::read(request, REQUEST_BYTES_MAX, app).await?;
    let Reason { reason } = json_body::members(&body, "retention_invalid")?;
    Ok(reason)
}

fn refused(error: engine::Error) -> Failure {
    match error.kind() {
        ErrorKind::Invalid => json_body::invalid("retention_invalid", error.violations().to_vec()),
        _ => error.into(),
    }
}

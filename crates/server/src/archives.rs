//! `/v1/audit/archives`: the batches of the archive; `POST /v1/audit/archive/run`: archive now.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use engine::{ArchiveRun, BatchSummary, ErrorKind, NoProgress, Window};
use event::{HotDays, Timestamp, Violation, rule};
use serde::{Deserialize, Serialize};

use crate::access::Caller;
use crate::answer::{Answer, json};
use crate::failure::Failure;
use crate::json_body;
use crate::query;
use crate::routes::App;

/// Bytes of a request for a run; its members have a few hundred.
const REQUEST_BYTES_MAX: usize = 16 << 10;
const INVALID: &str = "archive_run_invalid";

#[derive(Serialize)]
struct Archives {
    batches: Vec<BatchSummary>,
}

pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let batches = app.engine.ledger().batches().await?;
    json(StatusCode::OK, &Archives { batches })
}

pub(crate) async fn show(
    State(app): State<App>,
    batch: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let Path(batch) = batch.map_err(|_| Failure::malformed("the path is not percent-encoded UTF-8"))?;
    let found = app.engine.ledger().batch(&batch).await?;
    json(StatusCode::OK, &found.ok_or_else(|| Failure::not_found("there is no such batch"))?)
}

/// What a run is asked to do.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    dry_run: bool,
    hot_days: Option<i64>,
    before: Option<String>,
    limit: Option<u64>,
}

pub(crate) async fn run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Answer {
    let body = json_body::read(request, REQUEST_BYTES_MAX, &app).await?;
    let wanted: Wanted = json_body::members(&body, INVALID)?;
    let run = ArchiveRun {
        window: window(&wanted)?,
        limit: limit(&wanted)?,
        dry_run: wanted.dry_run,
        forced: true,
    };
    let (engine, actor) = (app.engine.clone(), caller.actor());
    // A task of its own: a caller that hangs up does not stop a run half way.
    let ran = tokio::spawn(async move { engine.archive_run(&run, &actor, &NoProgress).await }).await;
    let report = ran
        .map_err(|error| {
            engine::Error::with_source(ErrorKind::Internal, "the archive run was interrupted", error)
        })?
        .map_err(refused)?;
    json(StatusCode::OK, &report)
}

fn window(wanted: &Wanted) -> Result<Window, Failure> {
    let refuse = |member: &str, rule, message: String| {
        json_body::invalid(INVALID, vec![Violation::new(member, rule, message)])
    };
    match (wanted.hot_days, &wanted.before) {
        (None, None) => Ok(Window::Policy),
        (Some(days), None) => HotDays::new(days)
            .map(Window::HotDays)
            .map_err(|error| refuse("hot_days", rule::INTEGER_RANGE, error.to_string())),
        (None, Some(text)) => Timestamp::parse_rfc3339(text)
            .map(Window::Before)
            .map_err(|error| refuse("before", rule::FORMAT, error.to_string())),
        (Some(_), Some(_)) => {
            Err(refuse("before", rule::CHOICE, "goes not with hot_days: give one of them".to_owned()))
        }
    }
}

fn limit(wanted: &Wanted) -> Result<Option<u64>, Failure> {
    match wanted.limit {
        Some(0) => {
            let violation = Violation::new("limit", rule::INTEGER_RANGE, "must be at least 1");
            Err(json_body::invalid(INVALID, vec![violation]))
        }
        limit => Ok(limit),
    }
}

fn refused(error: engine::Error) -> Failure {
    match error.kind() {
        ErrorKind::Conflict => Failure::new(StatusCode::CONFLICT, "archive_running", error.to_string()),
        ErrorKind::Refused => Failure::forbidden("retention_frozen", error.to_string()),
        ErrorKind::Invalid => {
            let violation = Violation::new("before", rule::RANGE, error.to_string());
            json_body::invalid(INVALID, vec![violation])
        }
        _ => error.into(),
    }
}

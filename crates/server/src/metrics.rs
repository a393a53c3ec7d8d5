//! `GET /metrics`: the server's numbers as `OpenMetrics` text, which Prometheus reads.
//!
//! Every label has a fixed set of values: methods and route templates of the table, classes of status, codes of
//! failures. None is a tenant, an actor, a path or anything else that a caller chooses.

mod exposition;
mod machine;
mod slow;
mod traffic;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

pub(crate) use slow::Slow;
pub(crate) use traffic::{RouteLabels, Traffic};

/// <https://prometheus.io/docs/specs/om/open_metrics_spec/>, section "Content type".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) async fn show(State(app): State<App>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let slow = app.watch.slow.read(&app).await;
    let text = exposition::write(&app, slow).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the metrics could not be written");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics could not be written")
    })?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

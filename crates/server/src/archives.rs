//! `GET /v1/audit/archives`: the batches of the archive.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use engine::BatchSummary;
use serde::Serialize;

use crate::answer::{Answer, json};
use crate::query;
use crate::routes::App;

pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Answer {
    query::refuse_unknown(&query::pairs(&uri)?, "")?;
    let batches = app.engine.ledger().batches().await?;
    json(StatusCode::OK, &Archives { batches })
}

#[derive(Serialize)]
struct Archives {
    batches: Vec<BatchSummary>,
}

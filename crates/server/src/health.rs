//! `GET /healthz`: the process is there and answers.

use axum::http::StatusCode;
use axum::response::Response;

use crate::answer::json_text;

pub(crate) async fn health() -> Response {
    json_text(StatusCode::OK, "{\"ok\":true}")
}

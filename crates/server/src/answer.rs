//! Successful answers: JSON that is already text.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::failure::Failure;

/// What every handler answers.
pub(crate) type Answer = Result<Response, Failure>;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer whose body is this JSON text, byte for byte.
pub(crate) fn json_text(status: StatusCode, text: impl Into<axum::body::Body>) -> Response {
    (status, [(CONTENT_TYPE, JSON)], text.into()).into_response()
}

/// An answer whose body is this value in compact JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let text = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "an answer could not be written as JSON");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be written")
    })?;
    Ok(json_text(status, text))
}

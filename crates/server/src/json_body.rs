//! Small requests: one JSON object of a few members.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use event::{Violation, rule};
use serde::de::DeserializeOwned;

use crate::batch::Format;
use crate::body;
use crate::encoding;
use crate::failure::Failure;
use crate::query;
use crate::routes::App;

/// Reads the one object of a request without a query: its bytes, at most `bytes_max` and not compressed.
pub(crate) async fn read(request: Request, bytes_max: usize, app: &App) -> Result<Bytes, Failure> {
    let (parts, body) = request.into_parts();
    query::refuse_unknown(&query::pairs(&parts.uri)?, "")?;
    if Format::of(&parts.headers)? != Format::Json {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content_type_unsupported",
            "send application/json: one object",
        ));
    }
    encoding::refuse_encoded(&parts.headers)?;
    Ok(body::read(&parts.headers, body, bytes_max, &app.body_room).await?.bytes)
}

/// The members of an object; what is wrong with them is a 422 with the given code.
pub(crate) fn members<T: DeserializeOwned>(bytes: &[u8], code: &'static str) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        if !error.is_data() {
            return Failure::malformed(format!("the body {}", event::malformed(bytes, &error).message));
        }
        invalid(code, vec![Violation::new("", rule::TYPE, error.to_string())])
    })
}

/// 422, with what is wrong by member.
pub(crate) fn invalid(code: &'static str, violations: Vec<Violation>) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, code, "the request is not valid; nothing was done")
        .detailed(violations)
}

//! What a caller is told when a request fails.

use std::error::Error as StdError;
use std::sync::Arc;

use axum::http::header::{ACCEPT_ENCODING, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::ErrorKind;
use event::Violation;
use serde::Serialize;

/// Violations listed in one answer; what goes beyond is left out. Each is a few hundred bytes.
pub(crate) const DETAILS_MAX: usize = 1_000;

/// Seconds after which a queue that was full is likely to have room.
const RETRY_SOON_SECONDS: u16 = 1;

/// Seconds after which a store that could not be used may be back.
const RETRY_LATER_SECONDS: u16 = 5;

/// A failed request: what the caller may know, and apart from it what only the log may.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Vec<Violation>,
    retry_after_seconds: Option<u16>,
    accepted: Option<Accepted>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What would have been accepted, where the status has a header for it.
#[derive(Clone, Copy, Debug)]
enum Accepted {
    /// Credentials as this challenge asks for them.
    Credentials(&'static str),
    /// A body in one of these codings.
    Codings(&'static str),
}

impl Accepted {
    fn header(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Credentials(challenge) => (WWW_AUTHENTICATE, HeaderValue::from_static(challenge)),
            Self::Codings(codings) => (ACCEPT_ENCODING, HeaderValue::from_static(codings)),
        }
    }
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            retry_after_seconds: None,
            accepted: None,
            cause: None,
        }
    }

    /// 400: what cannot even be read.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// 400: a query with an unknown name or an impossible value.
    pub(crate) fn query(violations: Vec<Violation>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "query_invalid", "the query is not valid").detailed(violations)
    }

    /// 403.
    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404. Also for what the caller may not know about.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 413.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 415, with the `Accept-Encoding` of RFC 9110, section 12.5.3, that tells it from a wrong media type.
    pub(crate) fn encoded(accepted: &'static str, message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding_unsupported", message);
        Self { accepted: Some(Accepted::Codings(accepted)), ..failure }
    }

    /// 503 with the advice to come back soon: nothing was stored.
    pub(crate) fn overloaded(message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        Self { retry_after_seconds: Some(RETRY_SOON_SECONDS), ..failure }
    }

    /// 401, with the `WWW-Authenticate` challenge of RFC 6750.
    pub(crate) fn unauthenticated(challenge: &'static str, message: impl Into<String>) -> Self {
        let failure = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message);
        Self { accepted: Some(Accepted::Credentials(challenge)), ..failure }
    }

    /// The same with details, at most [`DETAILS_MAX`] of them.
    pub(crate) fn detailed(mut self, mut details: Vec<Violation>) -> Self {
        details.truncate(DETAILS_MAX);
        self.details = details;
        self
    }

    /// The code that clients branch on: one of a fixed set.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The body, as every failure has it.
    pub(crate) fn to_json(&self, request_id: &str) -> String {
        let error = Shown { code: self.code, message: &self.message, request_id, details: &self.details };
        serde_json::to_string(&Body { error })
            .unwrap_or_else(|error| unreachable!("texts and numbers are always JSON: {error}"))
    }

    /// Writes what the caller is not told. A fault of ours is an error; what a caller did is for who looks closely.
    pub(crate) fn log(&self, request_id: &str) {
        let cause = self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static));
        let (code, told) = (self.code, &self.message);
        if self.status.is_server_error() {
            tracing::error!(request_id, code, told, error = cause, "request failed");
        } else {
            // What is wrong with a request may name parts of it, and its sender was told.
            tracing::debug!(request_id, code, "request refused");
        }
    }
}

#[derive(Serialize)]
struct Body<'f> {
    error: Shown<'f>,
}

#[derive(Serialize)]
struct Shown<'f> {
    code: &'static str,
    message: &'f str,
    request_id: &'f str,
    details: &'f [Violation],
}

/// The body is written when the request's id is at hand: see `trace`.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = self.accepted.map(Accepted::header) {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        let (status, code, retry_after_seconds) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "event_invalid", None),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", None),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found", None),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict", None),
            ErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", None),
            ErrorKind::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded", Some(RETRY_SOON_SECONDS))
            }
            ErrorKind::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full", None),
            ErrorKind::OutcomeUnknown => {
                (StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown", Some(RETRY_LATER_SECONDS))
            }
            ErrorKind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", Some(RETRY_LATER_SECONDS))
            }
            ErrorKind::Refused => (StatusCode::FORBIDDEN, "refused", None),
            // Waiting does not help, so nobody is told to come back.
            ErrorKind::Truncated => (StatusCode::SERVICE_UNAVAILABLE, "log_truncated", None),
            ErrorKind::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, "ledger_damaged", None),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", None),
        };
        let message = match error.kind() {
            // What exactly is damaged or broken is for the operator, who finds it by the request's id.
            ErrorKind::Corrupt => "the ledger is damaged: the operator has to run verify".to_owned(),
            ErrorKind::Internal => {
                "the server failed: the operator finds the request's id in the log".to_owned()
            }
            _ => error.to_string(),
        };
        let failure = Self::new(status, code, message).detailed(error.violations().to_vec());
        Self { retry_after_seconds, cause: Some(Arc::new(error)), ..failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn answers(kind: ErrorKind, status: u16, code: &str, retry_after: Option<&str>) {
        let failure = Failure::from(engine::Error::new(kind, "the message"));
        let json: serde_json::Value = serde_json::from_str(&failure.to_json("the id")).unwrap();
        let response = failure.into_response();
        assert_eq!(response.status().as_u16(), status, "{kind:?}");
        assert_eq!(json["error"]["code"], code, "{kind:?}");
        assert_eq!(json["error"]["request_id"], "the id");
        let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(header, retry_after, "{kind:?}");
    }

    #[test]
    fn every_kind_of_error_has_its_status() {
        answers(ErrorKind::Invalid, 422, "event_invalid", None);
        answers(ErrorKind::Forbidden, 403, "forbidden", None);
        answers(ErrorKind::NotFound, 404, "not_found", None);
        answers(ErrorKind::Conflict, 409, "conflict", None);
        answers(ErrorKind::TooLarge, 413, "too_large", None);
        answers(ErrorKind::Overloaded, 503, "overloaded", Some("1"));
        answers(ErrorKind::DiskFull, 507, "disk_full", None);
        answers(ErrorKind::OutcomeUnknown, 503, "outcome_unknown", Some("5"));
        answers(ErrorKind::Unavailable, 503, "unavailable", Some("5"));
        answers(ErrorKind::Refused, 403, "refused", None);
        answers(ErrorKind::Truncated, 503, "log_truncated", None);
        answers(ErrorKind::Corrupt, 500, "ledger_damaged", None);
        answers(ErrorKind::Internal, 500, "internal", None);
    }

    #[test]
    fn what_is_broken_inside_is_not_told_to_the_caller() {
        for kind in [ErrorKind::Corrupt, ErrorKind::Internal, ErrorKind::Unavailable] {
            let error = engine::Error::with_source(kind, "outer", std::io::Error::other("/secret/path"));
            let failure = Failure::from(error);
            assert!(!failure.to_json("1").contains("/secret"), "{kind:?}");
        }
    }

    #[test]
    fn the_members_of_a_body_are_in_the_documented_order() {
        let violation = Violation::new("a", "b", "c").at(2);
        assert_eq!(
            Failure::malformed("x").detailed(vec![violation]).to_json("1"),
            r#"{"error":{"code":"malformed","message":"x","request_id":"1","details":[{"position":2,"member":"a","rule":"b","message":"c"}]}}"#
        );
    }

    #[test]
    fn details_are_bounded() {
        let many = vec![Violation::new("a", "b", "c"); DETAILS_MAX + 1];
        assert_eq!(Failure::malformed("x").detailed(many).details.len(), DETAILS_MAX);
    }
}

//! What every request gets, whatever becomes of it: an id, the shape of its failure, headers and a line in the log.

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use uuid::Uuid;

use crate::answer::JSON;
use crate::failure::Failure;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts a router inside everything that holds for all requests, also those that no route takes.
pub(crate) fn around(router: Router) -> Router {
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(trace))
}

/// The outermost layer.
async fn trace(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // Without the query: it names people.
    let path = request.uri().path().to_owned();
    let request_id = Uuid::now_v7().to_string();

    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        failure.log(&request_id);
        *response.body_mut() = Body::from(failure.to_json(&request_id));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
    }
    let headers = response.headers_mut();
    // Evidence is nothing for caches between here and the caller.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    let duration_us = started.elapsed().as_micros() as u64;
    tracing::debug!(%request_id, %method, path, status, duration_us, "request answered");
    response
}

/// A handler that panics fails its own request and no other.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a request's handler panicked");
    let message = "the server failed: the operator finds the request's id in the log";
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).into_response()
}

async fn no_such_path(request: Request) -> Failure {
    Failure::not_found(format!("there is no {}", request.uri().path()))
}

async fn no_such_method(request: Request) -> Failure {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn broken() -> Response {
        panic!("a defect")
    }

    #[tokio::test]
    async fn a_handler_that_panics_fails_its_request_in_the_shape_of_every_failure() {
        let router = around(Router::new().route("/broken", get(broken)));
        let request = Request::get("/broken").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let request_id = response.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["request_id"], request_id);
        assert!(!body.to_string().contains("a defect"), "{body}");
    }
}

//! What every request gets, whatever becomes of it: an id, the shape of its failure, headers and a line in the log.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use uuid::Uuid;

use crate::answer::JSON;
use crate::failure::Failure;
use crate::metrics::RouteLabels;
use crate::watch::Watch;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken from a caller.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Puts a router inside everything that holds for all requests, also those that no route takes.
pub(crate) fn around(router: Router, watch: Arc<Watch>) -> Router {
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(watch, trace))
}

/// The outermost layer.
async fn trace(State(watch): State<Arc<Watch>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = RouteLabels::of(request.method(), template);
    let method = request.method().clone();
    // Without the query: it names people.
    let path = request.uri().path().to_owned();
    let request_id = given_id(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());

    let mut response = next.run(request).await;
    let failure = response.extensions_mut().remove::<Failure>();
    watch.traffic.answered(route, response.status(), failure.as_ref(), started.elapsed());
    if let Some(failure) = failure {
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

/// The id that a proxy or a caller gave the request, so that both sides find it by one name. Only what is harmless in a
/// header, a log line and JSON is taken.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(REQUEST_ID).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let id = value.to_str().ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    ((1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_plain)).then(|| id.to_owned())
}

/// A handler that panics fails its own request and no other.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    // A text that was put together while running may hold a part of an event.
    let text = payload.downcast_ref::<&'static str>().copied().unwrap_or_default();
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
    use crate::connections::Bounded;
    use crate::options::Options;

    fn watch() -> Arc<Watch> {
        Arc::new(Watch::new(&Options::default(), Bounded::new(1)))
    }

    async fn broken() -> Response {
        panic!("a defect")
    }

    #[tokio::test]
    async fn a_handler_that_panics_fails_its_request_in_the_shape_of_every_failure() {
        let router = around(Router::new().route("/broken", get(broken)), watch());
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

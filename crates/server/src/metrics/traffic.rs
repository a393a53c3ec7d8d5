//! Requests by route, and events that were refused by reason.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::failure::Failure;
use crate::routes::ROUTES;

/// Upper ends of the buckets of request latency, seconds.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What no route stands for.
const OTHER: &str = "other";

/// Where events are taken in.
const INGEST: (&str, &str) = ("POST", "/v1/events");

/// A route of the table: its method and its template, never the path that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RouteLabels {
    method: &'static str,
    route: &'static str,
}

impl RouteLabels {
    /// The route of this method and template; the same label for everything else.
    pub(crate) fn of(method: &Method, template: Option<&str>) -> Self {
        // The router answers HEAD by the handler of GET.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let found = ROUTES.iter().find(|route| route.method == method && Some(route.path) == template);
        match found {
            Some(route) => Self { method: route.method.as_str(), route: route.path },
            None => Self { method: OTHER, route: OTHER },
        }
    }

    fn takes_events(self) -> bool {
        (self.method, self.route) == INGEST
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    method: &'static str,
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

/// Counters of requests.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    requests: Family<AnswerLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refused: Family<CodeLabels, Counter>,
}

impl Default for Traffic {
    fn default() -> Self {
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        Self { requests: Family::default(), seconds, refused: Family::default() }
    }
}

impl Traffic {
    /// A request was answered.
    pub(crate) fn answered(
        &self,
        route: RouteLabels,
        status: StatusCode,
        failure: Option<&Failure>,
        took: Duration,
    ) {
        let RouteLabels { method, route: template } = route;
        let answer = AnswerLabels { method, route: template, status: class_of(status) };
        self.requests.get_or_create(&answer).inc();
        self.seconds.get_or_create(&route).observe(took.as_secs_f64());
        if let Some(failure) = failure.filter(|_| route.takes_events()) {
            self.refused.get_or_create(&CodeLabels { code: failure.code() }).inc();
        }
    }

    /// Puts the counters, which go on counting, where they are read from.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Requests answered, by route and class of status",
            self.requests.clone(),
        );
        registry.register("http_request_seconds", "Time to answer a request", self.seconds.clone());
        registry.register(
            "ingest_refused",
            "Requests to append that were refused, by the code of the failure",
            self.refused.clone(),
        );
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_template_of_the_table_or_other() {
        let labels = |method, template| RouteLabels::of(&method, template).route;
        assert_eq!(labels(Method::GET, Some("/v1/audit/entries/{seq}")), "/v1/audit/entries/{seq}");
        assert_eq!(labels(Method::HEAD, Some("/healthz")), "/healthz");
        assert_eq!(labels(Method::GET, Some("/v1/audit/entries/7")), OTHER);
        assert_eq!(labels(Method::DELETE, Some("/healthz")), OTHER);
        assert_eq!(labels(Method::GET, None), OTHER);
        assert!(RouteLabels::of(&Method::POST, Some("/v1/events")).takes_events());
    }
}

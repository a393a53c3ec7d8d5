//! Every route there is, and the router built from them.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use engine::{Engine, Role};
use tokio::sync::Mutex;

use crate::access::{self, Access};
use crate::body::BodyRoom;
use crate::bounds::Bounds;
use crate::watch::Watch;
use crate::{
    archives, entries, events, health, metrics, operations, readiness, restoring, retention, search, tokens,
    trace, verification,
};

/// Batches of the largest size that may be in memory at once, over all requests.
const BATCHES_IN_MEMORY_MAX: usize = 8;

/// One route: what it is for the router, and who may use it.
#[derive(Debug)]
pub struct Route {
    /// The method it takes.
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    handler: fn(MethodFilter) -> MethodRouter<App>,
}

const fn open(method: Method, path: &'static str, handler: fn(MethodFilter) -> MethodRouter<App>) -> Route {
    Route { method, path, access: Access::Open, handler }
}

const fn route(
    method: Method,
    path: &'static str,
    role: Role,
    handler: fn(MethodFilter) -> MethodRouter<App>,
) -> Route {
    Route { method, path, access: Access::Role(role), handler }
}

/// The table. What is not in it does not exist.
pub static ROUTES: &[Route] = &[
    open(Method::GET, "/healthz", |method| on(method, health::health)),
    open(Method::GET, "/readyz", |method| on(method, readiness::ready)),
    Route {
        method: Method::GET,
        path: "/metrics",
        access: Access::Metrics,
        handler: |method| on(method, metrics::show),
    },
    route(Method::POST, "/v1/events", Role::Writer, |method| on(method, events::append)),
    route(Method::POST, "/v1/operations", Role::Writer, |method| on(method, operations::begin)),
    route(Method::POST, "/v1/operations/{id}/complete", Role::Writer, |method| {
        on(method, operations::complete)
    }),
    route(Method::GET, "/v1/audit/events", Role::Auditor, |method| on(method, search::audit)),
    route(Method::GET, "/v1/audit/discovery", Role::Auditor, |method| on(method, search::discovery)),
    route(Method::GET, "/v1/audit/tools", Role::Auditor, |method| on(method, search::tool)),
    route(Method::GET, "/v1/audit/entries/{seq}", Role::Auditor, |method| on(method, entries::show)),
    route(Method::GET, "/v1/audit/verify", Role::Auditor, |method| on(method, verification::last)),
    route(Method::POST, "/v1/audit/verify", Role::Auditor, |method| on(method, verification::run)),
    route(Method::GET, "/v1/audit/archives", Role::Auditor, |method| on(method, archives::list)),
    route(Method::GET, "/v1/audit/archives/{batch}", Role::Auditor, |method| on(method, archives::show)),
    route(Method::POST, "/v1/audit/archive/run", Role::Admin, |method| on(method, archives::run)),
    route(Method::GET, "/v1/audit/retention", Role::Auditor, |method| on(method, retention::show)),
    route(Method::POST, "/v1/audit/retention/freeze", Role::Admin, |method| on(method, retention::freeze)),
    route(Method::POST, "/v1/audit/retention/thaw", Role::Admin, |method| on(method, retention::thaw)),
    route(Method::POST, "/v1/audit/archives/{batch}/restore", Role::Admin, |method| {
        on(method, restoring::restore)
    }),
    route(Method::GET, "/v1/tokens", Role::Admin, |method| on(method, tokens::list)),
    route(Method::POST, "/v1/tokens", Role::Admin, |method| on(method, tokens::create)),
    route(Method::DELETE, "/v1/tokens/{id}", Role::Admin, |method| on(method, tokens::revoke)),
];

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) engine: Engine,
    /// Room for request bodies in memory.
    pub(crate) body_room: BodyRoom,
    /// Held while a verification runs: one at a time is load enough.
    pub(crate) verifying: Arc<Mutex<()>>,
    pub(crate) watch: Arc<Watch>,
}

/// The router over [`ROUTES`].
pub(crate) fn router(engine: Engine, bounds: &Bounds, watch: Arc<Watch>) -> Router {
    let body_room = engine.ledger().limits().batch_bytes_max.saturating_mul(BATCHES_IN_MEMORY_MAX);
    let app = App {
        body_room: BodyRoom::new(body_room, bounds.body_arrival),
        verifying: Arc::default(),
        watch: watch.clone(),
        engine,
    };
    let mut router = Router::new();
    for route in ROUTES {
        let filter = MethodFilter::try_from(route.method.clone())
            .unwrap_or_else(|_| unreachable!("{} is no method a route can have", route.method));
        let handler = (route.handler)(filter);
        let guarded = match route.access {
            Access::Open => handler,
            Access::Metrics => {
                handler.route_layer(from_fn_with_state(app.clone(), access::authorize_metrics))
            }
            Access::Role(role) => {
                handler.route_layer(from_fn_with_state((app.clone(), role), access::authorize))
            }
        };
        router = router.route(route.path, guarded);
    }
    trace::around(router.with_state(app), watch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_only_the_listed_routes_are_open() {
        let open: Vec<_> =
            ROUTES.iter().filter(|route| route.access == Access::Open).map(|route| route.path).collect();
        assert_eq!(open, ["/healthz", "/readyz"]);
        let metrics = ROUTES.iter().filter(|route| route.access == Access::Metrics);
        assert_eq!(metrics.map(|route| route.path).collect::<Vec<_>>(), ["/metrics"]);
    }

    #[test]
    fn no_route_stands_twice() {
        for (at, route) in ROUTES.iter().enumerate() {
            let same = |other: &Route| other.path == route.path && other.method == route.method;
            assert!(!ROUTES[..at].iter().any(same), "{} {}", route.method, route.path);
        }
    }
}

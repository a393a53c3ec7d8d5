//! The ledger over HTTP/1.1, with TLS or without: routes, authentication, errors, readiness, metrics and graceful
//! shutdown.
//!
//! [`run`] serves an [`engine::Engine`] on a listener until it is told to stop. What there is to ask for stands in one
//! table, [`ROUTES`], which builds the router and says for each route who may use it. A request is answered in this
//! order: its route, its bearer token, the token's role, and only then its body, read up to the batch limit and never
//! beyond it.
//!
//! Deliberately absent: validation of events and filters (crate `event`),
//! everything the ledger does (crate `engine`), and audit entries for reads of discovery content, which the engine
//! does not take yet.

mod access;
mod answer;
mod archives;
mod batch;
mod body;
mod bounds;
mod connections;
mod encoding;
mod entries;
mod events;
mod failure;
mod health;
mod json_body;
mod metrics;
mod operations;
mod options;
mod query;
mod readiness;
mod restoring;
mod retention;
mod routes;
mod run;
mod search;
mod tls;
mod tokens;
mod trace;
mod traceparent;
mod verification;
mod watch;

pub use access::Access;
pub use bounds::Bounds;
pub use options::{MetricsAccess, Options};
pub use routes::{ROUTES, Route};
pub use run::{Error, run};
pub use tls::{Tls, TlsError};

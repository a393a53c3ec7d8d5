//! The server as callers meet it: on a socket, over a real engine and a SQLite store.

mod access;
mod append;
mod harness;
mod lifecycle;
mod metrics;
mod readiness;
mod search;
mod tls;
mod tracing_headers;
mod verification;

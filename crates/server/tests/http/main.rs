//! The server as callers meet it: on a socket, over a real engine and a SQLite store.

mod access;
mod append;
mod compressed;
mod harness;
mod lifecycle;
mod malformed;
mod metrics;
mod operations;
mod readiness;
mod restoring;
mod retention;
mod search;
mod tls;
mod tokens;
mod tracing_headers;
mod verification;

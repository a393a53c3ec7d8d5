//! The server as callers meet it: on a socket, over a real engine and a SQLite store.

mod access;
mod append;
mod compressed;
mod harness;
mod lifecycle;
mod malformed;
mod operations;
mod search;
mod tokens;
mod verification;

//! The server as callers meet it: on a socket, over a real engine and a SQLite store.

mod access;
mod append;
mod harness;
mod lifecycle;
mod operations;
mod search;
mod verification;

//! The SDK against the real server: the same program that people run, killed, restarted and answered for by a proxy.

mod appending;
mod killing;
mod operations;
mod proxy;
mod refusing;
mod retrying;
mod server;
mod spooling;
mod upkeep;

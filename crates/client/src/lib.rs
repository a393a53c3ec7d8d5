//! The SDK a Rust service embeds: appends events over HTTP with retries, and keeps them in a durable spool while the
//! server is away.
//!
//! Every event has its id before the first attempt and keeps it, so that trying again is harmless: the ledger takes each
//! event once. Deliberately absent: reading, searching and verifying; a queue in memory (what is not on disk is the
//! caller's); and any guess about an outcome. See [`Client`] for where to begin.

mod answer;
mod builder;
mod client;
mod drain;
mod error;
mod event;
mod operation;
mod pem;
mod prepared;
mod retry;
mod spool;
mod traceparent;
mod transport;

pub use ::event::{ActorType, Limits, Outcome, Stream, Timestamp};
pub use answer::{Appended, Receipt, SpooledAt, Submitted};
pub use builder::{Builder, SPOOL_BYTES_MIN};
pub use client::Client;
pub use error::{ConfigurationError, Error, Refusal, RefusalKind, SpoolError, Unavailable, Violation};
pub use event::{Actor, Event, EventError, Target};
pub use operation::{Begun, Completed, Completion, OperationId};
pub use prepared::PreparedEvent;
pub use spool::SpoolStatus;

//! A load generator for a running server: `cargo xtask load --url URL --token T`.
//!
//! It appends generated events over HTTP and says how many the server acknowledged, how fast, and how long each
//! request took. There are two ways of offering load:
//!
//! - **Closed loop** (`--rate 0`): every connection sends its next request as soon as the last one was answered. This
//!   finds the peak rate. Its latencies are those of a server that is never asked faster than it answers.
//! - **Open loop** (`--rate N`): request *n* is due at *n* intervals after the start, whatever became of those before
//!   it. Its latency counts from the moment it was **due**, not from when a connection became free to send it, so a
//!   stall is felt by all requests that it delays and not only by the one it hit (no coordinated omission). What was
//!   due and could not be sent before the time was up counts with the time that it had waited by then.
//!
//! The generator shares a machine with the server it measures, so it is lean: one thread drives all connections, each
//! with one request under way, and bodies are generated ahead, beyond the measured time as far as memory allows. Its
//! timers are as fine as a millisecond, and what they cost is in the latency of an open loop.
//!
//! An event is **acknowledged** (a receipt came back), **refused** (the answer says that nothing was stored), or its
//! fate is **unknown**: no answer, or one that does not say. Unknown events make the run fail.
//!
//! Deliberately absent: retries (they would hide what was refused), HTTPS (the cost of encryption is the proxy's),
//! several machines, and anything a release needs.

mod answer;
mod body;
mod connection;
mod outcome;
mod run;
mod schedule;
mod supply;
mod tally;
mod target;

pub use outcome::{Latency, Outcome};
pub use run::{Error, Load};
pub use schedule::{End, Pace};
pub use target::{Target, TargetError};

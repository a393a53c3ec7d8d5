//! Events and entries, as pure functions: streams, fields, validation, the canonical line, filters and retention rules.
//!
//! Deliberately absent: files, networks, databases and clocks (`now` is always an argument); the Merkle tree; holds as
//! objects with a life of their own (a hold is a [`Filter`] here); who may do what; and any way to change a line.

mod calendar;
mod canonical;
mod content;
mod digits;
mod entry;
mod event;
mod filter;
mod filter_pairs;
mod filter_texts;
mod free;
mod json;
mod key;
mod kinds;
mod limits;
mod malformed;
mod needle;
mod operation;
mod path;
pub mod retention;
mod scalar;
mod schema;
mod term;
mod text_rules;
mod timestamp;
mod violation;
mod walk;
mod written_line;

pub use content::content_hashes_possible;
pub use entry::{EntryFields, LineError};
pub use event::Event;
pub use filter::Filter;
pub use key::{Key16, Keys, keys_for_line};
pub use kinds::{ActorType, Outcome, Stream, UnknownWord};
pub use limits::Limits;
pub use malformed::malformed;
pub use operation::{Completion, Operation};
pub use retention::{HotDays, RetainDays, RetentionError};
pub use term::{Field, Terms, term};
pub use text_rules::identifier_violation;
pub use timestamp::{Day, Timestamp, TimestampError};
pub use violation::{VIOLATIONS_MAX, Violation, rule};

/// The ledger's own tenant; no producer may write to it.
pub const RESERVED_TENANT: &str = "_strongroom";

/// The ledger's own source; no producer may claim it.
pub const RESERVED_SOURCE: &str = "strongroom";

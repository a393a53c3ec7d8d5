//! Files, environment and flags to one validated [`Settings`].
//!
//! Every key is declared once, in `key.rs`: its name, default, what is accepted and what it means. Reading, the
//! reference page ([`reference_page`]) and the commented file that a new data directory gets ([`initial_file`])
//! all come from that table. [`Settings::load`] reports all problems at once, each with the place it stands in,
//! the key, the value and what is accepted; a key that is not in the table is a problem too, because a setting
//! that does nothing is believed to do something.
//!
//! Deliberately absent: reading the process environment (the caller passes it in), any I/O but reading the
//! settings files, reloading at run time, and settings for what this release does not do.

mod archive;
mod archive_url;
mod edit_distance;
mod environment;
mod file;
mod key;
mod layers;
mod problem;
mod reference;
mod rule;
mod serve;
mod settings;
mod start_error;
mod values;

pub use archive::{Archive, ArchiveKind, Lock, ServerEncryption};
pub use layers::{FILE_NAME, Flag, Sources};
pub use problem::{Error, Place, Problem};
pub use reference::{initial_file, reference_page};
pub use serve::{Log, LogFormat, LogLevel, Metrics, Tls};
pub use settings::{
    Backend, Ledger, Limits, Operations, Retention, RunSchedule, Search, Server, Settings, Store,
    StreamSettings, Streams,
};
pub use start_error::START_ERRORS;

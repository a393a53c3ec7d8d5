//! What must hold for any bytes: one function a fuzz target, each with invariants of its own.
//!
//! A target takes bytes and returns, or panics when something does not hold. The programs in `fuzz/` hand it what
//! libFuzzer makes up; the tests here replay the corpora that earlier runs left behind, and everything that ever failed,
//! with nothing but `cargo test`. `corpus/<target>` is what a run begins with, `dictionaries/<target>.dict` the words it
//! plays with, `regressions/<target>` inputs that found a defect; these are never removed.
//!
//! Deliberately absent: libFuzzer, randomness, files outside this crate, and anything a release contains.

mod canonical;
mod cursor;
mod event;
mod filter;
mod manifest;
mod mapping;
mod naive;
mod note;
mod object;
mod pairs;
mod refusal;
mod sample;

pub use crate::cursor::cursor;
pub use crate::event::event;
pub use crate::filter::filter;
pub use crate::manifest::manifest;
pub use crate::mapping::mapping;
pub use crate::note::note;
pub use crate::object::object;

/// Looks at one input. Panics when something does not hold.
pub type Check = fn(&[u8]);

/// Every target: its name, which its program and its folders have too, and its check.
pub const TARGETS: [(&str, Check); 7] = [
    ("cursor", cursor),
    ("event", event),
    ("filter", filter),
    ("manifest", manifest),
    ("mapping", mapping),
    ("note", note),
    ("object", object),
];

//! What tests share: a clock that only moves when told, ledgers in temporary directories, and `check`, which holds a
//! whole ledger against its own rules, and an oracle, which holds it against everything that it was offered and answered.
//! Never part of a release; absent on purpose: assertions about one behaviour.

mod check;
mod clock;
mod faulty_storage;
mod faulty_store;
mod fixture;
mod lines;
mod oracle;
mod submission;

pub use check::check;
pub use clock::ManualClock;
pub use faulty_storage::{FaultyStorage, StorageCall, StorageFault, StorageRule};
pub use faulty_store::{Fault, FaultyStore, WriteCall};
pub use fixture::{Fixture, Rows, event_json, events};
pub use lines::ledger_lines;
pub use oracle::{Finding, Offer, Oracle};
pub use submission::Submission;

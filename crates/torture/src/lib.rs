//! Crashes and faults on schedules: what was acknowledged is in the ledger once, and what was refused is not.
//!
//! A **schedule** follows from its seed: several submitters, a disk that fails, fills up or loses power, a store whose
//! calls fail or only seem to, and processes that end in every way. After it the ledger is opened without faults, every
//! event is offered once more, and an oracle that heard every answer holds the ledger against them, line by line.
//! A **kill round** does the same to the real program: `strongroom serve` under load over HTTP, ended by SIGKILL.
//!
//! Deliberately absent: damage that a disk does to what it had made durable, which is for verification to find, and
//! files that are written without SQLite, whose power cuts are not modelled.

mod campaign;
mod kill;
mod life;
mod place;
mod schedule;
mod tally;
mod trial;
mod workload;

pub use campaign::{Campaign, Failed};
pub use kill::{KillRounds, KillTally};
pub use schedule::run_schedule;
pub use tally::Tally;
pub use trial::{Aftermath, Blow, Struck, Trial};

//! Benchmarks of a release build: `cargo xtask bench NAME [--entries N] [--directory DIR] [--json]`, where the name is
//! `ingest`, `archive`, `cold`, `prune`, `service` or `memory`.
//!
//! A rate says little on its own: it depends on the machine, its disk and what else runs. So every rate stands
//! beside a **floor** that the same run measured on the same machine with the same bytes: the least work that could
//! be called the job. What to watch is the **ratio** of the two, and whether it meets its **aim**.
//!
//! How to read the table, column by column:
//!
//! - *measured*: what Strongroom did, by the wall clock, on as many cores as it likes.
//! - *per CPU second*: the same work divided by the user and system time of the process, so what one core does.
//! - *floor*: what the least work did. All floors run on one core.
//! - *ratio*: measured by floor. For rates more is better, for bytes on disk less is.
//! - *aim*, *met*: what the design asks for. A missed aim is printed and fails nothing: this is no test.
//! - *memory peak*: the most that was resident. Every measurement is a process of its own, so that peaks do not mix.
//!
//! The floors of `ingest`: the same lines appended to a plain file with an `fdatasync` for each of the engine's
//! commits; the same lines inserted into a bare table of SQLite (WAL, synchronous = FULL, the store's page size) in
//! commits of the same sizes; parsing, the canonical line and its leaf hash in memory. The floor of `archive`: gzip
//! of the same lines (libdeflater, level 6, members of 4,096 lines) and their SHA-256. `archive` spreads its entries over
//! tenants and UTC days, archives them in runs of a server's size, one on one core and the next on two, and holds them also
//! against an archiver as people write one in Python (`benches/baselines/archiver.py`; needs `python3`).
//!
//! `cold` searches the archive of such a ledger, all of it pruned: for entries by their request id, and through all that
//! one tenant has on one day, for a text that is nowhere.
//!
//! `prune` appends at half of the highest rate, alone and then while an archive run goes on, and tells how long appends
//! wait. Events are made as they are due, in the same process.
//!
//! `service` and `memory` start the real `strongroom serve` on a new data directory and put load on it over HTTP with
//! the crate `load`; *per CPU second* and *memory peak* are then the server's, and the generator, which takes its share of
//! the same cores, has a row of its own. `service` needs PostgreSQL's programs (Debian: `apt-get install postgresql`), of
//! which it makes a throw-away cluster in the same directory, with PostgreSQL's own defaults, for the table that an
//! application would otherwise write. Its floors are those of `ingest`, with commits of 1,000 lines, because what the
//! server commits at once does not show over HTTP. `memory` measures no time.
//!
//! Rows indented under a rate say where its time went. Those named `store:` are times that the engine waited for the
//! store, for each entry; waits overlap with other work and with each other, so they do not add up to the whole.
//!
//! The directory must be on the disk that is to be measured: on a file system in memory a sync costs nothing and
//! every ratio to a disk is idle. Nothing else should run beside it; run it twice before believing a difference.
//!
//! Deliberately absent: limits that fail a build, history of earlier runs, HTTP in `ingest` and `archive` (the engine is
//! called directly), and anything a release needs.

mod archiving;
mod arguments;
mod cold;
mod ingest;
mod measurement;
mod memory;
mod metered;
mod pruning;
mod report;
mod resources;
mod served;
mod service;
mod step;
mod subject;
mod workload;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Benchmark};

/// A benchmark only ever stops and says why; nobody acts on the kind.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let done = match Arguments::parse().benchmark {
        Benchmark::Ingest(options) => ingest::run(&options),
        Benchmark::Archive(options) => archiving::run(&options),
        Benchmark::Cold(options) => cold::run(&options),
        Benchmark::Prune(options) => pruning::run(&options),
        Benchmark::Service(options) => service::run(&options),
        Benchmark::Memory(options) => memory::run(&options),
        Benchmark::Step(call) => call.answer(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to do where standard error is closed too.
            let _ = writeln!(std::io::stderr(), "error: {}", with_causes(failure.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn with_causes(failure: &(dyn Error + 'static)) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Says on standard error what is under way.
fn say(what: &str) {
    // Progress is a courtesy: that nobody hears it stops no measurement.
    let _ = writeln!(std::io::stderr(), "{what}");
}

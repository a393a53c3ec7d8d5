//! Repository tasks, run as `cargo xtask <task>`: `test`, `tidy`, `bench`, `load`, `torture` and `fuzz`.
//!
//! Deliberately absent: anything a release contains, any knowledge of a format or of the product's settings, and any
//! task that changes a source file. A task only looks, builds, runs and reports.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task's whole interface is what it prints")]

mod bench;
mod failure;
mod fuzz;
mod load;
mod process;
mod test;
mod tidy;
mod tools;
mod torture;
mod workspace;

use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "\
Repository tasks.

usage: cargo xtask <task>

  test [--fast]            everything CI runs, in CI's order, up to the first failure:
                           fmt, tidy, deny, clippy, test, doc
                           --fast: fmt, tidy, clippy and the unit tests; needs no network and no tools
  tidy                     check the house rules that the compiler does not know
  bench <name>             run a benchmark of a release build: ingest, archive, cold, prune, service
                           or memory; further arguments are its own
  load                     put load on a running server (--url URL --token T); --help says more
  torture [--minutes N] [--seed S] [--schedules N] [--kill-rounds N]
                           crashes, power cuts, failing disks and kills, on a release build
  fuzz [target] [--minutes N]
                           run the fuzz targets, 10 minutes each unless told otherwise; needs cargo-fuzz
  help                     print this text

exit codes: 0 done, 1 found something, 2 could not run
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => return Err(Failure::usage("no task given", USAGE)),
    };
    match task {
        "test" => test::run(test::Scope::parse(rest).map_err(|problem| Failure::usage(&problem, USAGE))?),
        "tidy" if rest.is_empty() => tidy::run(),
        "tidy" => Err(Failure::usage("tidy takes no arguments", USAGE)),
        "bench" => bench::run(rest, USAGE),
        "load" => load::run(rest),
        "fuzz" => fuzz::run(&fuzz::Plan::parse(rest).map_err(|problem| Failure::usage(&problem, USAGE))?),
        "torture" => torture::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => Err(Failure::usage(&format!("no task is called `{unknown}`"), USAGE)),
    }
}

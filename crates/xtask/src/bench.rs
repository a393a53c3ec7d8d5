//! `bench`: a benchmark of a release build. What is measured, and how, is the crate `bench`'s own business.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;

const BENCHMARKS: [&str; 6] = ["ingest", "archive", "cold", "prune", "service", "memory"];
/// They start the program that a release contains, as it would be released.
const OF_THE_PROGRAM: [&str; 2] = ["service", "memory"];

/// Runs the benchmark that the first argument names; every argument is handed on as it is.
pub(crate) fn run(arguments: &[String], usage: &str) -> Result<(), Failure> {
    let name = arguments.first().ok_or_else(|| Failure::usage("bench needs a name", usage))?;
    if !BENCHMARKS.contains(&name.as_str()) {
        return Err(Failure::usage(&format!("no benchmark is called `{name}`"), usage));
    }
    if OF_THE_PROGRAM.contains(&name.as_str()) {
        let mut build = process::cargo(Path::new("."));
        process::run(build.args(["build", "--release", "--package", "strongroom"]))?;
    }
    process::run(&mut command(arguments))
}

fn command(arguments: &[String]) -> Command {
    let mut command = process::cargo(Path::new("."));
    command.args(["run", "--release", "--package", "bench", "--"]).args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_benchmark_as_they_are() {
        let arguments = ["ingest", "--events", "1000", "a b"].map(str::to_owned);
        let command = command(&arguments);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(
            words,
            ["run", "--release", "--package", "bench", "--", "ingest", "--events", "1000", "a b"]
        );
    }

    #[test]
    fn an_unknown_benchmark_is_refused_before_anything_is_built() {
        let failure = run(&["search".to_owned()], "usage").unwrap_err();
        assert_eq!(failure.to_string(), "no benchmark is called `search`\n\nusage");
    }
}

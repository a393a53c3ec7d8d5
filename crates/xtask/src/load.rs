//! `load`: a release build of the load generator against a running server. What it does is the crate `load`'s own business.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// Every argument is handed on as it is.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    process::run(&mut command(arguments))
}

fn command(arguments: &[String]) -> Command {
    let mut command = process::cargo(Path::new("."));
    command.args(["run", "--release", "--quiet", "--package", "load", "--"]).args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_generator_as_they_are() {
        let arguments = ["--url", "http://a:1", "--token", "a b"].map(str::to_owned);
        let command = command(&arguments);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(
            words,
            [
                "run",
                "--release",
                "--quiet",
                "--package",
                "load",
                "--",
                "--url",
                "http://a:1",
                "--token",
                "a b"
            ]
        );
    }
}

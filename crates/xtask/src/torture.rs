//! `torture`: crashes and faults on a release build. What is done, and how, is the crate `torture`'s own business.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// Builds the program that is killed and the one that kills it, side by side, and runs that with every argument as it is.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    process::run(&mut build())?;
    process::run(&mut command(arguments))
}

fn build() -> Command {
    let mut command = process::cargo(Path::new("."));
    command.args(["build", "--release", "--package", "strongroom"]);
    command
}

fn command(arguments: &[String]) -> Command {
    let mut command = process::cargo(Path::new("."));
    command.args(["run", "--release", "--package", "torture", "--"]).args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_rig_as_they_are() {
        let command = command(&["--seed", "7"].map(str::to_owned));
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words, ["run", "--release", "--package", "torture", "--", "--seed", "7"]);
    }

    /// Built together, the rig's features of tokio would be in the program that it is to judge.
    #[test]
    fn the_program_is_built_by_itself() {
        let words: Vec<_> = build().get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words, ["build", "--release", "--package", "strongroom"]);
    }
}

//! Child processes: started in the foreground, their output untouched.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// The cargo that started this task, so that a toolchain named on the command line (`cargo +1.89 xtask`) stays in use.
///
/// What `cargo run` says about *this* package is removed from the child's environment: build scripts that watch those
/// variables would run again on every change between a task and a plain `cargo` call.
pub(crate) fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(directory);
    for (name, _) in std::env::vars_os() {
        let is_about_this_package = name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if is_about_this_package {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a child to its end, with this process's input and output.
///
/// A child that says no is `Found`; one that could not be started is `CouldNotRun`.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| Failure::CouldNotRun(format!("cannot start `{}`: {error}", line(command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Found(format!("`{}` ended with {status}", line(command))))
    }
}

/// Runs a child to its end and returns what it wrote to its standard output. Its errors go where ours go.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::CouldNotRun(format!("cannot start `{}`: {error}", line(command))))?;
    if !output.status.success() {
        return Err(Failure::CouldNotRun(format!("`{}` ended with {}", line(command), output.status)));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::CouldNotRun(format!("`{}` did not write UTF-8", line(command))))
}

/// The command as a person would type it: the program by name, without the folder it was found in.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(command.get_program());
    let mut words = vec![name.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_fails_is_found_and_named() {
        let mut command = cargo(Path::new("."));
        command.arg("no-such-subcommand-of-cargo").stderr(Stdio::null());
        let failure = run(&mut command).unwrap_err();
        assert!(matches!(failure, Failure::Found(_)));
        assert!(
            failure.to_string().starts_with("`cargo no-such-subcommand-of-cargo` ended with"),
            "{failure}"
        );
    }

    #[test]
    fn a_child_that_does_not_exist_could_not_run() {
        let failure = run(&mut Command::new("/nonexistent/program")).unwrap_err();
        assert!(matches!(failure, Failure::CouldNotRun(_)));
        assert!(failure.to_string().starts_with("cannot start `program`"), "{failure}");
    }

    #[test]
    fn the_output_of_a_child_that_fails_is_not_used() {
        let mut command = cargo(Path::new("."));
        command.args(["--version", "--no-such-option"]);
        assert!(matches!(output(&mut command), Err(Failure::CouldNotRun(_))));
    }
}

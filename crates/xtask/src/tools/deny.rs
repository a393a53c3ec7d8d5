//! cargo-deny: licences, bans, sources and advisories of the dependencies.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// The version that is installed where none is on PATH.
const VERSION: &str = "0.20.2";

/// The program: the one on PATH, else the pinned one under the target directory, installed if it is not there yet.
pub(crate) fn program(workspace: &Workspace) -> Result<PathBuf, Failure> {
    if let Some(program) = env::var_os("PATH").and_then(|path| on_path(&path)) {
        return Ok(program);
    }
    let home = workspace.target.join("tools");
    let program = home.join("bin").join(file_name());
    if !is_pinned(&program) {
        println!("cargo-deny is not on PATH: installing {VERSION} into {} (once)", home.display());
        process::run(&mut installation(workspace, &home)).map_err(|failure| {
            Failure::CouldNotRun(format!("cannot install cargo-deny {VERSION}: {failure}"))
        })?;
    }
    Ok(program)
}

/// Licences, bans and sources: the checks whose answer depends on this repository alone. Advisories change from one
/// day to the next, so they are CI's, where a new one is news and not a broken build.
pub(crate) fn check(program: &Path, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).args(["check", "licenses", "bans", "sources"]);
    command
}

fn installation(workspace: &Workspace, home: &Path) -> Command {
    let mut command = process::cargo(&workspace.root);
    command.args(["install", "--locked", "cargo-deny", "--version", VERSION, "--root"]).arg(home);
    command
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|folder| folder.join(file_name())).find(|program| program.is_file())
}

/// A program left by an earlier pin, or by an installation that broke off, does not count.
fn is_pinned(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}"))
}

fn file_name() -> String {
    format!("cargo-deny{}", env::consts::EXE_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_of_path_that_has_the_program_wins() {
        let first = tempfile::tempdir().unwrap();
        let second = tempfile::tempdir().unwrap();
        let path = env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(on_path(&path), None);
        let program = second.path().join(file_name());
        std::fs::write(&program, "").unwrap();
        assert_eq!(on_path(&path), Some(program));
        let earlier = first.path().join(file_name());
        std::fs::write(&earlier, "").unwrap();
        assert_eq!(on_path(&path), Some(earlier));
    }

    #[test]
    fn a_missing_or_broken_program_is_not_the_pinned_one() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(file_name());
        assert!(!is_pinned(&program));
        std::fs::write(&program, "half a program").unwrap();
        assert!(!is_pinned(&program));
    }

    #[test]
    fn the_check_names_what_the_repository_alone_decides() {
        let command = check(Path::new("cargo-deny"), Path::new("."));
        assert_eq!(process::line(&command), "cargo-deny check licenses bans sources");
    }
}

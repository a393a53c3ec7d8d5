//! A Python environment for the tests that check an archive with stock tools instead of with our own code, and for the
//! tests of the Python client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// The environment variable by which tests find the interpreter.
pub(crate) const VARIABLE: &str = "STRONGROOM_TEST_PYTHON";

/// What is installed, exactly. `cryptography` verifies the Ed25519 signatures of manifests and checkpoints, and makes the
/// certificates for the client's tests; `mypy` checks the client's types.
const PACKAGES: [&str; 2] = ["cryptography==50.0.2", "mypy==2.4.1"];

/// The interpreter of the environment under the target directory, made if it is not there or holds other versions.
pub(crate) fn interpreter(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let home = workspace.target.join("python");
    let interpreter = interpreter_in(&home);
    if !is_complete(&home) {
        println!("making a Python environment with {} in {} (once)", PACKAGES.join(", "), home.display());
        create(&home, &interpreter)?;
    }
    Ok(interpreter)
}

fn create(home: &Path, interpreter: &Path) -> Result<(), Failure> {
    let mut environment = Command::new(if cfg!(windows) { "python" } else { "python3" });
    // --clear: what an earlier attempt or an earlier pin left must not shine through.
    process::run(environment.args(["-m", "venv", "--clear"]).arg(home)).map_err(|failure| {
        Failure::CouldNotRun(format!(
            "cannot make a Python environment: {failure}\n\
             hint: it needs Python 3 with its venv and ensurepip modules (Debian, Ubuntu: apt-get install python3-venv)"
        ))
    })?;
    let mut installation = Command::new(interpreter);
    // Wheels only: building `cryptography` from source would need a whole OpenSSL and take minutes.
    installation.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"]).args(PACKAGES);
    process::run(&mut installation)
        .map_err(|failure| Failure::CouldNotRun(format!("cannot install Python packages: {failure}")))?;
    // Written last, so an environment that broke off half-way is made again.
    fs::write(marker_in(home), pins())
        .map_err(|error| Failure::CouldNotRun(format!("cannot write {}: {error}", marker_in(home).display())))
}

fn is_complete(home: &Path) -> bool {
    interpreter_in(home).exists() && fs::read_to_string(marker_in(home)).is_ok_and(|found| found == pins())
}

fn interpreter_in(home: &Path) -> PathBuf {
    if cfg!(windows) { home.join("Scripts").join("python.exe") } else { home.join("bin").join("python") }
}

fn marker_in(home: &Path) -> PathBuf {
    home.join("strongroom-packages.txt")
}

fn pins() -> String {
    PACKAGES.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(marker: Option<&str>) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let interpreter = interpreter_in(home.path());
        fs::create_dir_all(interpreter.parent().unwrap()).unwrap();
        fs::write(interpreter, "").unwrap();
        if let Some(marker) = marker {
            fs::write(marker_in(home.path()), marker).unwrap();
        }
        home
    }

    #[test]
    fn an_environment_counts_only_with_an_interpreter_and_the_same_pins() {
        assert!(is_complete(environment(Some(&pins())).path()));
        assert!(!is_complete(environment(None).path()), "installation broke off");
        assert!(!is_complete(environment(Some("cryptography==1.0\n")).path()), "an earlier pin");
        let home = environment(Some(&pins()));
        fs::remove_file(interpreter_in(home.path())).unwrap();
        assert!(!is_complete(home.path()), "no interpreter");
    }

    #[test]
    fn every_package_is_pinned_to_one_version() {
        assert!(PACKAGES.iter().all(|package| package.contains("==")));
    }
}

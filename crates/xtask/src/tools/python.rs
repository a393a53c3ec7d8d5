//! A Python environment for the tests that check an archive with stock tools instead of with our own code, and for the
//! tests of the Python client.

use std::ffi::OsString;
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

/// An environment with exactly what is pinned, kept once it is made.
pub(crate) struct Environment {
    /// What it is for, as people are told.
    pub(crate) what: &'static str,
    /// Where it is.
    pub(crate) home: PathBuf,
    /// What pip is told to install, and how.
    pub(crate) arguments: Vec<OsString>,
    /// Every package with its version, a line each. An environment with other pins is made anew.
    pub(crate) pins: String,
}

/// The interpreter of the environment for tests under the target directory.
pub(crate) fn interpreter(workspace: &Workspace) -> Result<PathBuf, Failure> {
    // Wheels only: building `cryptography` from source would need a whole OpenSSL and take minutes.
    let arguments = ["--only-binary", ":all:"].into_iter().chain(PACKAGES).map(OsString::from).collect();
    let what = "tests in Python";
    Environment { what, home: workspace.target.join("python"), arguments, pins: pins() }.interpreter()
}

impl Environment {
    /// Its interpreter. The environment is made if it is not there or holds other versions.
    pub(crate) fn interpreter(&self) -> Result<PathBuf, Failure> {
        if !self.is_complete() {
            println!("making a Python environment for {} in {} (once)", self.what, self.home.display());
            self.create()?;
        }
        Ok(interpreter_in(&self.home))
    }

    fn create(&self) -> Result<(), Failure> {
        let mut environment = Command::new(if cfg!(windows) { "python" } else { "python3" });
        // --clear: what an earlier attempt or an earlier pin left must not shine through.
        process::run(environment.args(["-m", "venv", "--clear"]).arg(&self.home)).map_err(|failure| {
            Failure::CouldNotRun(format!(
                "cannot make a Python environment: {failure}\n\
                 hint: it needs Python 3 with its venv and ensurepip modules (Debian, Ubuntu: apt-get install python3-venv)"
            ))
        })?;
        let mut installation = Command::new(interpreter_in(&self.home));
        installation.args(["-m", "pip", "install", "--quiet"]).args(&self.arguments);
        process::run(&mut installation).map_err(|failure| {
            Failure::CouldNotRun(format!("cannot install Python packages for {}: {failure}", self.what))
        })?;
        // Written last, so an environment that broke off half-way is made again.
        let marker = marker_in(&self.home);
        fs::write(&marker, &self.pins)
            .map_err(|error| Failure::CouldNotRun(format!("cannot write {}: {error}", marker.display())))
    }

    fn is_complete(&self) -> bool {
        interpreter_in(&self.home).exists()
            && fs::read_to_string(marker_in(&self.home)).is_ok_and(|found| found == self.pins)
    }
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
        let is_complete = |home: &Path| {
            Environment { what: "", home: home.to_owned(), arguments: Vec::new(), pins: pins() }.is_complete()
        };
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

//! The object storage servers that tests run against and that are programs of their own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::Environment;
use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// The environment variables by which tests find the servers. One that the caller has set is taken as it is.
const LOCALSTACK: &str = "STRONGROOM_TEST_LOCALSTACK";
const AZURITE: &str = "STRONGROOM_TEST_AZURITE";

/// Every package of `LocalStack`'s environment. It does not start with whatever is newest.
const LOCALSTACK_PINS: &str = include_str!("../../../testservers/localstack-4.9.2-constraints.txt");
const AZURITE_PACKAGE: &str = "azurite@3.37.0";
const AZURITE_SCRIPT: &str = "node_modules/azurite/dist/src/blob/main.js";

/// Where the servers are.
pub(crate) struct Servers {
    pub(crate) localstack: PathBuf,
    pub(crate) azurite: PathBuf,
}

impl Servers {
    /// Those that the caller names, else those under the target directory, installed if they are not there yet.
    pub(crate) fn prepared(workspace: &Workspace) -> Result<Self, Failure> {
        let home = workspace.target.join("testservers");
        Ok(Self {
            localstack: named(LOCALSTACK)
                .map_or_else(|| localstack(workspace, &home.join("localstack")), Ok)?,
            azurite: named(AZURITE).map_or_else(|| azurite(&home.join("azurite")), Ok)?,
        })
    }

    /// Tells a command that runs tests.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(LOCALSTACK, &self.localstack).env(AZURITE, &self.azurite);
    }
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from)
}

fn localstack(workspace: &Workspace, home: &Path) -> Result<PathBuf, Failure> {
    let list = workspace.root.join("crates/testservers/localstack-4.9.2-constraints.txt");
    let arguments = vec!["--no-deps".into(), "-r".into(), list.into()];
    let pins = LOCALSTACK_PINS.to_owned();
    Environment { what: "LocalStack", home: home.to_owned(), arguments, pins }.interpreter()
}

fn azurite(home: &Path) -> Result<PathBuf, Failure> {
    let script = home.join(AZURITE_SCRIPT);
    if !is_complete(home) {
        println!("installing {AZURITE_PACKAGE} in {} (once)", home.display());
        fs::create_dir_all(home)
            .map_err(|error| Failure::CouldNotRun(format!("cannot make {}: {error}", home.display())))?;
        process::run(&mut installation(home)).map_err(|failure| {
            Failure::CouldNotRun(format!(
                "cannot install {AZURITE_PACKAGE}: {failure}\n\
                 hint: it needs Node 18 or later and npm (Debian, Ubuntu: apt-get install nodejs npm)"
            ))
        })?;
        // Written last, so an installation that broke off half-way is made again.
        fs::write(marker_in(home), AZURITE_PACKAGE).map_err(|error| {
            Failure::CouldNotRun(format!("cannot write {}: {error}", marker_in(home).display()))
        })?;
    }
    Ok(script)
}

/// Optional packages and installation scripts are for storage in databases and for telemetry.
fn installation(home: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(home).stdout(Stdio::null());
    command.args(["install", "--omit=dev", "--omit=optional", "--ignore-scripts"]);
    // The prefix keeps npm from installing into a package.json of some folder above.
    command.args(["--no-audit", "--no-fund", "--loglevel=error", "--prefix", "."]).arg(AZURITE_PACKAGE);
    command
}

fn is_complete(home: &Path) -> bool {
    home.join(AZURITE_SCRIPT).exists()
        && fs::read_to_string(marker_in(home)).is_ok_and(|found| found == AZURITE_PACKAGE)
}

fn marker_in(home: &Path) -> PathBuf {
    home.join("strongroom-packages.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azurite_counts_only_with_its_script_and_the_same_version() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_complete(home.path()));
        let script = home.path().join(AZURITE_SCRIPT);
        fs::create_dir_all(script.parent().unwrap()).unwrap();
        fs::write(script, "").unwrap();
        assert!(!is_complete(home.path()), "installation broke off");
        fs::write(marker_in(home.path()), "azurite@3.0.0").unwrap();
        assert!(!is_complete(home.path()), "an earlier version");
        fs::write(marker_in(home.path()), AZURITE_PACKAGE).unwrap();
        assert!(is_complete(home.path()));
    }

    #[test]
    fn every_package_of_localstack_is_pinned_to_one_version() {
        let pins = LOCALSTACK_PINS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(pins.filter(|line| !line.contains("==")).collect::<Vec<_>>(), [""; 0]);
    }
}

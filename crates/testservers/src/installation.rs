//! Where the servers that are programs of their own were installed.

use std::env;
use std::path::PathBuf;

/// A program that `cargo xtask test` installs.
pub(crate) struct Installation {
    /// What people call it.
    pub(crate) name: &'static str,
    /// The environment variable that says where it is.
    pub(crate) variable: &'static str,
    /// Where it is under the target directory, if the variable is not set.
    pub(crate) place: &'static str,
    /// The command that installs it by hand, and what the variable has to name then.
    pub(crate) by_hand: &'static str,
}

impl Installation {
    /// The file to run. Panics with what to do if there is none.
    pub(crate) fn file(&self) -> PathBuf {
        let found = match env::var_os(self.variable) {
            Some(path) => Some(PathBuf::from(path)).filter(|path| path.exists()),
            None => self.under_target(),
        };
        found.unwrap_or_else(|| {
            panic!(
                "{} is needed by this test and not installed ({} {}).\n\
                 `cargo xtask test` installs it under the target directory, once. By hand: {}",
                self.name,
                self.variable,
                env::var(self.variable).map_or("is not set".to_owned(), |path| format!("names {path}")),
                self.by_hand
            )
        })
    }

    /// A test program lies somewhere below the target directory, wherever that is.
    fn under_target(&self) -> Option<PathBuf> {
        let program = env::current_exe().ok()?;
        program.ancestors().skip(1).map(|folder| folder.join(self.place)).find(|path| path.exists())
    }
}

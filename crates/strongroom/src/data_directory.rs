//! The data directory: what lies where, who may write, and what is durable.
//!
//! ```text
//! <data>/strongroom.toml   settings, with comments
//! <data>/lock              held by the one process that writes; its pid as text
//! <data>/signing.key       the ledger's secret key, 0600
//! <data>/ledger.sqlite     the ledger
//! <data>/checkpoint        the last checkpoint this node signed, outside the store
//! <data>/staging/          objects of a batch that is being archived
//! <data>/archive/          the archive, unless the settings put it elsewhere
//! <data>/unfinished        there from the first step of `init` to the last one
//! ```

mod lock;
mod signing_key;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use store::SqliteStore;

use crate::failure::Failure;

pub(crate) use lock::DirectoryLock;

/// Only the owner may look inside.
const DIRECTORY_MODE: u32 = 0o700;
/// Only the owner may read.
const FILE_MODE: u32 = 0o600;

/// How far a data directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryState {
    /// No ledger was ever made here.
    Empty,
    /// `init` began and did not end; whatever is here was never handed over to anyone.
    Unfinished,
    /// There is a ledger.
    Ready,
    /// There was a ledger: this node has signed for one, and its file is gone.
    LedgerGone,
}

/// A ledger's home.
#[derive(Debug, Clone)]
pub(crate) struct DataDirectory {
    root: PathBuf,
}

impl DataDirectory {
    /// The directory at `root`, which need not exist.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The settings that come with the ledger.
    pub(crate) fn settings_file(&self) -> PathBuf {
        self.root.join("strongroom.toml")
    }

    /// The ledger's rows.
    pub(crate) fn ledger_file(&self) -> PathBuf {
        SqliteStore::file_in(&self.root)
    }

    /// The last checkpoint that this node signed.
    pub(crate) fn checkpoint_file(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// Where the objects of a batch wait for their upload.
    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    fn unfinished_mark(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    /// How far the directory is.
    pub(crate) fn state(&self) -> Result<DirectoryState, Failure> {
        let there = |path: PathBuf| {
            path.try_exists().map_err(|error| {
                Failure::caused(format!("cannot look into the data directory {}", self.root.display()), error)
            })
        };
        if there(self.unfinished_mark())? {
            return Ok(DirectoryState::Unfinished);
        }
        if there(self.ledger_file())? {
            return Ok(DirectoryState::Ready);
        }
        Ok(if there(self.checkpoint_file())? { DirectoryState::LedgerGone } else { DirectoryState::Empty })
    }

    /// Fails, saying what to do, unless there is a ledger.
    pub(crate) fn require_ledger(&self) -> Result<(), Failure> {
        let place = self.root.display();
        match self.state()? {
            DirectoryState::Ready => Ok(()),
            DirectoryState::Empty => Err(Failure::new(format!("there is no ledger in {place}"))
                .hint("make one with strongroom init, or name its directory with --data DIR")),
            DirectoryState::Unfinished => {
                Err(Failure::new(format!("the data directory {place} was not made to the end"))
                    .hint("run strongroom init again: it goes on where it was interrupted"))
            }
            DirectoryState::LedgerGone => Err(self.ledger_gone()),
        }
    }

    /// This node signed checkpoints here, and the ledger they are about is not here. A new one under the same name would
    /// be a fork.
    pub(crate) fn ledger_gone(&self) -> Failure {
        Failure::new(format!(
            "{} has signed checkpoints, but its ledger {} is gone",
            self.root.display(),
            self.ledger_file().display()
        ))
        .hint("put the ledger's file back; a new ledger needs a new directory")
    }

    /// Makes the directory, and tightens who may look into it.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        let failed =
            |error| Failure::caused(format!("cannot make the directory {}", self.root.display()), error);
        create_directory(&self.root).map_err(failed)?;
        self.refuse_strangers()?;
        let mode = fs::metadata(&self.root).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0
            && fs::set_permissions(&self.root, Permissions::from_mode(DIRECTORY_MODE)).is_err()
        {
            // A volume can belong to someone else and still be writable for us; the key's own mode protects it.
            tracing::warn!(directory = %self.root.display(), "others may look into the data directory");
        }
        Ok(())
    }

    /// A directory in use for something else is not taken over.
    fn refuse_strangers(&self) -> Result<(), Failure> {
        const OURS: [&str; 7] =
            ["strongroom.toml", "lock", "signing.key", "staging", "archive", "unfinished", "lost+found"];
        let failed = |error| Failure::caused(format!("cannot list {}", self.root.display()), error);
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            if !OURS.contains(&&*name)
                && !name.starts_with("ledger.sqlite")
                && !name.starts_with("checkpoint")
            {
                return Err(Failure::new(format!(
                    "{} is in use for something else: it holds {name}",
                    self.root.display()
                ))
                .hint("choose an empty or a new directory with --data DIR"));
            }
        }
        Ok(())
    }

    /// Marks the directory as not yet handed over.
    pub(crate) fn mark_unfinished(&self) -> Result<(), Failure> {
        write_durably(&self.unfinished_mark(), b"strongroom init has not ended here; run it again\n")
    }

    /// The directory is complete, and whoever made it has been told what only they may know.
    pub(crate) fn mark_finished(&self) -> Result<(), Failure> {
        let failed = |error| Failure::caused("cannot complete the data directory", error);
        fs::remove_file(self.unfinished_mark()).map_err(failed)?;
        sync_directory(&self.root).map_err(failed)
    }

    /// Removes a ledger file that an interrupted `init` left behind. Only under the unfinished mark, and only when the
    /// file has no head: then it holds no evidence.
    pub(crate) fn remove_headless_ledger(&self) -> Result<(), Failure> {
        let ledger = self.ledger_file();
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = ledger.clone().into_os_string();
            name.push(suffix);
            remove_if_there(Path::new(&name))?;
        }
        remove_if_there(&self.checkpoint_file())?;
        sync_directory(&self.root)
            .map_err(|error| Failure::caused(format!("cannot sync {}", self.root.display()), error))
    }

    /// Takes the directory for writing, or says who has it.
    pub(crate) fn lock(&self) -> Result<DirectoryLock, Failure> {
        DirectoryLock::take(&self.root.join("lock"))
    }

    /// Takes the directory for writing if nobody has it.
    pub(crate) fn lock_if_free(&self) -> Result<Option<DirectoryLock>, Failure> {
        DirectoryLock::take_if_free(&self.root.join("lock"))
    }
}

/// Makes a directory and its missing parents, each synced into the one above it.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_directory(parent)?;
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_directory(parent),
    }
}

/// Writes a whole file so that after a crash there is either the file as it was or all of the new one.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut fresh = path.to_owned().into_os_string();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
        // The mode counts only for a new file; an interrupted attempt may have left one with another.
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))
    };
    write().map_err(|error| Failure::caused(format!("cannot write {}", path.display()), error))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn remove_if_there(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::caused(format!("cannot remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_is_closed_to_others() {
        let outer = tempfile::tempdir().unwrap();
        let directory = DataDirectory::new(outer.path().join("a/b"));
        directory.create().unwrap();
        let mode = fs::metadata(directory.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(directory.state().unwrap(), DirectoryState::Empty);
    }

    #[test]
    fn a_directory_with_other_files_is_not_taken_over() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("thesis.tex"), "x").unwrap();
        let error = DataDirectory::new(outer.path()).create().unwrap_err().to_string();
        assert!(error.contains("thesis.tex"), "{error}");
    }

    #[test]
    fn the_mark_tells_an_interrupted_init_from_a_ledger() {
        let outer = tempfile::tempdir().unwrap();
        let directory = DataDirectory::new(outer.path());
        directory.mark_unfinished().unwrap();
        fs::write(directory.ledger_file(), "").unwrap();
        assert_eq!(directory.state().unwrap(), DirectoryState::Unfinished);
        directory.mark_finished().unwrap();
        assert_eq!(directory.state().unwrap(), DirectoryState::Ready);
    }

    #[test]
    fn a_signed_checkpoint_without_a_ledger_is_no_empty_directory() {
        let outer = tempfile::tempdir().unwrap();
        let directory = DataDirectory::new(outer.path());
        fs::write(directory.checkpoint_file(), "note").unwrap();
        assert_eq!(directory.state().unwrap(), DirectoryState::LedgerGone);
    }
}

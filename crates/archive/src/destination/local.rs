//! Durability of names in a local directory tree.
//!
//! `LocalFileSystem::with_fsync` syncs a new file, the directory it is linked into, and the directories it
//! made itself. It does not sync a directory that was already there when it looked, and that one may have
//! been made a moment ago by another writer, or by a process that was killed before its own sync. Here
//! every directory between the root and the file is therefore synced once before a write counts.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The root of a local destination.
#[derive(Debug)]
pub(super) struct LocalRoot {
    path: PathBuf,
    /// Directories whose own name is known to be durable in their parent.
    durable: Mutex<HashSet<PathBuf>>,
}

impl LocalRoot {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, durable: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the names on the way to `key` durable; with `file_too` also the file and its own name, which
    /// are already synced when this process has just written it.
    pub(super) fn sync(&self, key: &str, file_too: bool) -> io::Result<()> {
        let file = self.path.join(key);
        if file_too {
            File::open(&file)?.sync_all()?;
            sync_directory(file.parent().unwrap_or(&self.path))?;
        }
        let directories = file.ancestors().skip(1).take_while(|directory| *directory != self.path);
        for directory in directories {
            if self.is_durable(directory) {
                continue;
            }
            if let Some(parent) = directory.parent() {
                sync_directory(parent)?;
            }
            self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.to_owned());
        }
        Ok(())
    }

    fn is_durable(&self, directory: &Path) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(directory)
    }
}

/// Makes a directory and those above it, and syncs each name that was made.
pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    for directory in &missing {
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
    }
    if missing.is_empty() {
        // A process that was killed may have made the root and not come to its sync. Where the parent is
        // not ours to open, the root was made by somebody else.
        match path.parent().map_or(Ok(()), sync_directory) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Directories cannot be opened and synced portably elsewhere.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

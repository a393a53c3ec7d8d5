use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::FILE_MODE;
use crate::failure::Failure;

/// The right to write to a data directory. The operating system takes it back when the process ends, however it ends,
/// so there is no stale lock to clean up.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    /// Holds the lock while it is open.
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock, or fails naming the process that has it.
    pub(super) fn take(path: &Path) -> Result<Self, Failure> {
        match Self::try_take(path)? {
            Ok(lock) => Ok(lock),
            Err(holder) => {
                let directory = path.parent().unwrap_or(path).display();
                Err(Failure::new(format!("the data directory {directory} is in use by {holder}")).hint(
                    "send events to that process over HTTP, or stop it; reading commands work beside it",
                ))
            }
        }
    }

    /// Takes the lock if nobody has it.
    pub(super) fn take_if_free(path: &Path) -> Result<Option<Self>, Failure> {
        Ok(Self::try_take(path)?.ok())
    }

    fn try_take(path: &Path) -> Result<Result<Self, String>, Failure> {
        let failed = |error: io::Error| Failure::caused(format!("cannot lock {}", path.display()), error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Not synced: the number only means something while this process lives.
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Ok(Self { _file: file }))
    }
}

/// Who holds the lock, as far as the file tells: between taking it and writing the number it says nothing.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("pid {pid}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it_and_a_drop_gives_it_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = DirectoryLock::take(&path).unwrap();
        let refused = DirectoryLock::take(&path).unwrap_err().to_string();
        assert!(refused.contains(&format!("in use by pid {}", std::process::id())), "{refused}");
        assert!(DirectoryLock::take_if_free(&path).unwrap().is_none());
        drop(held);
        assert!(DirectoryLock::take_if_free(&path).unwrap().is_some());
    }
}

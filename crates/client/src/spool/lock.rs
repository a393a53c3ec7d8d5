//! One client has a spool directory at a time.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::durable;
use crate::error::SpoolError;

/// `flock` on the file `lock`. The operating system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// Holds the lock while it is open.
    _file: File,
}

impl DirectoryLock {
    pub(super) fn take(directory: &Path) -> Result<Self, SpoolError> {
        let path = directory.join("lock");
        let mut file = durable::options()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(SpoolError::io(format!("open {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SpoolError::InUse { directory: directory.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => {
                return Err(SpoolError::io(format!("lock {}", path.display()))(error));
            }
        }
        // Not synced: the number means something only while this process lives.
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(SpoolError::io(format!("write {}", path.display())))?;
        Ok(Self { _file: file })
    }
}

/// Between taking the lock and writing the number the file says nothing.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("process {pid}"),
        _ => "another process".to_owned(),
    }
}

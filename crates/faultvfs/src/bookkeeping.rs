//! What every file of a disk holds, and what happens to each operation on them. No SQLite here but its result codes.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rusqlite::ffi;

use crate::fault::{Failure, Operation, Rule};
use crate::image::FileImage;

/// When no file was ever written: tells whether somebody wrote to it without SQLite, between two processes.
const UNTOUCHED: SystemTime = SystemTime::UNIX_EPOCH;

/// The files that one name has stood for.
#[derive(Debug, Default)]
struct Name {
    current: Option<FileImage>,
    /// A file that was removed, which the directory on disk may still list.
    removed: Option<FileImage>,
    /// Its time of change was set to [`UNTOUCHED`] when the last process ended, and nobody has opened it since.
    is_marked: bool,
}

#[derive(Debug)]
pub(crate) struct Bookkeeping {
    names: BTreeMap<PathBuf, Name>,
    random: StdRng,
    pub(crate) rules: Vec<Rule>,
    pub(crate) bytes_max: Option<u64>,
    /// Every step, in order.
    pub(crate) operations: Vec<Operation>,
    pub(crate) reads: u64,
    pub(crate) opens: u64,
    pub(crate) struck: BTreeMap<(Operation, Failure), u64>,
    /// The process that uses the disk: files that an earlier one has open are dead.
    pub(crate) life: u64,
    pub(crate) has_ended: bool,
    pub(crate) open_files: usize,
}

/// What is to become of an operation.
enum Verdict {
    Done,
    Fails(Failure),
    /// It is of a process that has ended.
    Dead,
}

impl Bookkeeping {
    pub(crate) fn new(random: StdRng) -> Self {
        Self {
            names: BTreeMap::new(),
            random,
            rules: Vec::new(),
            bytes_max: None,
            operations: Vec::new(),
            reads: 0,
            opens: 0,
            struck: BTreeMap::new(),
            life: 0,
            has_ended: false,
            open_files: 0,
        }
    }

    fn judge(&mut self, operation: Operation, life: u64) -> Verdict {
        if self.has_ended || life != self.life {
            return Verdict::Dead;
        }
        let count = match operation {
            Operation::Read => {
                self.reads += 1;
                self.reads
            }
            Operation::Open => {
                self.opens += 1;
                self.opens
            }
            _ => {
                self.operations.push(operation);
                self.operations.len() as u64
            }
        };
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(operation, count - 1)) else {
            return Verdict::Done;
        };
        *self.struck.entry((operation, rule.failure)).or_default() += 1;
        self.has_ended = rule.failure == Failure::End;
        Verdict::Fails(rule.failure)
    }

    /// Opens a file by `open`, which answers SQLite's result code.
    pub(crate) fn open(&mut self, path: &Path, open: impl FnOnce() -> c_int) -> c_int {
        if !matches!(self.judge(Operation::Open, self.life), Verdict::Done) {
            return ffi::SQLITE_CANTOPEN;
        }
        let before = inode(path);
        let name = self.names.entry(path.to_owned()).or_default();
        let is_rewritten = std::mem::take(&mut name.is_marked) && changed_at(path) != Some(UNTOUCHED);
        if let Some(inode) = before
            && (is_rewritten || name.current.as_ref().is_none_or(|image| image.inode != inode))
        {
            // Made, put in place, or written again, by other means than SQLite. It is read before it is opened: closing any other
            // descriptor of a file gives up the process's locks on it.
            let Ok(bytes) = fs::read(path) else { return ffi::SQLITE_CANTOPEN };
            name.current = Some(FileImage::durable(inode, bytes));
        }
        let code = open();
        if code == ffi::SQLITE_OK {
            if before.is_none() {
                name.current = inode(path).map(FileImage::new);
            }
            self.open_files += 1;
        }
        code
    }

    pub(crate) fn read(&mut self, life: u64, read: impl FnOnce() -> c_int) -> c_int {
        match self.judge(Operation::Read, life) {
            Verdict::Done => read(),
            Verdict::Fails(_) | Verdict::Dead => ffi::SQLITE_IOERR_READ,
        }
    }

    pub(crate) fn write(
        &mut self,
        (path, life): (&Path, u64),
        offset: usize,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> c_int,
    ) -> c_int {
        let failed = ffi::SQLITE_IOERR_WRITE;
        let (done, code) = match self.judge(Operation::Write, life) {
            Verdict::Dead | Verdict::Fails(Failure::Io | Failure::IoAndForgotten) => return failed,
            Verdict::Fails(Failure::Full) => return ffi::SQLITE_FULL,
            Verdict::Fails(Failure::IoAfterwards) => (bytes.len(), failed),
            Verdict::Fails(Failure::Torn | Failure::End) => (self.part_of(bytes), failed),
            Verdict::Fails(Failure::FullAfterPart) => (self.part_of(bytes), ffi::SQLITE_FULL),
            Verdict::Done => match self.room_for(path, offset, bytes.len()) {
                room if room < bytes.len() => (room, ffi::SQLITE_FULL),
                _ => (bytes.len(), ffi::SQLITE_OK),
            },
        };
        if done == 0 {
            return code;
        }
        let written = write(&bytes[..done]);
        if written != ffi::SQLITE_OK {
            return written;
        }
        if let Some(image) = self.image(path) {
            image.write(offset, &bytes[..done]);
        }
        code
    }

    fn part_of(&mut self, bytes: &[u8]) -> usize {
        self.random.random_range(0..bytes.len().max(1))
    }

    /// How many bytes of a write find room. What is overwritten has its room already.
    fn room_for(&mut self, path: &Path, offset: usize, length: usize) -> usize {
        let Some(bytes_max) = self.bytes_max else { return length };
        let left = usize::try_from(bytes_max.saturating_sub(self.used_bytes())).unwrap_or(usize::MAX);
        let own = self.image(path).map_or(0, |image| image.length());
        let room = length.min(own.saturating_add(left).saturating_sub(offset));
        if room < length {
            *self.struck.entry((Operation::Write, Failure::Full)).or_default() += 1;
        }
        room
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.names.values().filter_map(|name| name.current.as_ref()).map(|image| image.length() as u64).sum()
    }

    pub(crate) fn truncate(
        &mut self,
        (path, life): (&Path, u64),
        length: usize,
        truncate: impl FnOnce() -> c_int,
    ) -> c_int {
        let failed = ffi::SQLITE_IOERR_TRUNCATE;
        let code = match self.judge(Operation::Truncate, life) {
            Verdict::Done => ffi::SQLITE_OK,
            Verdict::Fails(Failure::IoAfterwards | Failure::End) => failed,
            Verdict::Fails(_) | Verdict::Dead => return failed,
        };
        let truncated = truncate();
        if truncated != ffi::SQLITE_OK {
            return truncated;
        }
        if let Some(image) = self.image(path) {
            image.set_length(length);
        }
        code
    }

    /// `forget` puts the given bytes in the place of the file's content, as the cache would read it from the disk.
    pub(crate) fn sync(
        &mut self,
        (path, life): (&Path, u64),
        sync: impl FnOnce() -> c_int,
        forget: impl FnOnce(&[u8]) -> c_int,
    ) -> c_int {
        let failed = ffi::SQLITE_IOERR_FSYNC;
        let verdict = self.judge(Operation::Sync, life);
        let image = self.names.get_mut(path).and_then(|name| name.current.as_mut());
        let Some(image) = image else { return sync() };
        match verdict {
            Verdict::Dead | Verdict::Fails(Failure::End) => return failed,
            Verdict::Done | Verdict::Fails(Failure::IoAfterwards) => {
                let synced = sync();
                if synced != ffi::SQLITE_OK {
                    return synced;
                }
                image.synced();
                if syncs_directory_too(path) {
                    self.directory_synced();
                }
            }
            Verdict::Fails(failure) => {
                image.sync_failed(&mut self.random);
                let left = image.without_cache();
                if failure == Failure::IoAndForgotten && !left.is_empty() {
                    return match forget(&left) {
                        ffi::SQLITE_OK => failed,
                        code => code,
                    };
                }
                return failed;
            }
        }
        if matches!(verdict, Verdict::Done) { ffi::SQLITE_OK } else { failed }
    }

    pub(crate) fn delete(
        &mut self,
        path: &Path,
        syncs_directory: bool,
        delete: impl FnOnce() -> c_int,
    ) -> c_int {
        let failed = ffi::SQLITE_IOERR_DELETE;
        let code = match self.judge(Operation::Delete, self.life) {
            Verdict::Done => ffi::SQLITE_OK,
            Verdict::Fails(Failure::IoAfterwards | Failure::End) => failed,
            Verdict::Fails(_) | Verdict::Dead => return failed,
        };
        let deleted = delete();
        if deleted != ffi::SQLITE_OK {
            return deleted;
        }
        let name = self.names.entry(path.to_owned()).or_default();
        if let Some(image) = name.current.take_if(|image| image.is_listed) {
            name.removed = Some(image);
        }
        name.current = None;
        if syncs_directory {
            self.directory_synced();
        }
        code
    }

    fn directory_synced(&mut self) {
        for name in self.names.values_mut() {
            name.removed = None;
            name.current.iter_mut().for_each(|image| image.is_listed = true);
        }
    }

    fn image(&mut self, path: &Path) -> Option<&mut FileImage> {
        self.names.get_mut(path).and_then(|name| name.current.as_mut())
    }

    /// The next process may begin; the operating system and its cache have lived on.
    pub(crate) fn begin_life(&mut self) -> io::Result<()> {
        for (path, name) in self.names.iter_mut().filter(|(path, _)| path.exists()) {
            fs::File::options().write(true).open(path)?.set_modified(UNTOUCHED)?;
            name.is_marked = true;
        }
        self.life += 1;
        self.has_ended = false;
        self.rules.clear();
        Ok(())
    }

    /// Makes the files what the disk holds of them, by its seed.
    pub(crate) fn cut_power(&mut self) -> io::Result<()> {
        for (path, mut name) in std::mem::take(&mut self.names) {
            // A file that was renamed or removed without SQLite is no longer this name's.
            let current = name.current.take_if(|image| inode(&path) == Some(image.inode));
            let left = match current {
                Some(image) if image.is_listed => Some(image),
                Some(image) => match self.random.random_range(0..3) {
                    0 => Some(image),
                    1 => name.removed,
                    _ => None,
                },
                None => name.removed.filter(|_| inode(&path).is_none() && self.random.random_bool(0.5)),
            };
            match left {
                Some(image) => {
                    let bytes = image.surviving(&mut self.random);
                    fs::write(&path, &bytes)?;
                    let image = inode(&path).map(|inode| FileImage::durable(inode, bytes));
                    self.names.insert(path, Name { current: image, ..Name::default() });
                }
                None => match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                },
            }
        }
        Ok(())
    }
}

/// SQLite syncs the directory with the first sync of a journal that it may have created, never for a database file.
fn syncs_directory_too(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("-wal") || name.ends_with("-journal")
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.ino())
}

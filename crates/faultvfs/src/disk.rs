use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fs, io};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::bookkeeping::Bookkeeping;
use crate::fault::{Failure, Operation, Rule};
use crate::vfs;

/// How a process that used the disk came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was killed. The operating system lives on, and so does what is in its cache.
    Killed,
    /// The power went, and the cache with it.
    PowerCut,
}

/// Every mounted disk, for finding the one that a path is on.
static MOUNTED: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// The disk that a directory is on, as far as SQLite's files in it go. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    directory: PathBuf,
    books: Mutex<Bookkeeping>,
}

impl Shared {
    pub(crate) fn books(&self) -> MutexGuard<'_, Bookkeeping> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mounted disk that this path is on, if any.
    pub(crate) fn under(path: &Path) -> Option<Arc<Self>> {
        let mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner);
        mounted.iter().filter_map(Weak::upgrade).find(|disk| path.starts_with(&disk.directory))
    }
}

impl Disk {
    /// Mounts a disk over a directory until the last clone is dropped. What chance decides follows from the seed.
    ///
    /// From the first mount on, every connection of this process that names no VFS goes through the one of this crate.
    pub fn mount(directory: &Path, seed: u64) -> io::Result<Self> {
        vfs::register().map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            // SQLite asks for files by their real path.
            directory: fs::canonicalize(directory)?,
            books: Mutex::new(Bookkeeping::new(StdRng::seed_from_u64(seed))),
        });
        let mut mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner);
        mounted.retain(|disk| disk.strong_count() > 0);
        mounted.push(Arc::downgrade(&shared));
        Ok(Self(shared))
    }

    /// Adds a rule. Rules hold until [`Disk::clear`] or a restart.
    pub fn inject(&self, rule: Rule) {
        self.0.books().rules.push(rule);
    }

    /// From now on nothing fails, and there is room.
    pub fn clear(&self) {
        let mut books = self.0.books();
        books.rules.clear();
        books.bytes_max = None;
    }

    /// All files together may hold so many bytes; a write that grows one beyond it finds the disk full. `None` is no
    /// bound.
    pub fn limit_bytes(&self, bytes_max: Option<u64>) {
        self.0.books().bytes_max = bytes_max;
    }

    /// Bytes that all files hold now.
    pub fn used_bytes(&self) -> u64 {
        self.0.books().used_bytes()
    }

    /// Steps so far: writes, cuts, syncs and removals since the mount, failed ones too.
    pub fn steps(&self) -> u64 {
        self.0.books().operations.len() as u64
    }

    /// What each step so far was.
    pub fn operations(&self) -> Vec<Operation> {
        self.0.books().operations.clone()
    }

    /// Reads since the mount.
    pub fn reads(&self) -> u64 {
        self.0.books().reads
    }

    /// Files opened since the mount.
    pub fn opens(&self) -> u64 {
        self.0.books().opens
    }

    /// How often what failed how.
    pub fn failures(&self) -> BTreeMap<(Operation, Failure), u64> {
        self.0.books().struck.clone()
    }

    /// The process that uses the disk has ended: whatever is still open of it fails.
    pub fn end(&self) {
        self.0.books().has_ended = true;
    }

    /// Whether the process that uses the disk has ended, by [`Disk::end`] or by a rule.
    pub fn has_ended(&self) -> bool {
        self.0.books().has_ended
    }

    /// Lets the next process begin with what the ended one left; no rules hold. Fails while files are still open.
    pub fn restart(&self, ending: Ending) -> io::Result<()> {
        let mut books = self.0.books();
        if books.open_files > 0 {
            return Err(io::Error::other(format!("{} files are still open", books.open_files)));
        }
        if ending == Ending::PowerCut {
            books.cut_power()?;
            for file in fs::read_dir(&self.0.directory)? {
                let path = file?.path();
                if path.to_string_lossy().ends_with("-shm") {
                    fs::remove_file(path)?;
                }
            }
        }
        books.begin_life()
    }
}

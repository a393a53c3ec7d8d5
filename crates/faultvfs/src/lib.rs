//! A disk under SQLite that loses power, fills up and fails, on a schedule that a test decides.
//!
//! [`Disk::mount`] registers a VFS of SQLite's (<https://www.sqlite.org/vfs.html>) as the process's default one. It hands
//! everything on to SQLite's own, and for files in a mounted directory it keeps account of what a real disk would hold:
//! what was written since a file's last successful sync is in a volatile cache, and only there. A power cut keeps, drops
//! or tears each of those writes by the disk's seed, sector by sector. A sync that fails leaves, as on Linux, pages that
//! are clean and not durable: a later sync that succeeds does not make them so, unless they are written again.
//!
//! Deliberately absent: the index of the WAL (`-shm`), which no power cut outlives; memory-mapped I/O, which the ledger
//! does not use; what is written without SQLite, which counts as synced; operating systems other than Unix.

mod bookkeeping;
mod disk;
mod fault;
mod file;
mod image;
mod vfs;

pub use disk::{Disk, Ending};
pub use fault::{Failure, Operation, Rule};

//! The process and the disk it writes to, as the operating system tells them.

use std::fs;
use std::io;
use std::path::Path;

/// The file system that holds a directory, and the files directly in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a unit stands last in a name")]
pub(super) struct Disk {
    pub(super) size_bytes: u64,
    /// What this process may still write.
    pub(super) available_bytes: u64,
    pub(super) directory_bytes: u64,
}

impl Disk {
    /// Asks the system, which may take as long as a disk takes.
    pub(super) fn holding(directory: &Path) -> io::Result<Self> {
        let found = rustix::fs::statvfs(directory)?;
        let mut directory_bytes = 0;
        // Only what lies in it directly, which is the store: an archive below it may have millions of files.
        for entry in fs::read_dir(directory)? {
            // A file that is gone by now has no size.
            directory_bytes +=
                entry?.metadata().ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len());
        }
        Ok(Self {
            size_bytes: found.f_blocks.saturating_mul(found.f_frsize),
            available_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            directory_bytes,
        })
    }
}

/// Bytes of this process that are in memory; `None` where there is no `/proc`.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// File descriptors that this process has open; `None` where there is no `/proc`.
pub(super) fn open_descriptors() -> Option<u64> {
    // Reading the directory has one open itself.
    fs::read_dir("/proc/self/fd").ok().map(|entries| (entries.count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_counts_the_files_directly_in_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), [0; 1_000]).unwrap();
        fs::create_dir(directory.path().join("archive")).unwrap();
        fs::write(directory.path().join("archive/b"), [0; 500]).unwrap();
        let disk = Disk::holding(directory.path()).unwrap();
        assert_eq!(disk.directory_bytes, 1_000);
        assert!(disk.available_bytes > 0 && disk.available_bytes <= disk.size_bytes, "{disk:?}");
        assert!(Disk::holding(&directory.path().join("gone")).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_in_memory_and_has_files_open() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        assert!(open_descriptors().unwrap() >= 3);
    }
}

//! What a process has used so far, as Linux tells it in `/proc`. Elsewhere there is no answer.

use std::fs;
use std::path::PathBuf;

use crate::Failure;

/// `USER_HZ`: the unit of times in `/proc/*/stat` on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is looked at.
pub(crate) struct Process {
    directory: PathBuf,
}

impl Process {
    pub(crate) fn this() -> Self {
        Self { directory: PathBuf::from("/proc/self") }
    }

    pub(crate) fn of(pid: u32) -> Self {
        Self { directory: PathBuf::from(format!("/proc/{pid}")) }
    }

    /// User and system time of all threads, in seconds, to a hundredth.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        cpu_seconds_in(&self.read("stat")?)
    }

    /// Memory that is resident now (`VmRSS`), in bytes.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        memory_in(&self.read("status")?, "VmRSS:")
    }

    /// The most memory that was ever resident at once (`VmHWM`), in bytes.
    pub(crate) fn memory_peak_bytes(&self) -> Option<u64> {
        memory_in(&self.read("status")?, "VmHWM:")
    }

    /// Bytes that the process has caused to be sent to disks (`write_bytes`), as of now: what is still in the page
    /// cache of a file that was not synced is in it too.
    pub(crate) fn written_bytes(&self) -> Option<u64> {
        written_bytes_in(&self.read("io")?)
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(file)).ok()
    }
}

/// Keeps this thread, and those that it starts from now on, to the first so many of the cores it may run on.
#[cfg(target_os = "linux")]
pub(crate) fn keep_to_cores(cores: usize) -> Result<(), Failure> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let mut kept = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(cores).for_each(|core| kept.set(core));
    Ok(sched_setaffinity(None, &kept)?)
}

/// Other systems have no call for it that would hold.
#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_to_cores(_cores: usize) -> Result<(), Failure> {
    Err("a process is kept to some cores only on Linux".into())
}

fn cpu_seconds_in(stat: &str) -> Option<f64> {
    // The command's name is in parentheses and may hold anything; utime and stime are fields 14 and 15 (proc(5)).
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_ascii_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn memory_in(status: &str, name: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = kibibytes.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

fn written_bytes_in(io: &str) -> Option<u64> {
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1";
        assert_eq!(cpu_seconds_in(stat), Some(3.0));
        assert_eq!(cpu_seconds_in("42 (a) S 1 2"), None);
    }

    #[test]
    fn memory_is_in_bytes_and_the_peak_is_not_what_is_resident_now() {
        let status = "Name:\tbench\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(memory_in(status, "VmHWM:"), Some(2_097_152));
        assert_eq!(memory_in(status, "VmRSS:"), Some(1_024));
        assert_eq!(memory_in("Name:\tbench\n", "VmHWM:"), None);
    }

    #[test]
    fn written_bytes_are_those_of_the_disk_and_not_of_the_system_call() {
        let io = "rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n";
        assert_eq!(written_bytes_in(io), Some(4_096));
        assert_eq!(written_bytes_in(""), None);
    }
}

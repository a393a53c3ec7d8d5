//! The data directory: who may read it, whether it can be written, how much room there is; and the key in it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::diagnosis::Diagnosis;
use crate::data_directory::DataDirectory;
use crate::output::bytes;

const ABOUT: &str = "data directory";

/// Bits of permission for anybody but the owner.
const OTHERS: u32 = 0o077;

/// Room below which somebody should look, and below which events are about to be refused.
const ROOM_LOW: Room = Room { bytes: 2 << 30, percent: 10 };
const ROOM_CRITICAL: Room = Room { bytes: 256 << 20, percent: 1 };

struct Room {
    bytes: u64,
    percent: u64,
}

pub(super) fn check(directory: &DataDirectory, diagnosis: &mut Diagnosis) {
    let root = directory.root();
    permissions(root, "permissions", diagnosis);
    writable(root, diagnosis);
    room(root, diagnosis);
    match directory.signing_key() {
        Ok(signer) => {
            diagnosis.pass(ABOUT, "signing-key", format!("the key signs for {}", signer.name()));
            permissions(&root.join("signing.key"), "signing-key-permissions", diagnosis);
        }
        Err(failure) => {
            let message = failure.to_string().replace('\n', " ");
            diagnosis.fail(ABOUT, "signing-key", message, "put the key back from where you keep it");
        }
    }
}

fn permissions(path: &Path, check: &'static str, diagnosis: &mut Diagnosis) {
    const ADVICE: &str = "take all rights from group and others: chmod go= PATH";
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & OTHERS == 0 => {
            diagnosis.pass(ABOUT, check, format!("only its owner may use {}", path.display()));
        }
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            let message = format!("others than its owner may use {} (mode {mode:o})", path.display());
            diagnosis.warn(ABOUT, check, message, ADVICE);
        }
        Err(error) => diagnosis.fail(ABOUT, check, format!("{}: {error}", path.display()), ADVICE),
    }
}

/// Writes and syncs a file of its own beside the ledger, also while a server runs.
fn writable(root: &Path, diagnosis: &mut Diagnosis) {
    let path = root.join(format!(".doctor-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| {
        file.write_all(b"A file of strongroom doctor. It may be deleted.\n")?;
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    match written.and(removed) {
        Ok(()) => diagnosis.pass(ABOUT, "writable", "a file can be written and synced"),
        Err(error) => diagnosis.fail(
            ABOUT,
            "writable",
            format!("a file cannot be written in {}: {error}", root.display()),
            "let the user that runs strongroom write there",
        ),
    }
}

fn room(root: &Path, diagnosis: &mut Diagnosis) {
    const ADVICE: &str = "make room, or archive more often: events are refused when the disk is full";
    let found = match rustix::fs::statvfs(root) {
        Ok(found) => found,
        Err(error) => return diagnosis.unknown(ABOUT, "disk-space", error.to_string(), ADVICE),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let percent = found.f_bavail.saturating_mul(100) / found.f_blocks.max(1);
    let message = format!("{} are free ({percent} %)", bytes(free));
    // A large disk with a small share left is as fine as a small one with much of it left.
    let is_below = |room: &Room| free < room.bytes && percent < room.percent;
    if is_below(&ROOM_CRITICAL) {
        diagnosis.fail(ABOUT, "disk-space", message, ADVICE);
    } else if is_below(&ROOM_LOW) {
        diagnosis.warn(ABOUT, "disk-space", message, ADVICE);
    } else {
        diagnosis.pass(ABOUT, "disk-space", message);
    }
}

//! The VFS: SQLite's own, with another way to open and to remove files.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::ffi;

use crate::disk::Shared;
use crate::file;

/// SQLite's own VFS, which does the work.
#[derive(Clone, Copy)]
struct Below(*mut ffi::sqlite3_vfs);

// SAFETY: a registered VFS is never freed, and SQLite itself calls it from any thread.
unsafe impl Send for Below {}
// SAFETY: as above; nothing here changes it.
unsafe impl Sync for Below {}

static BELOW: OnceLock<Result<Below, String>> = OnceLock::new();

/// A wait for a lock lasts a fraction of what SQLite asks for: whoever holds it is of this process, and fast.
const SLEEP_DIVISOR: u32 = 20;

/// Makes this VFS the process's default one, once.
pub(crate) fn register() -> Result<(), String> {
    BELOW.get_or_init(|| register_over_default().map(Below)).as_ref().map(|_| ()).map_err(Clone::clone)
}

fn register_over_default() -> Result<*mut ffi::sqlite3_vfs, String> {
    // SAFETY: both may be called at any time; a null name asks for the default VFS.
    let below = unsafe {
        ffi::sqlite3_initialize();
        ffi::sqlite3_vfs_find(ptr::null())
    };
    if below.is_null() {
        return Err("SQLite has no VFS".into());
    }
    // SAFETY: a VFS that was found stays valid and does not change.
    let mut own = unsafe { *below };
    own.szOsFile += file::room_bytes();
    own.pNext = ptr::null_mut();
    own.zName = c"faultvfs".as_ptr();
    own.xOpen = Some(open);
    own.xDelete = Some(delete);
    own.xSleep = Some(sleep);
    let own = Box::leak(Box::new(own));
    // SAFETY: the structure lives for ever, as a registered one must.
    match unsafe { ffi::sqlite3_vfs_register(own, 1) } {
        ffi::SQLITE_OK => Ok(below),
        code => Err(format!("the VFS could not be registered (SQLite's code {code})")),
    }
}

fn below() -> *mut ffi::sqlite3_vfs {
    match BELOW.get() {
        Some(Ok(below)) => below.0,
        // The functions below are called by way of the registered VFS only.
        _ => ptr::null_mut(),
    }
}

/// # Safety
/// `name` is null or a C string that outlives the answer.
unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let below = below();
    // SAFETY: `below` is registered; `file` has room for its files, and ours before them.
    let open_below = |file| unsafe {
        match (*below).xOpen {
            Some(open) => open(below, name, file, flags, flags_out),
            None => ffi::SQLITE_CANTOPEN,
        }
    };
    // SAFETY: SQLite gives a name that lives as long as the file.
    let path = unsafe { path_of(name) };
    let Some((path, disk)) = path.and_then(|path| Some((path, Shared::under(path)?))) else {
        // Not ours: the file is SQLite's own altogether.
        return open_below(file);
    };
    // SAFETY: `file` is room of `szOsFile` bytes, as asked for.
    unsafe { file::open(file, disk, path, open_below) }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    let below = below();
    // SAFETY: `below` is registered, and the arguments are handed on as they came.
    let delete_below = || unsafe {
        match (*below).xDelete {
            Some(delete) => delete(below, name, sync_directory),
            None => ffi::SQLITE_IOERR_DELETE,
        }
    };
    // SAFETY: SQLite gives a C string that lives during the call.
    match unsafe { path_of(name) }.and_then(|path| Some((path, Shared::under(path)?))) {
        Some((path, disk)) => disk.books().delete(path, sync_directory != 0, delete_below),
        None => delete_below(),
    }
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    std::thread::sleep(Duration::from_micros(u64::from(micros.unsigned_abs() / SLEEP_DIVISOR)));
    micros
}

//! An open file: SQLite's own, behind one that keeps the books.
//!
//! SQLite gives room for a file; ours is at its beginning, the one below behind it.

use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{ptr, slice};

use rusqlite::ffi::{self, sqlite3_file};

use crate::disk::Shared;

#[repr(C)]
struct File {
    /// Must come first: SQLite knows no more of it.
    base: sqlite3_file,
    /// Owned; null once closed.
    handle: *mut Handle,
}

/// What one opened file is on its disk.
struct Handle {
    disk: Arc<Shared>,
    path: PathBuf,
    life: u64,
}

/// Where the file below begins: aligned as SQLite aligns its memory.
const BELOW_OFFSET: usize = size_of::<File>().next_multiple_of(16);

/// Bytes that are written at once where a whole file is.
const PIECE_BYTES: usize = 64 << 10;

/// Bytes of room that this file needs before the one below it.
pub(crate) fn room_bytes() -> c_int {
    BELOW_OFFSET as c_int
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // The version without memory-mapped I/O, which nobody could keep books of.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Opens the file below, and ours before it.
///
/// # Safety
/// `file` is room for [`room_bytes`] and a file of the VFS below.
pub(crate) unsafe fn open(
    file: *mut sqlite3_file,
    disk: Arc<Shared>,
    path: &Path,
    open_below: impl FnOnce(*mut sqlite3_file) -> c_int,
) -> c_int {
    let own = file.cast::<File>();
    // SAFETY: there is room for both. A file without methods is one that SQLite does not close.
    let below = unsafe {
        ptr::write(own, File { base: sqlite3_file { pMethods: ptr::null() }, handle: ptr::null_mut() });
        let below = below(file);
        (*below).pMethods = ptr::null();
        below
    };
    let mut books = disk.books();
    let code = books.open(path, || open_below(below));
    let life = books.life;
    drop(books);
    if code == ffi::SQLITE_OK {
        let handle = Box::into_raw(Box::new(Handle { disk, path: path.to_owned(), life }));
        // SAFETY: `own` was written above and nobody else knows it yet.
        unsafe {
            (*own).handle = handle;
            (*own).base.pMethods = &raw const METHODS;
        }
    }
    code
}

/// # Safety
/// `file` is one of ours, or room for one.
unsafe fn below(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the room is larger than the offset.
    unsafe { file.cast::<u8>().add(BELOW_OFFSET).cast() }
}

/// # Safety
/// `file` is an open one of ours; the answer is used only until it is closed.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a Handle {
    // SAFETY: an open file has a handle, which `close` frees last.
    unsafe { &*(*file.cast::<File>()).handle }
}

/// Calls a method of the file below with the same arguments; the code where it has no such method.
macro_rules! call_below {
    ($file:ident . $method:ident ( $($argument:expr),* ) else $missing:expr) => {{
        // SAFETY: SQLite calls methods on open files only, and the one below was opened with ours; the arguments are
        // SQLite's own, or as long-lived.
        unsafe {
            let below = below($file);
            match (*(*below).pMethods).$method {
                Some(method) => method(below, $($argument),*),
                None => $missing,
            }
        }
    }};
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let code = call_below!(file.xClose() else ffi::SQLITE_OK);
    // SAFETY: SQLite closes an open file once; its handle came from a box.
    let handle = unsafe {
        let own = file.cast::<File>();
        (*own).base.pMethods = ptr::null();
        Box::from_raw(std::mem::replace(&mut (*own).handle, ptr::null_mut()))
    };
    handle.disk.books().open_files -= 1;
    code
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, amount: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite reads from open files only.
    let Handle { disk, life, .. } = unsafe { handle(file) };
    disk.books().read(*life, || call_below!(file.xRead(to, amount, offset) else ffi::SQLITE_IOERR))
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite writes to open files only, from memory that holds so many bytes.
    let (Handle { disk, path, life }, bytes) =
        unsafe { (handle(file), slice::from_raw_parts(from.cast::<u8>(), amount as usize)) };
    disk.books().write((path, *life), offset as usize, bytes, |bytes| write_below(file, bytes, offset))
}

fn write_below(file: *mut sqlite3_file, bytes: &[u8], offset: i64) -> c_int {
    call_below!(file.xWrite(bytes.as_ptr().cast(), bytes.len() as c_int, offset) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite cuts open files only.
    let Handle { disk, path, life } = unsafe { handle(file) };
    let below = || call_below!(file.xTruncate(size) else ffi::SQLITE_IOERR);
    disk.books().truncate((path, *life), size as usize, below)
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite syncs open files only.
    let Handle { disk, path, life } = unsafe { handle(file) };
    // The books are the disk: a real sync would only cost time.
    disk.books().sync(
        (path, *life),
        || ffi::SQLITE_OK,
        |bytes| {
            // A write of a multiple of 128 KiB is none to SQLite's VFS, which never asks for so much.
            let mut offset = 0;
            for piece in bytes.chunks(PIECE_BYTES) {
                match write_below(file, piece, offset) {
                    ffi::SQLITE_OK => offset += piece.len() as i64,
                    code => return code,
                }
            }
            ffi::SQLITE_OK
        },
    )
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    match operation {
        // Both would change the file's length beside the books.
        ffi::SQLITE_FCNTL_SIZE_HINT | ffi::SQLITE_FCNTL_CHUNK_SIZE => ffi::SQLITE_OK,
        _ => call_below!(file.xFileControl(operation, argument) else ffi::SQLITE_NOTFOUND),
    }
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut i64) -> c_int {
    call_below!(file.xFileSize(size) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    call_below!(file.xLock(level) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    call_below!(file.xUnlock(level) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, taken: *mut c_int) -> c_int {
    call_below!(file.xCheckReservedLock(taken) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    call_below!(file.xSectorSize() else 0)
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    call_below!(file.xDeviceCharacteristics() else 0)
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    page: c_int,
    page_bytes: c_int,
    extends: c_int,
    mapped: *mut *mut c_void,
) -> c_int {
    call_below!(file.xShmMap(page, page_bytes, extends, mapped) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    call_below!(file.xShmLock(offset, count, flags) else ffi::SQLITE_IOERR)
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    call_below!(file.xShmBarrier() else ());
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, deletes: c_int) -> c_int {
    call_below!(file.xShmUnmap(deletes) else ffi::SQLITE_OK)
}

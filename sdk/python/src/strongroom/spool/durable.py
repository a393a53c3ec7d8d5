"""Writing so that it is still there after a crash."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "darwin":
    import fcntl


def sync(descriptor: int) -> None:
    """Brings a file's bytes and length to the disk."""
    if sys.platform == "darwin":
        # Elsewhere fsync reaches the disk; there it stops at the disk's own cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


def sync_directory(path: Path) -> None:
    """Makes the creation, renaming and removal of files in it durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Writes the whole content, however many calls that takes."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace(path: Path, content: bytes) -> None:
    """Puts a file in place whole: a crash leaves the old content or the new one."""
    os.rename(write_beside(path, content), path)
    sync_directory(path.parent)


def write_beside(path: Path, content: bytes) -> Path:
    """Writes what is to take the place of `path`, durably, and answers where it is."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, content)
        sync(descriptor)
    finally:
        os.close(descriptor)
    return temporary


def remove(path: Path) -> None:
    """Removes a file durably; that it is not there is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_directory(path.parent)

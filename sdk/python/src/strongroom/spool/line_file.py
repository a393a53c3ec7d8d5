"""A file of lines that only grows at its end, and may end in half a line after a crash."""

from __future__ import annotations

import json
import os
from pathlib import Path

from . import durable

_CHUNK_BYTES = 1 << 20


class LineFile:
    """Appends whole lines durably. Not safe for use by several threads."""

    def __init__(self, path: Path) -> None:
        """Opens the file, made empty and durably if it is not there, and cuts a torn last line off."""
        self.path = path
        self._is_broken = False
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            #: Bytes that are known to be on the disk; all of them whole lines.
            self.size = os.fstat(self.descriptor).st_size
            if self.size == 0:
                # It may be new, or be left by an attempt that got no further than this.
                durable.sync_directory(path.parent)
            self.is_torn = self._cut_torn_line()
        except BaseException:
            os.close(self.descriptor)
            raise

    def append(self, lines: bytes) -> None:
        """Writes and syncs. After an error the file holds what it held before, as far as that can be had."""
        if self._is_broken:
            raise OSError(f"{self.path} ends in what an earlier error left")
        try:
            durable.write_all(self.descriptor, lines)
            durable.sync(self.descriptor)
        except OSError:
            # Half of it must not stay: the next append would be glued to it.
            self._is_broken = True
            os.ftruncate(self.descriptor, self.size)
            self._is_broken = False
            raise
        self.size += len(lines)

    def read(self, offset: int, bytes_max: int) -> bytes:
        """What there is from `offset`, at most so many bytes. Another thread may append meanwhile."""
        pieces = []
        end = min(self.size, offset + bytes_max)
        while offset < end:
            piece = os.pread(self.descriptor, min(_CHUNK_BYTES, end - offset), offset)
            if not piece:
                raise OSError(f"{self.path} is shorter than it was")
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def line_count(self, offset: int) -> int:
        """Lines from `offset` on."""
        count = 0
        while offset < self.size:
            piece = self.read(offset, _CHUNK_BYTES)
            count += piece.count(b"\n")
            offset += len(piece)
        return count

    def refuse_appends(self) -> None:
        """For a file of which nobody knows whether its name survives a crash."""
        self._is_broken = True

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _cut_torn_line(self) -> bool:
        if self.size == 0:
            return False
        has_end = self.read(self.size - 1, 1) == b"\n"
        start = self._line_start(self.size - 1 if has_end else self.size)
        if has_end and is_json(self.read(start, self.size - start)):
            return False
        os.ftruncate(self.descriptor, start)
        durable.sync(self.descriptor)
        self.size = start
        return True

    def _line_start(self, end: int) -> int:
        """Where the line begins that ends before `end`."""
        while end > 0:
            begin = max(0, end - _CHUNK_BYTES)
            found = self.read(begin, end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
        return 0


def is_json(line: bytes) -> bool:
    """Whether the line is one JSON value (RFC 8259), as readers in other languages see it."""
    try:
        json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")

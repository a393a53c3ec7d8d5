"""One spool file: the events of one stream that were spooled on one UTC day, and how far they are acknowledged."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from . import durable
from .line_file import LineFile

BATCH_EVENTS_MAX = 1_000
BATCH_BYTES_MAX = 1 << 20

_BLANK = b" \t\r\n\f"

_NAME = re.compile(r"(audit|discovery|tool)_(\d{4}-\d{2}-\d{2})\.jsonl")


@dataclass(frozen=True)
class Slice:
    """Lines to be sent, and where the file stands once they are acknowledged."""

    #: Without blank ones, which the server passes over: it would count positions otherwise.
    lines: Tuple[bytes, ...]
    end: int
    #: Lines of the file, blank ones included.
    count: int


class DayFile:
    """See the module. Appending, settling and reclaiming exclude each other by the directory's lock."""

    def __init__(self, path: Path) -> None:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name} is no spool file")
        self.stream: str = match.group(1)
        self.day: str = match.group(2)
        self.path = path
        self._progress = path.with_name(path.name + ".drained")
        if not path.exists():
            # Of an earlier file of this name: it would pass over events that nobody has acknowledged.
            durable.remove(self._progress)
        self._file = LineFile(path)
        self.is_torn = self._file.is_torn
        #: Bytes from the beginning that are acknowledged.
        self.drained = self._read_progress()
        self.pending_events = self._file.line_count(self.drained)

    @staticmethod
    def names_one(name: str) -> bool:
        return _NAME.fullmatch(name) is not None

    @property
    def size(self) -> int:
        return self._file.size

    @property
    def is_drained(self) -> bool:
        return self.drained >= self._file.size

    def append(self, lines: List[bytes]) -> None:
        self._file.append(b"".join(line + b"\n" for line in lines))
        self.pending_events += len(lines)

    def next_slice(self, bytes_max: int = BATCH_BYTES_MAX) -> Optional[Slice]:
        """The oldest events that are not acknowledged; one alone may be larger than `bytes_max`."""
        while not self.is_drained:
            piece = self._file.read(self.drained, bytes_max)
            lines = piece.split(b"\n")[:-1][:BATCH_EVENTS_MAX]
            if lines:
                end = self.drained + sum(len(line) + 1 for line in lines)
                return Slice(tuple(line for line in lines if line.strip(_BLANK)), end, len(lines))
            bytes_max *= 2
        return None

    def note_progress(self, done: Slice) -> None:
        """Writes down that these events need not be sent again. A crash before that only means that they are."""
        durable.replace(self._progress, b"%d" % done.end)

    def settle(self, done: Slice) -> None:
        """Passes over events whose progress is written."""
        self.drained = done.end
        self.pending_events -= done.count

    def delete(self) -> None:
        """Removes the file, then its progress."""
        self._file.close()
        durable.remove(self.path)
        durable.remove(self._progress)

    def reclaim(self) -> None:
        """Gives back the room of what is acknowledged, in a file that goes on being written to.

        The progress goes first: a crash after that means that all of the file is sent again, which the event ids make
        harmless. The other order would apply the old progress to the new file, and lose events.
        """
        rest = self._file.read(self.drained, self._file.size - self.drained)
        # What is most likely to fail comes before anything has changed.
        renewed = LineFile(durable.write_beside(self.path, rest))
        try:
            durable.remove(self._progress)
            os.rename(renewed.path, self.path)
        except BaseException:
            renewed.close()
            raise
        # From here on the name means the new file, and what is appended to the old one is lost.
        renewed.path = self.path
        whole, self._file, self.drained = self._file, renewed, 0
        whole.close()
        try:
            durable.sync_directory(self.path.parent)
        except OSError:
            renewed.refuse_appends()
            raise

    def close(self) -> None:
        self._file.close()

    def _read_progress(self) -> int:
        """What is no offset of a line's beginning is not believed: the events are sent again."""
        try:
            text = self._progress.read_bytes()
        except FileNotFoundError:
            return 0
        offset = int(text) if re.fullmatch(rb"[0-9]{1,18}\n?", text) else 0
        if 0 < offset <= self._file.size and self._file.read(offset - 1, 1) == b"\n":
            return offset
        return 0


def day_files(directory: Path) -> List[DayFile]:
    """Those of a directory, oldest day first.

    Removes what a crash left: files that were to replace others, and progress without a file.
    """
    names = sorted(os.listdir(directory))
    for name in names:
        is_left_over = name.endswith(".new") or (name.endswith(".drained") and name[: -len(".drained")] not in names)
        if is_left_over and DayFile.names_one(re.sub(r"(\.drained)?(\.new)?$", "", name)):
            durable.remove(directory / name)
    files = [DayFile(directory / name) for name in names if DayFile.names_one(name)]
    return sorted(files, key=lambda file: (file.day, file.stream))

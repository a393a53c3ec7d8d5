"""The spool's directory: one process has it, and everything in it is counted."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..errors import SpoolError, SpoolFull, SpoolInUse
from ..times import today
from . import durable
from .day_file import DayFile, Slice, day_files
from .line_file import LineFile, is_json
from .settings import Spool
from .status import Status

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


#: Most events are shorter than this.
_FIRST_LINE_BYTES = 4 << 10


class SpoolDirectory:
    """Files by stream and day. Safe for one thread that appends, one that drains and any that ask for the status."""

    def __init__(self, settings: Spool) -> None:
        """Takes the lock, cuts torn lines off and finds what is pending. Raises `SpoolInUse` or `SpoolError`."""
        self.path = Path(settings.directory)
        self.bytes_max = settings.bytes_max
        # Held while the files of events change, syncing included, and while they are looked at.
        self._lock = threading.Lock()
        # Held by the thread that drains, for all that it writes, and taken first. Without it, appending would wait for
        # the syncing of progress, and closing could give the directory away in the middle of it.
        self._draining = threading.Lock()
        self._is_closed = False
        try:
            _make(self.path)
            self._lock_descriptor = _lock(self.path)
            try:
                self._recover()
            except BaseException:
                os.close(self._lock_descriptor)
                raise
        except OSError as error:
            raise SpoolError(f"the spool {self.path} cannot be opened: {error}") from error

    def _recover(self) -> None:
        self._rejected_path = self.path / "rejected"
        _make(self._rejected_path)
        self.torn_lines = 0
        self.rejected_events = 0
        self._rejected: Dict[str, int] = {}
        for path in sorted(self._rejected_path.glob("*.jsonl")):
            file = LineFile(path)
            self.torn_lines += file.is_torn
            self.rejected_events += file.line_count(0)
            self._rejected[path.name] = file.size
            file.close()
        self._files: Dict[str, List[DayFile]] = {}
        for day_file in day_files(self.path):
            self.torn_lines += day_file.is_torn
            self._files.setdefault(day_file.stream, []).append(day_file)
        self._delete_drained()

    def append(self, stream: str, lines: List[bytes]) -> List[Optional[SpoolFull]]:
        """Appends what fits and answers, for each line, why not. Raises `OSError` when nothing was appended."""
        with self._lock:
            self._check_usable()
            room = self.bytes_max - self._bytes_on_disk()
            fitting: List[bytes] = []
            answers: List[Optional[SpoolFull]] = []
            for line in lines:
                fits = len(line) + 1 <= room
                answers.append(None if fits else self._full())
                if fits:
                    fitting.append(line)
                    room -= len(line) + 1
            if fitting:
                self._current(stream).append(fitting)
            return answers

    def pending_events(self) -> Dict[str, int]:
        """By stream."""
        with self._lock:
            return {stream: sum(file.pending_events for file in files) for stream, files in self._files.items()}

    def next_slice(self, passed_over: str) -> Optional[Tuple[DayFile, Slice]]:
        """The oldest pending events of one stream; of another one than `passed_over`, if there are any."""
        with self._lock:
            self._check_usable()
            streams = sorted(self._files, key=lambda stream: (stream == passed_over, stream))
            pending = (file for stream in streams for file in self._files[stream] if not file.is_drained)
            file = next(pending, None)
            found = file.next_slice() if file is not None else None
            return None if file is None or found is None else (file, found)

    def settle(self, file: DayFile, done: Slice) -> None:
        """Moves the progress on."""
        with self._draining:
            self._check_usable()
            file.note_progress(done)
            with self._lock:
                file.settle(done)

    def give_room_back(self) -> None:
        """Deletes drained files of earlier days, and rewrites those of which most is drained."""
        with self._draining, self._lock:
            self._check_usable()
            self._delete_drained()
            for file in self._all():
                # Copying costs less than what it frees, so that room is given back at a bounded price.
                if file.drained * 2 >= file.size and file.drained * 8 >= self.bytes_max:
                    file.reclaim()

    def reject(self, file: DayFile, refused: List[Tuple[Mapping[str, Any], bytes]]) -> None:
        """Puts refused lines aside, each with its reason, durably."""
        with self._draining:
            self._check_usable()
            rows = b"".join(_rejected_row(reason, line) for reason, line in refused)
            rejected = LineFile(self._rejected_path / file.path.name)
            try:
                rejected.append(rows)
                with self._lock:
                    self._rejected[file.path.name] = rejected.size
                    self.rejected_events += len(refused)
            finally:
                rejected.close()

    def status(self, last_error: Optional[str]) -> Status:
        with self._lock:
            pending = [file for file in self._all() if not file.is_drained and not self._is_closed]
            oldest = [time for time in map(_occurred_at, pending) if time is not None]
            return Status(
                pending_events=sum(file.pending_events for file in self._all()),
                pending_bytes=sum(file.size - file.drained for file in self._all()),
                oldest_occurred_at=min(oldest, default=None),
                rejected_events=self.rejected_events,
                torn_lines=self.torn_lines,
                bytes_on_disk=self._bytes_on_disk(),
                bytes_max=self.bytes_max,
                last_error=last_error,
            )

    def close(self) -> None:
        """Gives the directory to whoever comes next. A thread that is still draining changes nothing any more."""
        with self._draining, self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            for file in self._all():
                file.close()
            os.close(self._lock_descriptor)

    def _check_usable(self) -> None:
        if self._is_closed:
            raise SpoolError("the spool was closed")

    def _current(self, stream: str) -> DayFile:
        """The file of today; of the newest day there is when the clock was set back: order comes first."""
        files = self._files.setdefault(stream, [])
        day = max([today()] + [file.day for file in files])
        if not files or files[-1].day != day:
            files.append(DayFile(self.path / f"{stream}_{day}.jsonl"))
        return files[-1]

    def _delete_drained(self) -> None:
        for stream, files in self._files.items():
            over = [file for file in files if file.is_drained and file.day < today()]
            for file in over:
                file.delete()
            self._files[stream] = [file for file in files if file not in over]

    def _all(self) -> List[DayFile]:
        return [file for files in self._files.values() for file in files]

    def _bytes_on_disk(self) -> int:
        return sum(file.size for file in self._all()) + sum(self._rejected.values())

    def _full(self) -> SpoolFull:
        rejected = sum(self._rejected.values())
        return SpoolFull(
            f"the spool {self.path} is full: {self._bytes_on_disk()} of {self.bytes_max} bytes are in use, "
            f"{rejected} of them by rejected events; the event was not spooled"
        )


def _make(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.sync_directory(path.parent)
    # Events name people, and whoever can write here can put words into somebody's mouth.
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


def _lock(path: Path) -> int:
    if fcntl is None:
        raise SpoolError("a spool needs a POSIX system")
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        by = f" by pid {holder}" if holder else ""
        raise SpoolInUse(f"the spool {path} is in use{by}: give each process a directory of its own") from None
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor


def _occurred_at(file: DayFile) -> Optional[str]:
    pending = file.next_slice(_FIRST_LINE_BYTES)
    line = pending.lines[0] if pending is not None and pending.lines else b"null"
    first = json.loads(line) if is_json(line) else None
    time = first.get("occurred_at") if isinstance(first, dict) else None
    return time if isinstance(time, str) else None


def _rejected_row(reason: Mapping[str, Any], line: bytes) -> bytes:
    head = json.dumps(reason, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    if not is_json(line):
        # Damaged on the disk; kept as a text, because it is still the only copy.
        line = json.dumps(line.decode("utf-8", "replace")).encode("ascii")
    return b'{"reason":' + head + b',"event":' + line + b"}\n"

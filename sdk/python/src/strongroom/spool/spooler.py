"""A spool at work: its directory, the thread that writes and the one that drains."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future
from typing import Callable, Dict, Optional

from ..errors import SpoolInUse
from ..prepared import Prepared, check_shape
from ..receipts import Spooled
from ..transport import Transport
from .directory import SpoolDirectory
from .drainer import Drainer
from .settings import Spool
from .status import Status
from .writer import Writer


class Spooler:
    """What a client has when it was given a `Spool`."""

    def __init__(self, settings: Spool, transport: Transport) -> None:
        """Raises `SpoolInUse` or `SpoolError`. What an earlier process left is drained from now on."""
        self._directory = SpoolDirectory(settings)
        self._process = os.getpid()
        self._lock = threading.Lock()
        #: Events to be settled, by stream, since the start; those that were there before count, too.
        self._spooled: Dict[str, int] = self._directory.pending_events()
        self._drainer = Drainer(self._directory, transport)
        self._writer = Writer(self._directory, self._count)
        self._when_over: Optional[Callable[[], None]] = None
        threading.Thread(target=self._drain, name="strongroom-spool-drainer", daemon=True).start()

    def enqueue(self, prepared: Prepared) -> "Future[Spooled]":
        """Done once the event is on the disk. Raises `Invalid` for what no server would take."""
        check_shape(prepared)
        if self._process != os.getpid():
            raise SpoolInUse(
                "the spool was opened before a fork: each process needs a client and a directory of its own"
            )
        return self._writer.enqueue(prepared)

    def flush(self, timeout: float) -> bool:
        """Whether all that was spooled before is settled: acknowledged, or rejected."""
        with self._lock:
            wanted = dict(self._spooled)
        self._drainer.nudge()
        return self._drainer.wait_until_settled(wanted, timeout)

    def status(self) -> Status:
        return self._directory.status(self._drainer.last_error)

    def close(self, timeout: float) -> bool:
        """Takes no more events, drains for at most so long, and gives the directory back."""
        if self._process != os.getpid():
            # It is the parent's, who goes on using it.
            return False
        give_up_at = time.monotonic() + timeout
        self._writer.end()
        self._writer.join()
        is_settled = self.flush(max(0.0, give_up_at - time.monotonic()))
        self._drainer.end()
        self._drainer.wait_until_over(give_up_at - time.monotonic())
        self._directory.close()
        return is_settled

    def abandon(self, when_over: Callable[[], None]) -> None:
        """Ends without waiting: what has queued is written, the attempt under way is finished, nothing else is sent."""
        self._when_over = when_over
        self._writer.end()
        self._drainer.end()

    def _drain(self) -> None:
        self._drainer.run()
        if self._when_over is not None:
            self._writer.join()
            self._directory.close()
            self._when_over()

    def _count(self, events: Dict[str, int]) -> None:
        with self._lock:
            for stream, count in events.items():
                self._spooled[stream] = self._spooled.get(stream, 0) + count
        self._drainer.notify()

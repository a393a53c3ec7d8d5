"""Group commit: events that come together share one write and one sync."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Callable, Dict, List, Tuple

from ..errors import Closed, SpoolError
from ..prepared import Prepared
from ..receipts import Spooled
from .directory import SpoolDirectory

#: Events of one write; more wait for the next.
_GROUP_EVENTS_MAX = 10_000

Waiting = Tuple[Prepared, "Future[Spooled]"]


class Writer:
    """A thread that owns appending. `spooled` is called after each group, with the number of events by stream."""

    def __init__(self, directory: SpoolDirectory, spooled: Callable[[Dict[str, int]], None]) -> None:
        self._directory = directory
        self._spooled = spooled
        self._changed = threading.Condition()
        self._queue: List[Waiting] = []
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="strongroom-spool-writer", daemon=True)
        self._thread.start()

    def enqueue(self, prepared: Prepared) -> "Future[Spooled]":
        """The future is done once the event is on the disk. It does not block."""
        future: "Future[Spooled]" = Future()
        with self._changed:
            if self._is_closing:
                raise Closed("the client was closed; the event was not spooled")
            self._queue.append((prepared, future))
            self._changed.notify()
        return future

    def end(self) -> None:
        """Takes no more events. What has queued is written."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    def join(self) -> None:
        """Waits until all that has queued is answered."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._is_closing)
                group, self._queue = self._queue[:_GROUP_EVENTS_MAX], self._queue[_GROUP_EVENTS_MAX:]
            if not group:
                return
            self._write(group)

    def _write(self, group: List[Waiting]) -> None:
        by_stream: Dict[str, List[Waiting]] = {}
        for prepared, future in group:
            # Whoever gave up before it began gets what they wanted.
            if future.set_running_or_notify_cancel():
                by_stream.setdefault(prepared.members["stream"], []).append((prepared, future))
        for stream, waiting in by_stream.items():
            try:
                answers = self._directory.append(stream, [prepared.line for prepared, _ in waiting])
            except Exception as error:
                _fail(waiting, error)
                continue
            self._spooled({stream: answers.count(None)})
            for (prepared, future), full in zip(waiting, answers):
                if full is None:
                    future.set_result(Spooled(prepared.event_id))
                else:
                    future.set_exception(full)


def _fail(waiting: List[Waiting], error: Exception) -> None:
    for _, future in waiting:
        # One of its own for each: a traceback belongs to whoever raises it.
        failure = SpoolError(f"the spool cannot be written: {error}")
        failure.__cause__ = error
        future.set_exception(failure)

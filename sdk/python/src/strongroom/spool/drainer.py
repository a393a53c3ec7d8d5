"""Sending spooled events to the server, first in, first out, in the background."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Deque, Dict, List, Mapping, Optional, Tuple

from .. import answers
from ..errors import Refused
from ..retrying import back_off_seconds
from ..transport import EVENTS_PATH, NDJSON, Request, Transport, ndjson
from .day_file import DayFile, Slice
from .directory import SpoolDirectory
from .line_file import is_json

#: However long a server asks for, draining looks again after this.
_WAIT_SECONDS_MAX = 300.0
#: Final answers that are the fault of the events they name by position.
_OF_EVENTS = frozenset({400, 409, 413, 422})
#: The codes of 403 of which the same holds.
_FORBIDDEN_EVENTS = frozenset({"forbidden", "tenant_forbidden"})
#: Those that are some event's fault, even when they do not say whose. A 400 is not: the server names what is no JSON.
_OF_SOME_EVENT = frozenset({409, 413, 422})

Lines = Tuple[bytes, ...]


class _Delivery:
    """A slice on its way. It survives a failed attempt, so that nothing is rejected twice because of one."""

    def __init__(self, file: DayFile, whole: Slice) -> None:
        self.file = file
        self.whole = whole
        self.waiting: Deque[Lines] = deque([whole.lines] if whole.lines else [])


class Drainer:
    """Drains, in a thread of its own. Back-off as for every client; `nudge` tries at once."""

    def __init__(self, directory: SpoolDirectory, transport: Transport) -> None:
        self._directory = directory
        self._transport = transport
        self._changed = threading.Condition()
        self._is_stopping = False
        self._is_nudged = False
        self._has_news = False
        self._settled: Dict[str, int] = {}
        self._last_error: Optional[str] = None
        self._failures = 0
        self._delivery: Optional[_Delivery] = None
        self._last_stream = ""
        self._over = threading.Event()

    @property
    def last_error(self) -> Optional[str]:
        with self._changed:
            return self._last_error

    def wait_until_settled(self, wanted: Mapping[str, int], timeout: float) -> bool:
        """Whether so many events of each stream are settled before the time is over, or draining stops."""

        def is_settled() -> bool:
            return all(self._settled.get(stream, 0) >= events for stream, events in wanted.items())

        with self._changed:
            self._changed.wait_for(lambda: is_settled() or self._is_stopping, timeout)
            return is_settled()

    def nudge(self) -> None:
        """Looks for events now, and forgets the back-off."""
        with self._changed:
            self._is_nudged = True
            self._changed.notify_all()

    def notify(self) -> None:
        """There are new events. A back-off under way is kept: the server is not back because somebody has news."""
        with self._changed:
            self._has_news = True
            self._changed.notify_all()

    def end(self) -> None:
        """Begins no further attempt."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    def wait_until_over(self, timeout: float) -> None:
        """Waits for the attempt under way."""
        self._over.wait(max(0.0, timeout))

    def run(self) -> None:
        """Drains until it is told to end."""
        while True:
            with self._changed:
                if self._is_stopping:
                    self._over.set()
                    return
                # Before looking: what arrives while it looks makes it look again.
                self._is_nudged = self._has_news = False
            wait = self._step()
            with self._changed:
                self._changed.wait_for(lambda: self._is_woken(is_idle=wait is None), wait)

    def _is_woken(self, *, is_idle: bool) -> bool:
        return self._is_stopping or self._is_nudged or (is_idle and self._has_news)

    def _step(self) -> Optional[float]:
        """Sends a batch. Answers in how many seconds to go on; `None` when there is nothing to do."""
        try:
            if self._delivery is None:
                found = self._directory.next_slice(self._last_stream)
                if found is None:
                    # Again here: an error of it must not pass unseen because nothing else is to be done.
                    self._directory.give_room_back()
                    self._failures = 0
                    self._note(None)
                    return None
                self._delivery = _Delivery(*found)
            self._deliver(self._delivery)
            self._delivery = None
            self._directory.give_room_back()
        except Exception as error:
            # Whatever it is, the events are on the disk, and the thread must be there when it is over.
            self._failures += 1
            self._note(str(error) or type(error).__name__)
            asked = getattr(error, "retry_after_seconds", None) or 0.0
            return min(_WAIT_SECONDS_MAX, asked + back_off_seconds(self._failures))
        self._failures = 0
        self._note(None)
        return 0.0

    def _deliver(self, delivery: _Delivery) -> None:
        file = delivery.file
        while delivery.waiting:
            lines = delivery.waiting[0]
            try:
                answers.receipts(self._transport.attempt(Request(EVENTS_PATH, ndjson(lines), NDJSON)), len(lines))
                after: List[Lines] = []
            except Refused as refused:
                after = self._take_out(file, lines, refused)
            delivery.waiting.popleft()
            delivery.waiting.extendleft(reversed([rest for rest in after if rest]))
        self._directory.settle(file, delivery.whole)
        self._last_stream = file.stream
        with self._changed:
            events = delivery.whole.count
            self._settled[file.stream] = self._settled.get(file.stream, 0) + events
            self._changed.notify_all()

    def _take_out(self, file: DayFile, lines: Lines, refused: Refused) -> List[Lines]:
        """Puts aside what was refused, and answers what is to be sent instead. Raises `refused` when it is not the
        events' fault: a token, a role or an address that is wrong holds up everything, and loses nothing.
        """
        named = {detail.position for detail in refused.details}
        positions = [position for position in range(len(lines)) if position in named]
        is_forbidden = refused.status == 403 and refused.code in _FORBIDDEN_EVENTS
        if positions and (refused.status in _OF_EVENTS or is_forbidden):
            self._directory.reject(file, [(_reason(refused, at, lines[at]), lines[at]) for at in positions])
            return [tuple(line for position, line in enumerate(lines) if position not in named)]
        if refused.status not in _OF_SOME_EVENT:
            raise refused
        if len(lines) > 1:
            return [lines[: len(lines) // 2], lines[len(lines) // 2 :]]
        if not refused.is_strongrooms:
            # A proxy's bound on bodies, for instance: somebody can raise it, and the event is fine.
            raise refused
        self._directory.reject(file, [(_reason(refused, 0, lines[0]), lines[0])])
        return []

    def _note(self, error: Optional[str]) -> None:
        with self._changed:
            self._last_error = error


def _reason(refused: Refused, position: int, line: bytes) -> Mapping[str, Any]:
    if not is_json(line):
        return {"code": "spool_line_damaged", "message": "the line was damaged on the disk", "details": []}
    details = [
        {"member": detail.member, "rule": detail.rule, "message": detail.message}
        for detail in refused.details
        if detail.position in (position, None)
    ]
    return {"code": refused.code, "message": refused.message, "details": details}

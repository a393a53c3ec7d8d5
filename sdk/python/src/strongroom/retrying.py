"""Attempts until there is a final answer or the time is over."""

from __future__ import annotations

import random
import threading
import time
from typing import Callable, Optional, Sequence, TypeVar

from .answers import Later
from .errors import Unavailable
from .transport import Answer, Request, Transport, Unreachable

BACK_OFF_SECONDS_MIN = 0.1
BACK_OFF_SECONDS_MAX = 10.0
#: An attempt that has less time than this is not worth its connection.
_ATTEMPT_SECONDS_MIN = 0.05

T = TypeVar("T")


def back_off_seconds(failures: int) -> float:
    """Full jitter: anything from 0 to 100 ms after the first failure, and to twice as much after each further one, up
    to 10 s. Clients that failed together do not come back together.
    """
    bound = min(BACK_OFF_SECONDS_MAX, BACK_OFF_SECONDS_MIN * 2.0 ** min(failures - 1, 16))
    return random.uniform(0.0, bound)


class Call:
    """One call of the caller's, over as many attempts as it takes."""

    def __init__(
        self, *, give_up_at: float, event_ids: Sequence[str], abandoned: Optional[threading.Event] = None
    ) -> None:
        """`give_up_at` is a time of `time.monotonic()`."""
        self._give_up_at = give_up_at
        self._event_ids = event_ids
        #: Set by whoever no longer waits for the call; no further attempt is begun then.
        self._abandoned = abandoned or threading.Event()

    def run(self, transport: Transport, request: Request, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the first final answer. Raises what it raises, or `Unavailable`."""
        attempts = 0
        asked = 0.0
        reason = "there was no time for an attempt"
        while True:
            left = self._give_up_at - time.monotonic()
            if left < _ATTEMPT_SECONDS_MIN or self._abandoned.is_set():
                raise Unavailable(reason, event_ids=self._event_ids, attempts=attempts)
            attempts += 1
            try:
                return read(transport.attempt(request, give_up_at=self._give_up_at))
            except Unreachable as unreachable:
                reason, asked = str(unreachable), 0.0
            except Later as later:
                reason, asked = later.reason, later.retry_after_seconds or 0.0
            left = self._give_up_at - time.monotonic()
            if asked >= left:
                raise Unavailable(reason, event_ids=self._event_ids, attempts=attempts)
            # Jitter never costs the last attempts; what the server asked for does.
            self._abandoned.wait(asked + min(back_off_seconds(attempts), (left - asked) / 2))

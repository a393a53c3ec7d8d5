"""Attempts until there is a final answer or the time is over."""

from __future__ import annotations

import random
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Optional, Sequence, TypeVar

from .answers import Later
from .errors import Unavailable
from .transport import Answer, Request, Transport, Unreachable

BACK_OFF_SECONDS_MIN = 0.1
BACK_OFF_SECONDS_MAX = 10.0
#: An attempt that has less time than this is not worth its connection.
_ATTEMPT_SECONDS_MIN = 0.05

# https://www.w3.org/TR/trace-context/, version 00; ids of zeros alone are invalid.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

T = TypeVar("T")


def back_off_seconds(failures: int) -> float:
    """Full jitter: anything from 0 to 100 ms after the first failure, and to twice as much after each further one, up
    to 10 s. Clients that failed together do not come back together.
    """
    bound = min(BACK_OFF_SECONDS_MAX, BACK_OFF_SECONDS_MIN * 2.0 ** min(failures - 1, 16))
    return random.uniform(0.0, bound)


@dataclass(frozen=True)
class Terms:
    """Of one call of the caller's: how long it may take, and in what course it is made."""

    #: A time of `time.monotonic()`.
    give_up_at: float
    traceparent: Optional[str] = None
    #: Set by whoever no longer waits for the answer; no further attempt is begun then.
    abandoned: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.traceparent is not None and not _TRACEPARENT.fullmatch(self.traceparent):
            raise ValueError("this is no traceparent of W3C Trace Context, version 00")


def attempts_until_final(
    transport: Transport, request: Request, terms: Terms, event_ids: Sequence[str], read: Callable[[Answer], T]
) -> T:
    """What `read` makes of the first final answer. Raises what it raises, or `Unavailable`."""
    attempts = 0
    asked = 0.0
    reason = "there was no time for an attempt"
    while True:
        left = terms.give_up_at - time.monotonic()
        if left < _ATTEMPT_SECONDS_MIN or terms.abandoned.is_set():
            raise Unavailable(reason, event_ids=event_ids, attempts=attempts)
        attempts += 1
        try:
            return read(transport.attempt(request, give_up_at=terms.give_up_at))
        except Unreachable as unreachable:
            reason, asked = str(unreachable), 0.0
        except Later as later:
            reason, asked = later.reason, later.retry_after_seconds or 0.0
        left = terms.give_up_at - time.monotonic()
        if asked >= left:
            raise Unavailable(reason, event_ids=event_ids, attempts=attempts)
        # Jitter never costs the last attempts; what the server asked for does.
        terms.abandoned.wait(asked + min(back_off_seconds(attempts), (left - asked) / 2))

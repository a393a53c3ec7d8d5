"""Client for Strongroom, a system of record for audit evidence.

It appends: with retries that never make two entries of one event, and, if it is given a `Spool`, with a durable local
queue for the time in which the server cannot be reached. It does not read, search or verify. It needs nothing but the
standard library.
"""

from .async_client import AsyncClient
from .client import Client
from .errors import (
    Closed,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    SpoolError,
    SpoolFull,
    SpoolInUse,
    StrongroomError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Violation,
)
from .events import Actor, ErrorDetails, Event, Target
from .identifiers import new_event_id
from .receipts import Operation, Receipt, Spooled, TimedOut
from .spool import Spool, Status

__all__ = [
    "Actor",
    "AsyncClient",
    "Client",
    "Closed",
    "Conflict",
    "ErrorDetails",
    "Event",
    "Forbidden",
    "Invalid",
    "NotFound",
    "Operation",
    "Receipt",
    "Refused",
    "Spool",
    "SpoolError",
    "SpoolFull",
    "SpoolInUse",
    "Spooled",
    "Status",
    "StrongroomError",
    "Target",
    "TimedOut",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Violation",
    "new_event_id",
]

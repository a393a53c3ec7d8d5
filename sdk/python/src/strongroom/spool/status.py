"""What a client's spool holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Status:
    """A moment's view. All is zero for a client without a spool."""

    #: Events, and their bytes, that the server has not acknowledged.
    pending_events: int = 0
    pending_bytes: int = 0
    #: `occurred_at` of the oldest of them; the least of all streams.
    oldest_occurred_at: Optional[str] = None
    #: Events in `rejected/`: the server refused them for good, and somebody has to look at them.
    rejected_events: int = 0
    #: Half-written lines, of events that were never answered, which were cut off when the spool was opened.
    torn_lines: int = 0
    bytes_on_disk: int = 0
    bytes_max: int = 0
    #: Why the last attempt to drain failed; `None` once one has succeeded.
    last_error: Optional[str] = None

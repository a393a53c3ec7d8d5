"""Where a spool is and how much it may hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True)
class Spool:
    """A durable local queue for the time in which the server cannot be reached.

    `directory` is for one client of one process; it is made if it is not there. `bytes_max` bounds the events in it,
    rejected ones included; an event that does not fit is refused with `SpoolFull`.
    """

    directory: Union[str, "os.PathLike[str]"]
    bytes_max: int = 256 << 20

    def __post_init__(self) -> None:
        if self.bytes_max < 1:
            raise ValueError("bytes_max must be at least 1")

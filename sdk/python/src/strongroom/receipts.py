"""What a client answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Union


@dataclass(frozen=True)
class Receipt:
    """The event is durable and has its place in the ledger."""

    #: The event's id; absent for a duplicate by `external_id` whose entry has gone to the archive.
    event_id: Optional[str]
    #: Its place: dense, from 0.
    seq: int
    #: RFC 6962 hash of the entry's line, 64 hexadecimal digits.
    leaf_hash: str
    #: Whether it was in the ledger before.
    duplicate: bool

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Receipt:
        """Raises `KeyError`, `TypeError` or `ValueError` for anything but a receipt."""
        event_id = json["event_id"]
        return cls(
            event_id=None if event_id is None else str(event_id),
            seq=int(json["seq"]),
            leaf_hash=str(json["leaf_hash"]),
            duplicate=bool(json["duplicate"]),
        )


@dataclass(frozen=True)
class Spooled:
    """The event is durable in a spool, and not yet in the ledger: it has no place and no proof."""

    event_id: str
    #: Why it did not go to the ledger at once; `None` when that was asked for.
    reason: Optional[str] = None


@dataclass(frozen=True)
class Operation:
    """A two-step operation that has begun and is durable."""

    operation_id: str
    #: The id of the event that it will become.
    event_id: str
    #: Whether it had begun before.
    duplicate: bool


@dataclass(frozen=True)
class TimedOut:
    """The completion came too late and changed nothing: the operation is in the ledger with the outcome `unknown`."""

    operation_id: str
    seq: int


Appended = Union[Receipt, Spooled]
Completed = Union[Receipt, TimedOut]

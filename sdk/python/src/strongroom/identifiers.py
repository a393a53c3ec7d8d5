"""Event ids."""

from __future__ import annotations

import hashlib
import secrets
import struct
import time
import uuid


def new_event_id() -> str:
    """A UUID version 7 (RFC 9562, section 5.7): the time in milliseconds, then 74 random bits.

    Ids that begin with the time lie side by side in the ledger's index of keys, which makes appending cheaper.
    """
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    head = milliseconds << 16 | 0x7000 | secrets.randbits(12)
    tail = 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=head << 64 | tail))


def external_event_id(tenant: str, source: str, external_id: str) -> str:
    """The id of an event that its source has named: the same at every delivery, where a new one would be a conflict.

    A UUID version 8 (RFC 9562, section 5.8) of the first 16 bytes of SHA-256 over `strongroom/event-id`, tenant, source
    and external id, each behind its length in bytes as a big-endian number of 4 bytes. See the page on the spool.
    """
    parts = [part.encode("utf-8") for part in ("strongroom/event-id", tenant, source, external_id)]
    digest = hashlib.sha256(b"".join(struct.pack(">I", len(part)) + part for part in parts)).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    return str(uuid.UUID(int=number & ~(0b11 << 62) | 0b10 << 62))

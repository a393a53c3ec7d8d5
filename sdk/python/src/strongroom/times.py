"""Times as Strongroom writes them: RFC 3339, UTC, microseconds, `Z`."""

from __future__ import annotations

from datetime import datetime, timezone


def now_text() -> str:
    """This moment, by the clock of this machine."""
    return utc_text(datetime.now(timezone.utc))


def utc_text(moment: datetime) -> str:
    """The moment in UTC. Raises `ValueError` for a time without a zone: it names a different moment on each machine."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError("a time needs a time zone, for instance datetime.now(timezone.utc)")
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def today() -> str:
    """The UTC day, as it stands in the names of spool files."""
    return datetime.now(timezone.utc).date().isoformat()

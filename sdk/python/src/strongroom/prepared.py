"""From an event to the bytes that are sent, the same ones at every attempt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Dict, Iterable, List

from .errors import Invalid, Violation
from .events import STREAMS, EventLike, members
from .identifiers import external_event_id, new_event_id
from .times import now_text, utc_text

OUTCOMES = ("success", "failure", "denied", "unknown")


@dataclass(frozen=True)
class Prepared:
    """An event with its id, its time and its bytes: compact JSON on one line, without the newline."""

    event_id: str
    members: Dict[str, Any]
    line: bytes


def prepare(event: EventLike) -> Prepared:
    """Assigns what is absent, once and before the first attempt: every retry repeats the very same event.

    Raises `Invalid` for what has no JSON form; every other rule is left to the server.
    """
    found = members(event)
    if found.get("event_id") is None:
        found["event_id"] = _event_id(found)
    if found.get("occurred_at") is None:
        found["occurred_at"] = now_text()
    event_id = found["event_id"]
    if not isinstance(event_id, str):
        raise _invalid([Violation(None, "event_id", "type", "must be a string")])
    return Prepared(event_id, found, json_line(found))


def prepare_all(events: Iterable[EventLike]) -> List[Prepared]:
    """The same for a batch; an error names the position."""
    prepared = []
    for position, event in enumerate(events):
        try:
            prepared.append(prepare(event))
        except Invalid as invalid:
            raise _invalid([_at(position, violation) for violation in invalid.details]) from None
    return prepared


def json_line(value: Dict[str, Any]) -> bytes:
    """Compact JSON in UTF-8. Raises `Invalid` for NaN, lone surrogates, naive times and types JSON does not have."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_json_value)
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # The error's own text would repeat what was submitted.
        raise _invalid([Violation(None, "", "json", "a string holds a lone surrogate")]) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise _invalid([Violation(None, "", "json", f"has no JSON form: {error}")]) from None


def check_shape(prepared: Prepared) -> None:
    """Raises `Invalid` for an event that any server would refuse.

    A spooled event is validated only when it is replayed, and then nobody is there who could repair it.
    """
    found = prepared.members
    violations = [
        Violation(None, name, "required", "is required")
        for name in ("stream", "tenant", "actor", "action", "outcome")
        if found.get(name) is None
    ]
    for name, choices in (("stream", STREAMS), ("outcome", OUTCOMES)):
        if found.get(name) is not None and found[name] not in choices:
            violations.append(Violation(None, name, "choice", "must be one of " + ", ".join(choices)))
    for name in ("tenant", "action"):
        if found.get(name) is not None and not (isinstance(found[name], str) and found[name]):
            violations.append(Violation(None, name, "type", "must be a string that is not empty"))
    actor = found.get("actor")
    if actor is not None and not (isinstance(actor, dict) and isinstance(actor.get("type"), str)):
        violations.append(Violation(None, "actor", "type", "must be an object with a type"))
    if violations:
        raise _invalid(violations)


def _event_id(found: Dict[str, Any]) -> str:
    named = [found.get(name) for name in ("tenant", "source", "external_id")]
    texts = [name for name in named if isinstance(name, str)]
    if len(texts) < len(named):
        return new_event_id()
    try:
        return external_event_id(*texts)
    except UnicodeEncodeError:
        # A lone surrogate: turning the event into JSON says so.
        return new_event_id()


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc_text(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _at(position: int, violation: Violation) -> Violation:
    return Violation(position, violation.member, violation.rule, violation.message)


def _invalid(violations: List[Violation]) -> Invalid:
    return Invalid("event_invalid", "the event cannot be sent; nothing was stored", details=violations)

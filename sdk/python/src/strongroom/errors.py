"""Errors, by what the caller can do about them. None of them holds the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Type


class StrongroomError(Exception):
    """Everything this package raises on purpose, but for `TypeError` and `ValueError` at construction."""


class Closed(StrongroomError):
    """The client was closed."""


class Unavailable(StrongroomError):
    """No final answer before the deadline. The events may or may not be in the ledger.

    Sending them again with the same event ids is safe: what went in is answered as a duplicate.
    """

    def __init__(self, reason: str, *, event_ids: Sequence[str], attempts: int) -> None:
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        super().__init__(f"no final answer after {tries}: {reason}")
        #: What went wrong last.
        self.reason = reason
        #: The ids under which the events were sent, in their order.
        self.event_ids: Tuple[str, ...] = tuple(event_ids)
        self.attempts = attempts


@dataclass(frozen=True)
class Violation:
    """One broken rule. `rule` is stable; programs may branch on it."""

    #: Index of the event in its batch, from 0.
    position: Optional[int]
    #: Path of the member, such as `actor.id`; empty for the event as a whole.
    member: str
    rule: str
    message: str

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Violation:
        position = json.get("position")
        return cls(
            position=position if isinstance(position, int) else None,
            member=str(json.get("member", "")),
            rule=str(json.get("rule", "")),
            message=str(json.get("message", "")),
        )

    def __str__(self) -> str:
        place = "" if self.position is None else f"event {self.position}: "
        member = f"{self.member}: " if self.member else ""
        return place + member + self.message


#: Violations that are spelled out in an error's text; all of them are in `details`.
_SHOWN_MAX = 3


class Refused(StrongroomError):
    """A final answer: nothing was stored, and the same request will be refused again."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: Optional[int] = None,
        request_id: Optional[str] = None,
        details: Sequence[Violation] = (),
    ) -> None:
        #: Stable code, such as `event_invalid`; `http_<status>` for an answer that is not Strongroom's.
        self.code = code
        self.message = message
        #: HTTP status; `None` when the client itself refused.
        self.status = status
        #: By this the operator finds the request in the server's log.
        self.request_id = request_id
        self.details: Tuple[Violation, ...] = tuple(details)
        super().__init__(self._text())

    @property
    def is_strongrooms(self) -> bool:
        """Whether it was Strongroom that refused, and not a proxy or another server in its place."""
        return not self.code.startswith("http_")

    def _text(self) -> str:
        parts: List[str] = [f"{self.code}: {self.message}"]
        parts += [str(violation) for violation in self.details[:_SHOWN_MAX]]
        if len(self.details) > _SHOWN_MAX:
            parts.append(f"and {len(self.details) - _SHOWN_MAX} more")
        text = "; ".join(parts)
        return text if self.request_id is None else f"{text} (request {self.request_id})"


class Invalid(Refused):
    """The request cannot be read, or events break rules (400, 422): `details` names each."""


class Conflict(Refused):
    """The id names another event, or an operation that ended otherwise (409)."""


class Unauthenticated(Refused):
    """The token is missing, unknown, expired or revoked (401)."""


class Forbidden(Refused):
    """The token's role or tenant does not allow it, or the tenant or source is the ledger's own (403)."""


class NotFound(Refused):
    """There is no such thing for this token (404)."""


class TooLarge(Refused):
    """More events or bytes than the server takes at once (413)."""


def refusal_type(status: int) -> Type[Refused]:
    """The error for a final status; `Refused` itself where there is none of its own."""
    by_status: Mapping[int, Type[Refused]] = {
        400: Invalid,
        401: Unauthenticated,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        413: TooLarge,
        422: Invalid,
    }
    return by_status.get(status, Refused)


class SpoolError(StrongroomError):
    """The spool cannot be used. What was answered before is on disk and stays there."""


class SpoolInUse(SpoolError):
    """Another process, or another client of this one, has the spool's directory."""


class SpoolFull(SpoolError):
    """The event does not fit into `bytes_max`. It was not spooled."""

"""What an answer means: done, refused for good, or to be tried again."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Union

from .errors import Refused, Violation, refusal_type
from .receipts import Receipt
from .transport import Answer

RETRIED = frozenset({408, 429, 500, 502, 503, 504, 507})


class Later(Exception):
    """Not now: the same request may succeed later."""

    def __init__(self, reason: str, retry_after_seconds: Optional[float] = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


def success(answer: Answer) -> Mapping[str, Any]:
    """The body of a successful answer. Raises `Refused`, or `Later`."""
    if 200 <= answer.status < 300:
        if answer.json is None:
            # A portal or a proxy that answers in the server's place: nothing says that anything was stored.
            raise Later(f"the answer {answer.status} is not one of Strongroom's")
        return answer.json
    error = _error(answer)
    if answer.status in RETRIED:
        code = error.get("code")
        shown = f"{answer.status} {code}: {error.get('message')}" if code else f"{answer.status}"
        raise Later(f"the server answered {shown}", answer.retry_after_seconds)
    raise refusal(answer)


def refusal(answer: Answer) -> Refused:
    """The error for a final answer."""
    error = _error(answer)
    details = error.get("details")
    request_id = error.get("request_id")
    return refusal_type(answer.status)(
        str(error.get("code") or f"http_{answer.status}"),
        str(error.get("message") or "the answer is not one of Strongroom's"),
        status=answer.status,
        request_id=None if request_id is None else str(request_id),
        details=[
            Violation.from_json(detail)
            for detail in (details if isinstance(details, list) else [])
            if isinstance(detail, dict)
        ],
    )


def receipts(answer: Answer, events: int) -> Union[List[Receipt], None]:
    """A receipt for each of so many events, in their order; `None` when the server spooled them itself (202).

    Raises `Refused`, or `Later`.
    """
    body = success(answer)
    if answer.status == 202 and body.get("spooled") is True:
        return None
    try:
        found = [Receipt.from_json(receipt) for receipt in body["receipts"]]
    except (KeyError, TypeError, ValueError):
        found = []
    if len(found) != events:
        raise Later(f"the answer {answer.status} does not hold a receipt for each event")
    return found


def _error(answer: Answer) -> Mapping[str, Any]:
    error = (answer.json or {}).get("error")
    return error if isinstance(error, dict) else {}

"""One attempt: a request over a kept connection, and its answer, within bounds of time and memory."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from .connections import ConnectionPool, Lease, Origin

#: Receipts of the largest batch the server takes are below 2 MiB; more is not an answer of Strongroom's.
ANSWER_BYTES_MAX = 64 << 20
_REASON_CHARACTERS_MAX = 200

JSON = "application/json"
NDJSON = "application/x-ndjson"
EVENTS_PATH = "/v1/events"


class Unreachable(Exception):
    """There was no answer. Whether the server acted on the request is not known."""


class Token:
    """A token that no text shows."""

    def __init__(self, token: str) -> None:
        token = token.strip()
        # http.client's own error would repeat the header.
        if not token or not all("!" <= character <= "~" for character in token):
            raise ValueError("the token must be visible ASCII characters without spaces")
        self._token = token

    def __repr__(self) -> str:
        return "Token(…)"

    def header(self) -> str:
        return f"Bearer {self._token}"


@dataclass(frozen=True)
class Request:
    """A POST. `body` is sent as it is."""

    path: str
    body: bytes
    content_type: str
    #: W3C Trace Context: the span in whose course the request is made.
    traceparent: Optional[str] = None


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    json: Optional[Mapping[str, Any]]
    #: From the `Retry-After` header; `None` without one.
    retry_after_seconds: Optional[float]


def ndjson(lines: Iterable[bytes]) -> bytes:
    """A body of one line for each event: whatever is wrong with one, the server names it by its position."""
    return b"".join(line + b"\n" for line in lines)


class Transport:
    """Sends requests to one server with one token."""

    def __init__(self, origin: Origin, token: Token, pool: ConnectionPool, *, attempt_seconds: float) -> None:
        if not attempt_seconds > 0:
            raise ValueError("attempt_timeout must be more than 0 seconds")
        self._origin = origin
        self._token = token
        self._pool = pool
        self._attempt_seconds = attempt_seconds

    def attempt(self, request: Request, *, give_up_at: Optional[float] = None) -> Answer:
        """Sends once. Raises `Unreachable` when no answer came within the time of an attempt, or before `give_up_at`
        (`time.monotonic()`).

        A kept connection that the server has closed in the meantime is replaced at once: repeating is safe, because
        every request names its events by their ids.
        """
        end_at = time.monotonic() + self._attempt_seconds
        if give_up_at is not None:
            end_at = min(end_at, give_up_at)
        lease = self._pool.acquire(end_at - time.monotonic())
        if lease is None:
            raise Unreachable("no connection became free in time")
        keep = False
        try:
            try:
                answer, keep = self._exchange(lease, request, end_at)
            except (http.client.HTTPException, ConnectionError) as error:
                if not lease.is_reused:
                    raise Unreachable(_reason(error)) from error
                lease = self._pool.renew(lease)
                answer, keep = self._exchange(lease, request, end_at)
            return answer
        except (http.client.HTTPException, OSError) as error:
            raise Unreachable(_reason(error)) from error
        finally:
            self._pool.release(lease, keep=keep)

    def _exchange(self, lease: Lease, request: Request, end_at: float) -> Tuple[Answer, bool]:
        connection = lease.connection
        connection.timeout = _left(end_at)
        if connection.sock is None:
            connection.connect()
        sock: socket.socket = connection.sock
        sock.settimeout(_left(end_at))
        is_sent = True
        try:
            connection.request("POST", self._origin.prefix + request.path, request.body, self._headers(request))
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses the head of a request need not read its body; the answer may be there already.
            if lease.is_reused:
                raise
            is_sent = False
        with connection.getresponse() as response:
            body = _read(response, sock, end_at)
            answer = Answer(response.status, _json_object(body), _retry_after_seconds(response))
            return answer, is_sent and not response.will_close

    def _headers(self, request: Request) -> Dict[str, str]:
        headers = {
            "Authorization": self._token.header(),
            "Content-Type": request.content_type,
            "Accept": "application/json",
            "User-Agent": "strongroom-python",
        }
        if request.traceparent is not None:
            headers["traceparent"] = request.traceparent
        return headers


def _left(end_at: float) -> float:
    left = end_at - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    return left


def _read(response: http.client.HTTPResponse, sock: socket.socket, end_at: float) -> bytes:
    # Piece by piece, because the socket's timeout is one of a single read.
    body = bytearray()
    while True:
        sock.settimeout(_left(end_at))
        piece = response.read1(1 << 16)
        if not piece:
            break
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise http.client.HTTPException("the answer is too large")
    if response.length:
        raise http.client.HTTPException("the answer broke off")
    return bytes(body)


def _json_object(body: bytes) -> Optional[Mapping[str, Any]]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _retry_after_seconds(response: http.client.HTTPResponse) -> Optional[float]:
    """RFC 9110, section 10.2.3: seconds or a date."""
    text = (response.getheader("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _reason(error: BaseException) -> str:
    if isinstance(error, socket.timeout):
        return "timed out"
    text = str(error) or type(error).__name__
    return text[:_REASON_CHARACTERS_MAX]

"""The client for threads."""

from __future__ import annotations

import os
import time
import weakref
from types import TracebackType
from typing import Any, Dict, Iterable, List, Mapping, Optional, Type, Union
from urllib.parse import quote

from . import answers
from .answers import Later
from .connections import ConnectionPool, Origin
from .errors import Closed, SpoolError, Unavailable
from .events import EventLike, plain
from .prepared import Prepared, json_line, prepare, prepare_all
from .receipts import Appended, Completed, Operation, Receipt, Spooled, TimedOut
from .retrying import Terms, attempts_until_final
from .spool import Spool, Spooler, Status
from .transport import EVENTS_PATH, JSON, NDJSON, Answer, Request, Token, Transport, ndjson

#: Where the token is looked for when none is given.
TOKEN_VARIABLE = "STRONGROOM_TOKEN"


class Client:
    """Appends events to a Strongroom server. Any number of threads may share one.

    Every event gets its id before the first attempt, and every retry repeats the same bytes, so an event enters the
    ledger once however often an answer is lost. Network errors, timeouts, 408, 429, 500, 502, 503, 504 and 507 are
    retried with exponential back-off until `deadline` seconds are over, then `Unavailable` is raised; other answers are
    final and raise a `Refused`.
    """

    def __init__(
        self,
        url: str,
        token: Optional[str] = None,
        *,
        deadline: float = 30.0,
        attempt_timeout: float = 10.0,
        ca_file: Union[str, "os.PathLike[str]", None] = None,
        connections_max: int = 16,
        spool: Optional[Spool] = None,
    ) -> None:
        """`token` is taken from the environment's `STRONGROOM_TOKEN` when it is absent. `ca_file` (PEM) replaces the
        system's certificates. Opening a `spool` may raise a `SpoolError`; draining it begins at once.
        """
        self._origin = Origin.parse(url)
        given = token if token is not None else os.environ.get(TOKEN_VARIABLE)
        if given is None:
            raise ValueError(f"a token is needed: give it as token= or in the environment's {TOKEN_VARIABLE}")
        self._deadline = deadline
        self._pool = ConnectionPool(
            self._origin,
            connections_max=connections_max,
            ca_file=None if ca_file is None else os.fspath(ca_file),
        )
        self._transport = Transport(self._origin, Token(given), self._pool, attempt_seconds=attempt_timeout)
        self._spooler = None if spool is None else Spooler(spool, self._transport)
        self._is_closed = False
        self._is_settled = True
        # A client that is dropped without being closed loses nothing, and leaves no thread and no lock behind.
        self._finalizer = weakref.finalize(self, _release, self._spooler, self._pool)
        self._finalizer.atexit = False

    def __repr__(self) -> str:
        return f"Client({str(self._origin)!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def append(
        self, event: EventLike, *, deadline: Optional[float] = None, traceparent: Optional[str] = None
    ) -> Appended:
        """Appends one event and answers its receipt: it is durable and has its place.

        With a spool, an event whose server cannot be reached before the deadline is spooled, and the answer is
        `Spooled`. Without one, that is `Unavailable`.
        """
        return self._append(prepare(event), self._terms(deadline, traceparent))

    def append_all(
        self, events: Iterable[EventLike], *, deadline: Optional[float] = None, traceparent: Optional[str] = None
    ) -> List[Appended]:
        """Appends a batch, all or nothing, and answers in its order. It is never spooled here: from a spool, some of
        its events could be refused and others not. `Spooled` in the answer means by the server.
        """
        return self._append_all(prepare_all(events), self._terms(deadline, traceparent))

    def submit(self, event: EventLike) -> Spooled:
        """Spools one event, and answers when it is on the disk; it goes to the server in the background. Calls of
        several threads share a sync. Raises `SpoolFull`, another `SpoolError`, or `Invalid`.
        """
        return self._spool().enqueue(prepare(event)).result()

    def begin_operation(
        self, event: EventLike, *, deadline: Optional[float] = None, traceparent: Optional[str] = None
    ) -> Operation:
        """Begins a two-step operation with an event that has no outcome yet. Do the work only after this has answered.
        It is never spooled: what has begun must be known to the ledger, or not be done.
        """
        return self._begin_operation(prepare(event), self._terms(deadline, traceparent))

    def complete_operation(
        self,
        operation_id: str,
        outcome: str,
        *,
        deadline: Optional[float] = None,
        traceparent: Optional[str] = None,
        **completion: Any,
    ) -> Completed:
        """Completes an operation with its outcome and further members of the event, such as `error` or `changes`.

        Safe to repeat. `TimedOut` means that it came too late and changed nothing.
        """
        members: Dict[str, Any] = {"outcome": outcome, **completion}
        return self._complete_operation(operation_id, members, self._terms(deadline, traceparent))

    def flush(self, timeout: float) -> bool:
        """Whether everything spooled before has reached the server, or `rejected/`, within so many seconds."""
        return True if self._spooler is None else self._spooler.flush(timeout)

    def status(self) -> Status:
        """What is in the spool."""
        return Status() if self._spooler is None else self._spooler.status()

    def close(self, timeout: float = 10.0) -> bool:
        """Takes no more events, drains the spool for at most so many seconds, and lets go of everything.

        Answers whether the spool is empty; what is left in it goes on with the next client.
        """
        self._is_closed = True
        if self._finalizer.detach():
            if self._spooler is not None:
                self._is_settled = self._spooler.close(timeout)
            self._pool.close()
        return self._is_settled

    # What the asynchronous client shares.

    def _terms(self, deadline: Optional[float], traceparent: Optional[str]) -> Terms:
        if self._is_closed:
            raise Closed("the client was closed")
        return Terms(time.monotonic() + (self._deadline if deadline is None else deadline), traceparent)

    def _append(self, prepared: Prepared, terms: Terms) -> Appended:
        try:
            return self._append_all([prepared], terms)[0]
        except Unavailable as unavailable:
            if self._spooler is None or terms.abandoned.is_set():
                raise
            spooled = self._spooler.enqueue(prepared).result()
            return Spooled(spooled.event_id, reason=unavailable.reason)

    def _append_all(self, prepared: List[Prepared], terms: Terms) -> List[Appended]:
        if not prepared:
            return []
        event_ids = [event.event_id for event in prepared]

        def read(answer: Answer) -> List[Appended]:
            receipts = answers.receipts(answer, len(prepared))
            if receipts is None:
                return [Spooled(event_id, reason="spooled by the server") for event_id in event_ids]
            return list(receipts)

        request = Request(EVENTS_PATH, ndjson(event.line for event in prepared), NDJSON, terms.traceparent)
        return attempts_until_final(self._transport, request, terms, event_ids, read)

    def _begin_operation(self, prepared: Prepared, terms: Terms) -> Operation:
        def read(answer: Answer) -> Operation:
            body = answers.success(answer)
            operation_id = body.get("operation_id")
            if not isinstance(operation_id, str):
                raise Later("the answer does not hold an operation_id")
            return Operation(operation_id, prepared.event_id, body.get("duplicate") is True)

        request = Request("/v1/operations", prepared.line, JSON, terms.traceparent)
        return attempts_until_final(self._transport, request, terms, [prepared.event_id], read)

    def _complete_operation(self, operation_id: str, members: Mapping[str, Any], terms: Terms) -> Completed:
        def read(answer: Answer) -> Completed:
            body = answers.success(answer)
            try:
                if body.get("timed_out") is True:
                    return TimedOut(operation_id, int(body["seq"]))
                return Receipt.from_json(body)
            except (KeyError, TypeError, ValueError):
                raise Later("the answer does not hold a receipt") from None

        path = f"/v1/operations/{quote(operation_id, safe='')}/complete"
        request = Request(path, json_line(_present(members)), JSON, terms.traceparent)
        return attempts_until_final(self._transport, request, terms, [], read)

    def _spool(self) -> Spooler:
        if self._is_closed:
            raise Closed("the client was closed; the event was not spooled")
        if self._spooler is None:
            raise SpoolError("the client has no spool: give it one as spool=")
        return self._spooler


def _present(members: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: plain(value) for name, value in members.items() if value is not None}


def _release(spooler: Optional[Spooler], pool: ConnectionPool) -> None:
    # The garbage collector may be the caller, in any thread: nothing here may wait.
    if spooler is None:
        pool.close()
    else:
        spooler.abandon(pool.close)

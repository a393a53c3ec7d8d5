"""The client for asyncio."""

from __future__ import annotations

import asyncio
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Optional, Type, TypeVar, Union

from .client import Client
from .events import EventLike
from .prepared import prepare, prepare_all
from .receipts import Appended, Completed, Operation, Spooled
from .retrying import Terms
from .spool import Spool, Status

T = TypeVar("T")


class AsyncClient:
    """`Client` for an event loop, which it never blocks: the work is done by at most `concurrency_max` threads.

    A call that is cancelled makes no further attempt, and spools nothing. One that is under way at that moment cannot
    be taken back: its event may be in the ledger. Whoever wants to repeat it gives the event an `event_id`.
    """

    def __init__(
        self,
        url: str,
        token: Optional[str] = None,
        *,
        deadline: float = 30.0,
        attempt_timeout: float = 10.0,
        ca_file: Union[str, "os.PathLike[str]", None] = None,
        concurrency_max: int = 16,
        spool: Optional[Spool] = None,
    ) -> None:
        """As for `Client`. A call that has to wait for a thread waits within its deadline."""
        self._client = Client(
            url,
            token,
            deadline=deadline,
            attempt_timeout=attempt_timeout,
            ca_file=ca_file,
            # One more for the spool, which is not to wait for a call that waits for it.
            connections_max=concurrency_max + 1,
            spool=spool,
        )
        self._threads = ThreadPoolExecutor(concurrency_max, thread_name_prefix="strongroom")

    def __repr__(self) -> str:
        return f"Async{self._client!r}"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def append(
        self, event: EventLike, *, deadline: Optional[float] = None, traceparent: Optional[str] = None
    ) -> Appended:
        """See `Client.append`."""
        terms = self._client._terms(deadline, traceparent)
        return await self._run(terms, lambda: self._client._append(prepare(event), terms))

    async def append_all(
        self, events: Iterable[EventLike], *, deadline: Optional[float] = None, traceparent: Optional[str] = None
    ) -> List[Appended]:
        """See `Client.append_all`."""
        terms = self._client._terms(deadline, traceparent)
        batch = list(events)
        return await self._run(terms, lambda: self._client._append_all(prepare_all(batch), terms))

    async def submit(self, event: EventLike) -> Spooled:
        """See `Client.submit`. Any number of concurrent calls share a sync; none of them needs a thread."""
        return await asyncio.wrap_future(self._client._spool().enqueue(prepare(event)))

    async def begin_operation(
        self, event: EventLike, *, deadline: Optional[float] = None, traceparent: Optional[str] = None
    ) -> Operation:
        """See `Client.begin_operation`."""
        terms = self._client._terms(deadline, traceparent)
        return await self._run(terms, lambda: self._client._begin_operation(prepare(event), terms))

    async def complete_operation(
        self,
        operation_id: str,
        outcome: str,
        *,
        deadline: Optional[float] = None,
        traceparent: Optional[str] = None,
        **completion: Any,
    ) -> Completed:
        """See `Client.complete_operation`."""
        terms = self._client._terms(deadline, traceparent)
        members: Dict[str, Any] = {"outcome": outcome, **completion}
        return await self._run(terms, lambda: self._client._complete_operation(operation_id, members, terms))

    async def flush(self, timeout: float) -> bool:
        """See `Client.flush`."""
        return await self._apart(functools.partial(self._client.flush, timeout))

    async def status(self) -> Status:
        """See `Client.status`. Looks at files, so it is awaited."""
        return await self._apart(self._client.status)

    async def close(self, timeout: float = 10.0) -> bool:
        """See `Client.close`."""
        try:
            return await self._apart(functools.partial(self._client.close, timeout))
        finally:
            self._threads.shutdown(wait=False)

    async def _run(self, terms: Terms, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except asyncio.CancelledError:
            terms.abandoned.set()
            raise

    async def _apart(self, call: Callable[[], T]) -> T:
        # Not in our own threads: those may all be waiting for the server.
        return await asyncio.get_running_loop().run_in_executor(None, call)

"""Connections to one server that are kept open between requests. Safe to use from any number of threads."""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
from dataclasses import dataclass
from typing import List, Optional, Tuple
from urllib.parse import urlsplit

#: A connection that has been idle for longer is not used again: servers and balancers close theirs after 15 to 60 s,
#: and a request that meets the closing has to be repeated.
IDLE_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Origin:
    """Where the server is, as its URL says."""

    is_https: bool
    host: str
    port: Optional[int]
    #: What stands before every path; empty or with a leading slash, without one at the end.
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Raises `ValueError` for anything but `http[s]://host[:port][/prefix]`."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the URL must be http://host[:port] or https://host[:port]")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the URL must not hold credentials: give the token as token=")
        if parts.query or parts.fragment:
            raise ValueError("the URL must not have a query or a fragment")
        return cls(parts.scheme == "https", parts.hostname, parts.port, parts.path.rstrip("/"))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{'https' if self.is_https else 'http'}://{host}{port}{self.prefix}"


def tls_context(ca_file: Optional[str]) -> ssl.SSLContext:
    """Certificates of the system, or only those of `ca_file` (PEM); TLS 1.2 or newer."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass(frozen=True)
class Lease:
    """A connection that nobody else uses until it is given back."""

    connection: http.client.HTTPConnection
    #: Whether it has carried requests before: then the server may have closed it in the meantime.
    is_reused: bool


class ConnectionPool:
    """At most `connections_max` connections at a time; who wants one more waits for it."""

    def __init__(self, origin: Origin, *, connections_max: int, ca_file: Optional[str]) -> None:
        if connections_max < 1:
            raise ValueError("connections_max must be at least 1")
        self._origin = origin
        self._context = tls_context(ca_file) if origin.is_https else None
        self._connections_max = connections_max
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(self._connections_max)
        #: The newest last: it is the one that is least likely to have been closed.
        self._idle: List[Tuple[float, http.client.HTTPConnection]] = []

    def acquire(self, wait_seconds: float) -> Optional[Lease]:
        """A connection, which may not be connected yet; `None` when none became free in time."""
        if self._process != os.getpid():
            # After a fork both processes would write to the same sockets, and locks may be held by threads that are
            # not here. Closing a socket here does not end the parent's connection.
            for _, connection in self._idle:
                connection.close()
            self._begin()
        if not self._room.acquire(timeout=max(0.0, wait_seconds)):
            return None
        oldest = time.monotonic() - IDLE_SECONDS_MAX
        with self._lock:
            fresh = [idle for idle in self._idle if idle[0] >= oldest]
            stale = [connection for since, connection in self._idle if since < oldest]
            reused = fresh.pop()[1] if fresh else None
            self._idle = fresh
        for connection in stale:
            connection.close()
        return Lease(self._connection(), False) if reused is None else Lease(reused, True)

    def release(self, lease: Lease, *, keep: bool) -> None:
        """Gives a connection back; without `keep` it is closed."""
        with self._lock:
            keep = keep and not self._closed
            if keep:
                self._idle.append((time.monotonic(), lease.connection))
        if not keep:
            lease.connection.close()
        self._room.release()

    def renew(self, lease: Lease) -> Lease:
        """Another connection for the same lease, and no idle ones: what closed this one has closed those."""
        lease.connection.close()
        self._close_idle()
        return Lease(self._connection(), False)

    def close(self) -> None:
        """Closes what is idle; what is in use is closed when it is given back."""
        with self._lock:
            self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._origin.host, self._origin.port)
        return http.client.HTTPSConnection(self._origin.host, self._origin.port, context=self._context)

"""The real server for tests, and a proxy in front of it that fails as it is told to.

The environment's `STRONGROOM_BINARY` names the program. Nothing here replaces any part of the server: what cannot be
provoked in it, such as a full disk, is answered by the proxy in its place.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from strongroom import Actor, Event, Target

#: Nothing that a test waits for takes nearly as long; whatever does has failed.
PATIENCE_SECONDS = 30.0


def binary() -> str:
    found = os.environ.get("STRONGROOM_BINARY")
    if found is None:
        raise RuntimeError("set STRONGROOM_BINARY to the strongroom program, for instance target/debug/strongroom")
    return os.path.abspath(found)


class Server:
    """A server on a data directory of its own. It keeps its address over restarts."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="strongroom-python-")
        self._process: Optional["subprocess.Popen[str]"] = None
        self._listen = "127.0.0.1:0"
        self.token = ""
        self.start()

    @property
    def url(self) -> str:
        return "http://" + self._listen

    @property
    def port(self) -> int:
        return int(self._listen.rsplit(":", 1)[1])

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        self._process = subprocess.Popen(
            [binary(), "--data", "data", "--json", "serve", "--listen", self._listen],
            cwd=self._directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            self.token = said.get("token", self.token)
            if "listening" in said:
                self._listen = said["listening"][len("http://") :]
                return
        raise RuntimeError(f"the server ended with {self._process.wait()}")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the process by a signal, and waits for that."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_SECONDS)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def remove(self) -> None:
        self.end()
        shutil.rmtree(self._directory)

    def entries(self, stream: str = "audit", **query: str) -> List[Dict[str, Any]]:
        """What the ledger holds, in its order."""
        path = {"audit": "events", "discovery": "discovery", "tool": "tools"}[stream]
        found: List[Dict[str, Any]] = []
        query = {"order": "asc", "limit": "1000", **query}
        while True:
            request = urllib.request.Request(
                f"{self.url}/v1/audit/{path}?{urllib.parse.urlencode(query)}",
                headers={"Authorization": f"Bearer {self.token}"},
            )
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                page = json.load(answer)
            found += page["entries"]
            if not page.get("next_cursor"):
                return found
            query["cursor"] = page["next_cursor"]

    def event_ids(self, tenant: str, stream: str = "audit") -> List[str]:
        """The ids of a tenant's entries, in the ledger's order."""
        return [entry["event_id"] for entry in self.entries(stream, tenant=tenant)]


#: Takes the handler with a request read, and answers it or not. `None` passes the request on.
Fault = Callable[["_Handler"], None]


class FaultProxy:
    """Passes requests on to a server, but for those that meet a fault; each fault is met once, in order."""

    def __init__(self, upstream_port: int, tls: Optional[ssl.SSLContext] = None) -> None:
        self.upstream_port = upstream_port
        self.faults: Deque[Fault] = deque()
        self.bodies: List[bytes] = []
        self.connections = 0
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Listener(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    tls: Optional[ssl.SSLContext] = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        # Here and not where connections are accepted: a handshake that fails is this connection's own affair.
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away; what the test makes of that, it asserts.
        pass


class _Handler(BaseHTTPRequestHandler):
    owner: FaultProxy
    protocol_version = "HTTP/1.1"
    body = b""
    #: Otherwise the head and the body of an answer wait for one another.
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.owner.connections += 1

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.owner.bodies.append(self.body)
        fault = self.owner.faults.popleft() if self.owner.faults else pass_on
        fault(self)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def upstream(self) -> Tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.owner.upstream_port, timeout=PATIENCE_SECONDS)
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        try:
            connection.request("POST", self.path, self.body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def answer(self, status: int, body: bytes, headers: Optional[Dict[str, str]] = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def pass_on(handler: _Handler) -> None:
    handler.answer(*handler.upstream())


def lose_answer(handler: _Handler) -> None:
    """The server commits, and nobody is told."""
    status, _ = handler.upstream()
    assert status in (200, 201), status
    handler.reset()


def lose_request(handler: _Handler) -> None:
    handler.reset()


def answer_with(status: int, code: str = "", headers: Optional[Dict[str, str]] = None) -> Fault:
    """An answer in the server's place, in the shape of its errors."""
    error = {"error": {"code": code, "message": "as the test says", "request_id": "request-1", "details": []}}
    return lambda handler: handler.answer(status, json.dumps(error).encode(), headers)


def answer_text(status: int, text: str) -> Fault:
    """An answer that is not one of Strongroom's."""
    return lambda handler: handler.answer(status, text.encode())


class ServerTest(unittest.TestCase):
    """A test with a server that all tests of its class share, and a tenant of its own."""

    server: Server
    _count = 0

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.remove()

    def setUp(self) -> None:
        ServerTest._count += 1
        self.tenant = f"tenant-{ServerTest._count}"
        self.directory = Path(tempfile.mkdtemp(prefix="strongroom-python-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def proxy(self, *faults: Fault) -> FaultProxy:
        proxy = FaultProxy(self.server.port)
        self.addCleanup(proxy.close)
        proxy.faults.extend(faults)
        return proxy

    def event(self, number: int = 0, **members: Any) -> Event:
        """An event of this test's tenant; the number makes its id, and nothing of it depends on the time."""
        given: Dict[str, Any] = {
            "stream": "audit",
            "tenant": self.tenant,
            "actor": Actor("user", "alice"),
            "action": "document.read",
            "outcome": "success",
            "target": Target("document", f"document-{number}"),
            "event_id": f"{self.tenant}-{number}",
            "occurred_at": "2026-04-22T02:30:15Z",
        }
        return Event(**{**given, **members})

    def event_ids(self, numbers: range) -> List[str]:
        return [f"{self.tenant}-{number}" for number in numbers]

    def assert_ledger_holds(self, numbers: range) -> None:
        """Exactly these, once each, in this order."""
        self.assertEqual(self.server.event_ids(self.tenant), self.event_ids(numbers))


def until(condition: Callable[[], Any], what: str) -> None:
    """Waits for something that another thread or process does, and has no way to tell."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > give_up_at:
            raise AssertionError(f"waited in vain for {what}")
        select.select([], [], [], 0.005)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

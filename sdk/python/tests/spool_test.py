"""What the tests of the spool share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from strongroom import Client, Spool
from strongroom.times import today
from harness import PATIENCE_SECONDS, ServerTest, free_port


class SpoolTest(ServerTest):
    """A test with an empty spool directory."""

    def setUp(self) -> None:
        super().setUp()
        self.spool = self.directory / "spool"

    def client(self, url: Optional[str] = None, token: Optional[str] = None, *, bytes_max: int = 1 << 24) -> Client:
        """A client of the server, or of another address; closed at the end without waiting."""
        spool = Spool(self.spool, bytes_max=bytes_max)
        client = Client(url or self.server.url, token or self.server.token, deadline=0.2, spool=spool)
        self.addCleanup(client.close, 0)
        return client

    def offline(self, *, bytes_max: int = 1 << 24) -> Client:
        """A client whose server is not there."""
        return self.client(f"http://127.0.0.1:{free_port()}", bytes_max=bytes_max)

    def spool_offline(self, numbers: range) -> None:
        """Leaves these events in the spool."""
        client = self.offline()
        for number in numbers:
            client.submit(self.event(number))
        client.close(0)

    def drain(self) -> Client:
        """Drains the spool to the server, and answers the client, still open."""
        client = self.client()
        self.assertTrue(client.flush(PATIENCE_SECONDS), client.status())
        return client

    def file(self, stream: str = "audit", day: Optional[str] = None) -> Path:
        return self.spool / f"{stream}_{day or today()}.jsonl"

    def names(self) -> List[str]:
        return sorted(path.name for path in self.spool.iterdir())

    def rejected(self, stream: str = "audit") -> List[Dict[str, Any]]:
        path = self.spool / "rejected" / self.file(stream).name
        return [json.loads(line) for line in path.read_text().splitlines()]

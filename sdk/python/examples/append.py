"""Appends what a program does to a Strongroom server.

Run it with STRONGROOM_URL and STRONGROOM_TOKEN in the environment.
"""

from __future__ import annotations

import os
import tempfile

from strongroom import Actor, Client, Event, Receipt, Refused, Spool, Target


def main() -> None:
    url = os.environ.get("STRONGROOM_URL", "http://127.0.0.1:7717")
    # A service keeps one client, and its spool in a directory of its own, for as long as it runs.
    with tempfile.TemporaryDirectory() as directory, Client(url, spool=Spool(directory)) as client:
        event = Event(
            stream="audit",
            tenant="7",
            actor=Actor("user", "user-81", ip="192.0.2.17"),
            action="role.grant",
            target=Target("user", "user-93"),
            outcome="success",
            source="example",
        )

        # Durable and in its place when this returns; spooled when the server cannot be reached.
        answer = client.append(event)
        if isinstance(answer, Receipt):
            print(f"entry {answer.seq}, leaf {answer.leaf_hash}")
        else:
            print(f"spooled: {answer.reason}")

        # On the disk when this returns; the server gets it in the background.
        call = Event("tool", "7", Actor("service", "runner-3"), "tool.call", "success", tool="search", duration_ms=12.5)
        print(f"submitted {client.submit(call).event_id}")

        # What the server refuses is refused for good: each violation says where and why.
        try:
            client.append(Event("audit", "7", Actor("user", "user-81"), "login", "success"))
        except Refused as refused:
            for violation in refused.details:
                print(f"refused: {violation.member}: {violation.message}")

        print("drained" if client.flush(timeout=10) else f"still pending: {client.status()}")


if __name__ == "__main__":
    main()

"""A process that spools until it is killed: `spooling_process.py URL DIRECTORY TENANT`.

It prints each event's id when it has the answer that the event is on the disk.
"""

from __future__ import annotations

import sys

from strongroom import Actor, Client, Event, Spool


def main() -> None:
    url, directory, tenant = sys.argv[1:]
    client = Client(url, "sr_wrong", spool=Spool(directory))
    number = 0
    while True:
        event = Event("audit", tenant, Actor("system"), "clock.tick", "success", event_id=f"{tenant}-{number}")
        print(client.submit(event).event_id, flush=True)
        number += 1


if __name__ == "__main__":
    main()

"""An archiver as people write one: the baseline that `bench archive` measures Strongroom against.

usage: archiver.py DATABASE DIRECTORY

Moves every row of the table `event (id INTEGER PRIMARY KEY, stream, tenant, recorded_at, line)` into gzip JSONL files, a
file for each page of rows: written, read back, compared by count and SHA-256, and only then deleted. It prints one JSON
object: how many rows it moved and what it wrote.

Deliberately absent: what it would need to be trusted. No proof of what was in the table, no manifest, no sync of the
files, no way to go on after a crash between writing and deleting.
"""

import gzip
import hashlib
import json
import os
import sqlite3
import sys

PAGE_ROWS = 10_000
# SQLite takes 32,766 parameters in a statement; people stay far below.
DELETE_ROWS = 500


def archive(rows, path):
    """Writes the rows to a new file; how many lines, and their SHA-256."""
    digest = hashlib.sha256()
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for row in rows:
            event = json.loads(row["line"])
            event["id"] = row["id"]
            line = json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"
            digest.update(line.encode("utf-8"))
            file.write(line)
    return len(rows), digest.hexdigest()


def read_back(path):
    """Reads a file as it was written; how many lines, and their SHA-256."""
    digest = hashlib.sha256()
    count = 0
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            json.loads(line)
            digest.update(line.encode("utf-8"))
            count += 1
    return count, digest.hexdigest()


def delete(connection, ids):
    """Deletes the rows with these ids, some at a time."""
    for start in range(0, len(ids), DELETE_ROWS):
        chunk = ids[start : start + DELETE_ROWS]
        marks = ",".join("?" * len(chunk))
        connection.execute(f"DELETE FROM event WHERE id IN ({marks})", chunk)
        connection.commit()


def main():
    database, directory = sys.argv[1:]
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    os.makedirs(directory)
    moved = stored_bytes = 0
    while True:
        rows = connection.execute("SELECT * FROM event ORDER BY id LIMIT ?", (PAGE_ROWS,)).fetchall()
        if not rows:
            break
        path = os.path.join(directory, f"events-{rows[0]['id']}-{rows[-1]['id']}.jsonl.gz")
        written = archive(rows, path)
        if read_back(path) != written:
            sys.exit(f"{path} is not what was written to it")
        delete(connection, [row["id"] for row in rows])
        moved += len(rows)
        stored_bytes += os.path.getsize(path)
    print(json.dumps({"moved": moved, "stored_bytes": stored_bytes}))


if __name__ == "__main__":
    main()

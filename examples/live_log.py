"""Watching a log while it is written: what breaks the schema is seen within moments.

::

    python live_log.py                 # a service that writes and rotates its log, for a second or two
    python live_log.py access.jsonl    # your own; Ctrl-C ends it

`follow=True` goes on where the file grows, also when it is rotated (renamed, and a new one begun) or copied and cut
short. A batch comes whenever `buffer_size` records are there, so memory is that of a batch, however long it runs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

from tamis import Field, Schema, StreamingValidator

ACCESS = Schema(
    {
        "time": Field(datetime, required=True),
        "method": Field(str, required=True, choices=["GET", "HEAD", "POST", "PUT", "DELETE"]),
        "path": Field(str, required=True, pattern="^/"),
        "status": Field(int, required=True, min=100, max=599),
        "ms": Field(float, required=True, min=0, max=60_000),
    }
)

RECORDS = 600
ROTATED_AT = 300
BATCH = 50


def serve(log: Path) -> None:
    """A service: writes a record now and then, rotates once, and has a fault that shows in every hundredth."""
    for number in range(RECORDS):
        if number == ROTATED_AT:
            log.rename(log.with_suffix(".jsonl.1"))
        record = {
            "time": datetime.now().astimezone().isoformat(timespec="milliseconds"),
            "method": "GET",
            "path": f"/items/{number}",
            "status": 200 if number % 100 else 0,
            "ms": 1.5,
        }
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        time.sleep(0.001)


def watch(log: Path, records: int | None) -> tuple[int, int]:
    """Prints what is wrong as it comes, and returns how many records there were, and how many were bad."""
    seen = bad = 0
    for batch in StreamingValidator(ACCESS, buffer_size=BATCH).validate_json_stream(log, follow=True):
        seen += batch.total_rows
        bad += batch.invalid_count
        for error in batch.errors:
            print(f"record {error.row}: {error.column}: {error.message}, found {error.value}", flush=True)
        if records is not None and seen >= records:
            break
    return seen, bad


def main() -> None:
    if len(sys.argv) > 1:
        try:
            watch(Path(sys.argv[1]), None)
        except KeyboardInterrupt:
            return
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.jsonl"
        log.touch()
        service = threading.Thread(target=serve, args=[log])
        service.start()
        seen, bad = watch(log, RECORDS)
        service.join()
    print(f"{seen} records, {bad} of them bad")


if __name__ == "__main__":
    main()

"""What the checks of all clients have in common: records to send, and how a check says what is wrong."""

import itertools
import time
from dataclasses import dataclass, field

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]

_numbers = itertools.count()


@dataclass(frozen=True)
class Record:
    """A record, as every client can send it and must get it back."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    timestamp: int = 0


def fresh_topic(kind: str) -> str:
    """A name that no topic has yet."""
    return f"{kind}-{next(_numbers)}"


def records(count: int) -> list[Record]:
    """Records with and without keys, values and headers, empty, in other scripts, and some that fill a batch."""
    now = int(time.time() * 1000) - count
    made = []
    for number in range(count):
        text = f"value {number} größer 数据 ".encode()
        key = [None, b"", f"key {number}".encode()][number % 3]
        # Some clients send no record that is nothing at all.
        nothing = b"" if key is None else None
        made.append(
            Record(
                key=key,
                value=[text, nothing, b"", text * 300][number % 4],
                headers=[("kind", b"test"), ("empty", b""), ("bytes", bytes(range(256)))][: number % 4],
                timestamp=now + number,
            )
        )
    return made


def same(found: object, expected: object, what: str) -> None:
    """Ends the check if something is not as it should be."""
    if found != expected:
        raise AssertionError(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")

"""A group of consumers whose members come and go, the same for every client: each record is seen once, in order.

A client brings a *member*: something with `poll()`, which gives the `(partition, offset, value)` of new records, `assigned()`, the partitions
it has, and `leave()`.
"""

import time
from collections.abc import Callable
from typing import Protocol

from common import same

PATIENCE = 30
PARTITIONS = 4
STEP = 100


class Member(Protocol):
    def poll(self) -> list[tuple[int, int, bytes]]: ...

    def assigned(self) -> set[int]: ...

    def leave(self) -> None: ...


def share(join: Callable[[], Member], send: Callable[[list[tuple[int, bytes]]], None]) -> None:
    """One member, a second one that joins while records come, and leaves while others come."""
    seen: list[tuple[int, int, bytes]] = []
    members: list[Member] = []
    everything = set(range(PARTITIONS))

    def until(condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            for member in members:
                seen.extend(member.poll())
            if time.monotonic() > end:
                raise AssertionError(
                    f"{what}: {len(seen)} records, assigned {[it.assigned() for it in members]}"
                )

    def send_step(number: int) -> None:
        values = range(number * STEP, (number + 1) * STEP)
        send([(value % PARTITIONS, b"%d" % value) for value in values])

    def halves() -> bool:
        parts = [it.assigned() for it in members]
        return all(len(it) == PARTITIONS // 2 for it in parts) and set().union(*parts) == everything

    send_step(0)
    members.append(join())
    until(lambda: members[0].assigned() == everything, "alone")
    send_step(1)
    members.append(join())
    until(halves, "a second member")
    send_step(2)
    until(lambda: len(seen) >= 3 * STEP, "records for both")
    members.pop().leave()
    send_step(3)
    until(lambda: members[0].assigned() == everything, "alone again")
    until(lambda: len(seen) >= 4 * STEP, "records after one left")
    members.pop().leave()
    same(sorted(int(value) for _, _, value in seen), list(range(4 * STEP)), "each record once")
    for partition in everything:
        offsets = [offset for its, offset, _ in seen if its == partition]
        same(offsets, list(range(STEP)), f"order in partition {partition}")

"""What the contenders of `cargo xtask bench --process` share: data sets, the command line, the clock, one line of JSON.

Every contender is a script that does one task on one file: `python duckdb_sql.py TASK DATASET INPUT OUTPUT THREADS`. It
prints how long it took, the peak of its memory, and an answer that must be the same for all contenders, to rounding. A
library is timed from its first look at the file to the last byte of its result; starting Python and importing the
library is left out, which favours it. Tamis is timed as a whole process.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dataset:
    """A table and what is asked of it."""

    key: str  # a column of few texts, to group by
    value: str  # a column of numbers, to sum and to sort by
    many: str  # a column of many texts, to count the different ones of
    few: float  # a tenth has a `value` above it
    most: float  # nearly all have
    null: str  # the text that stands for null beside the empty one
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


DATASETS = {
    "transactions": Dataset(
        key="country",
        value="amount",
        many="account_id",
        few=200_000,
        most=1,
        null="",
        numbers=("amount",),
        texts=("transaction_id", "timestamp", "account_id", "country", "memo"),
    ),
    "flights": Dataset(
        key="carrier",
        value="arr_delay",
        many="tailnum",
        few=55,
        most=-60,
        null="NA",
        numbers=(
            *(
                "year",
                "month",
                "day",
                "dep_time",
                "sched_dep_time",
                "dep_delay",
                "arr_time",
                "sched_arr_time",
            ),
            *("arr_delay", "flight", "air_time", "distance", "hour", "minute"),
        ),
        texts=("carrier", "tailnum", "origin", "dest", "time_hour"),
    ),
}


@dataclass(frozen=True)
class Work:
    """One run: what to do with which file."""

    dataset: Dataset
    input: str
    output: str
    threads: int

    @property
    def memory_bytes(self) -> int:
        """What `sort_memory` may take: a fifth of the input, and not less than a library takes to begin with."""
        return max(os.path.getsize(self.input) // 5, 100_000_000)


Function = Callable[[Work], Any]


class Failed(Exception):
    """The library cannot do it, for the reason given."""


def arguments() -> tuple[str, Work]:
    """The task and the work of the command line."""
    task, dataset, path, output, threads = sys.argv[1:]
    return task, Work(DATASETS[dataset], path, output, int(threads))


def run(tool: str, version: str, functions: dict[str, Function]) -> None:
    """Times the task of the command line. A function may return its own seconds and peak as `Timed`."""
    task, work = arguments()
    if task == "tasks":
        print(json.dumps(sorted(functions)))
        return
    start = time.perf_counter()
    try:
        answer = functions[task](work)
    except Failed as failure:
        print(json.dumps({"failed": f"{tool} {version}: {failure}"}))
        return
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if isinstance(answer, Timed):
        answer, seconds, peak = answer.answer, answer.seconds, answer.peak_rss_bytes
    if task in ("filter_few", "filter_most", "sort", "sort_memory"):
        answer = lines(work.output)
    elif task == "to_parquet":
        answer = rows_of_parquet(work.output)
    report = {
        "tool": tool,
        "version": version,
        "seconds": seconds,
        "peak_rss_bytes": peak,
        "answer": answer,
    }
    print(json.dumps(report, default=float))


@dataclass(frozen=True)
class Timed:
    """An answer of another process, which was timed there."""

    answer: Any
    seconds: float
    peak_rss_bytes: int


def lines(path: str) -> int:
    """Lines of a file that was written: the answer of whoever writes rows, outside of everybody's time."""
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def rows_of_parquet(path: str) -> int:
    """Rows of a Parquet file that was written, likewise."""
    from pyarrow.parquet import read_metadata

    return read_metadata(path).num_rows

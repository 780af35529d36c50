"""How long would a billion records take here? Makes data, runs the five validators on it, and says.

::

    pip install .                                            # in the root of the repository
    python examples/billion_record_demo.py                   # a million records, a few seconds
    python examples/billion_record_demo.py --rows 20_000_000 # nearer to the truth: 1.3 GB

Everything printed was measured in this run, on this machine, and the last column is nothing but a billion divided by
the rate beside it: a projection, for data in the page cache.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from tamis import (
    CachedValidator,
    DistributedValidator,
    Field,
    MapReduceValidator,
    Schema,
    StreamingValidator,
    Validator,
)
from tamis.distributed import ChunkInfo

COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "NL", "PL", "PT", "SE"]

#: What a payment looks like.
SCHEMA = Schema(
    {
        "transaction_id": Field(str, required=True, pattern=r"^TX\d{10}$"),
        "amount": Field(float, required=True, min=0.01, max=1_000_000),
        "timestamp": Field(datetime, required=True),
        "account_id": Field(str, required=True, min_length=8, max_length=20),
        "country": Field(str, required=True, choices=COUNTRIES),
        "memo": Field(str, max_length=200),
    }
)

#: Whether somebody sees a progress bar; tqdm draws it, if it is installed.
IS_WATCHED = sys.stderr.isatty()

#: Rows and invalid rows.
Counts = tuple[int, int]


def make_data(path: Path, rows: int) -> None:
    """Writes ``rows`` payments, about one in a hundred with a fault; the `tamis` command comes with the package."""
    tamis = Path(sysconfig.get_path("scripts")) / "tamis"
    arguments = ["gen", "transactions", "--quiet", "--rows", str(rows), "--output", str(path)]
    subprocess.run([tamis, *arguments], check=True)


def validator(path: Path) -> Counts:
    result = Validator(SCHEMA).validate_csv(path, progress=IS_WATCHED)
    return result.total_rows, result.invalid_count


def streaming(path: Path) -> Counts:
    """A result for every 10,000 records; only one of them is in memory."""
    rows = invalid = 0
    stream = StreamingValidator(SCHEMA, buffer_size=10_000).validate_csv_stream(path, progress=IS_WATCHED)
    for batch in stream:
        rows += batch.total_rows
        invalid += batch.invalid_count
    return rows, invalid


def distributed(path: Path) -> Counts:
    """Chunks on threads, with a call for each."""
    result = DistributedValidator(SCHEMA, workers=None).validate_csv_parallel(path, callback=show)
    return result.total_rows, result.invalid_count


def map_reduce(path: Path) -> Counts:
    """The same in the three steps that a cluster does: here the cluster is a pool of threads."""
    validator = MapReduceValidator(SCHEMA)
    with ThreadPoolExecutor() as pool:
        partials = pool.map(validator.map_validate_chunk, validator.plan(path))
        result = validator.reduce_results(partials)
    return result.total_rows, result.invalid_count


def cached(path: Path, cache: Path) -> Counts:
    """An answer that is known already: the file is hashed, and nothing else."""
    result = CachedValidator(Validator(SCHEMA), cache).validate_csv(path)
    return result.total_rows, result.invalid_count


def show(info: ChunkInfo) -> None:
    if IS_WATCHED:
        line = f"chunk {info['chunk']} of {info['total_chunks']}, {info['rows']:,} rows"
        print(f"\r{line}\r", end="", file=sys.stderr, flush=True)


def forget_peak_memory() -> None:
    """Starts the count of :func:`peak_memory_mb` anew, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_memory_mb() -> float:
    """The most memory that the process has held since, in millions of bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) * 1024 / 1e6


def measure(name: str, run: Callable[[], Counts], rows: int) -> tuple[float, Counts]:
    """Runs once, prints a line of the table, and returns the seconds and the counts."""
    forget_peak_memory()
    start = time.perf_counter()
    counts = run()
    seconds = time.perf_counter() - start
    rate = rows / seconds
    print(f"{name:22} {seconds:9.3f} s {rate:15,.0f} {peak_memory_mb():7.0f} MB {duration(1e9 / rate):>12}")
    return seconds, counts


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=1_000_000)
    rows: int = parser.parse_args().rows

    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "transactions.csv", Path(folder) / "cache"
        make_data(path, rows)
        print(f"{rows:,} records, {path.stat().st_size / 1e6:,.0f} MB\n")
        print(f"{'':22} {'time':>11} {'records/s':>15} {'memory':>10} {'a billion':>12}")
        once, counts = measure("Validator", lambda: validator(path), rows)
        others = [
            measure("StreamingValidator", lambda: streaming(path), rows),
            measure("DistributedValidator", lambda: distributed(path), rows),
            measure("MapReduceValidator", lambda: map_reduce(path), rows),
            measure("CachedValidator, new", lambda: cached(path, cache), rows),
        ]
        again, known = measure("CachedValidator, known", lambda: cached(path, cache), rows)

    assert all(found == counts for found in [*(found for _, found in others), known]), "all find the same"
    print(
        f"\nAll five found {counts[1]:,} invalid records. A known answer comes {once / again:.1f} times as fast."
    )


if __name__ == "__main__":
    main()

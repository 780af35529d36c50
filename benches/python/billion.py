"""A billion rows through one `Validator.validate_csv` call, for real.

::

    python benches/python/billion.py [--rows 143000000] [--times 7] [--keep] [FOLDER]

A file of about 9 GB is made once by ``tamis gen transactions``, in the folder given or the system's temporary one, and given
to the validator as often as it takes: seven inputs, one result. On a machine with more memory than that, the first
round reads the disk and the others the page cache; the seconds of each part are not told apart. What is printed: rows,
invalid rows (compared with what the generator says), seconds, and the most memory the process held.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tamis


def make(folder: Path, rows: int) -> tuple[Path, int]:
    """The file and how many of its rows are invalid; made unless it is there."""
    data, answer = folder / f"billion-{rows}.csv", folder / f"billion-{rows}.answer.json"
    if not (data.exists() and answer.exists()):
        command = Path(sys.executable).with_name("tamis")
        arguments: list[str | Path] = [
            "gen",
            "transactions",
            "--quiet",
            "--rows",
            str(rows),
            "--output",
            data,
            "--manifest",
            answer,
        ]
        subprocess.run([command, *arguments], check=True)
    return data, json.loads(answer.read_text())["rows"]["invalid"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=143_000_000, help="rows of the file")
    parser.add_argument("--times", type=int, default=7, help="how often it is given")
    parser.add_argument("--keep", action="store_true", help="leave the file there")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()

    start = time.perf_counter()
    data, invalid = make(options.folder, options.rows)
    size_bytes = data.stat().st_size
    print(
        f"{options.rows:,} rows, {size_bytes / 1e9:.2f} GB, made in {time.perf_counter() - start:.1f} s",
        flush=True,
    )

    validator = tamis.Validator(tamis.Schema.from_file(data.with_suffix(".odcs.yaml")))
    start = time.perf_counter()
    result = validator.validate_csv([data] * options.times)
    seconds = time.perf_counter() - start
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    assert (result.total_rows, result.invalid_count) == (
        options.rows * options.times,
        invalid * options.times,
    )
    print(f"{result.total_rows:,} rows, {result.invalid_count:,} invalid, as the generator says")
    print(f"{seconds:.1f} s, {result.total_rows / seconds / 1e6:.1f} M rows/s", end=", ")
    print(f"{size_bytes * options.times / seconds / 1e9:.2f} GB/s, peak memory {peak_rss / 1e6:.0f} MB")
    if not options.keep:
        for made in options.folder.glob(f"billion-{options.rows}.*"):
            made.unlink()


if __name__ == "__main__":
    main()

"""One validator of the Python package on one file: prints what it found, how long it took and what memory it held.

::

    python validators.py CASE DATA.csv CONTRACT.odcs.yaml

Timed is the call, from the path (or the frame, which is made before) to the result; the start of Python and the imports are
left out, as they are for the peers. The contract is read and compiled before, too.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import tamis

#: Given the file and the schema, makes ready, and returns what is timed: it returns rows and invalid rows.
Case = Callable[[str, tamis.Schema], Callable[[], tuple[int, int]]]

WORKERS = 2


def validator(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    return lambda: counts(tamis.Validator(schema).validate_csv(path))


def streaming(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    def run() -> tuple[int, int]:
        rows = invalid = 0
        for batch in tamis.StreamingValidator(schema, buffer_size=10_000).validate_csv_stream(path):
            rows += batch.total_rows
            invalid += batch.invalid_count
        return rows, invalid

    return run


def distributed_threads(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    return lambda: counts(tamis.DistributedValidator(schema, workers=WORKERS).validate_csv_parallel(path))


def distributed_processes(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    validator = tamis.DistributedValidator(schema, workers=WORKERS, use_processes=True)
    return lambda: counts(validator.validate_csv_parallel(path))


def map_reduce(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    def run() -> tuple[int, int]:
        validator = tamis.MapReduceValidator(schema)
        partials = [validator.map_validate_chunk(chunk) for chunk in validator.plan(path)]
        return counts(validator.reduce_results(partials))

    return run


def cache_stat(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    return cached(path, schema, "stat")


def cache_content(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    return cached(path, schema, "content")


def cached(
    path: str, schema: tamis.Schema, verify: Literal["content", "stat"]
) -> Callable[[], tuple[int, int]]:
    settle(path)
    validator = tamis.CachedValidator(tamis.Validator(schema), tempfile.mkdtemp(), verify=verify)
    validator.validate_csv(path)

    def run() -> tuple[int, int]:
        result = validator.validate_csv(path)
        assert validator.get_cache_stats()["hits"] == 1, "the answer was not found"
        return counts(result)

    return run


def settle(path: str) -> None:
    """A file that was just written is not trusted; the benchmark's may be that new."""
    age_seconds = time.time() - Path(path).stat().st_ctime
    time.sleep(max(0.0, 2.1 - age_seconds))


def from_polars(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    import polars as pl

    # One piece: polars would make the chunks of all columns alike when it first hands the frame out.
    frame = pl.read_csv(path, infer_schema=False).rechunk()
    return lambda: counts(tamis.Validator(schema).validate(frame))


def from_polars_typed(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    import polars as pl

    texts = pl.read_csv(path, infer_schema=False).rechunk()
    # Those that are no number or no moment become null, which breaks a rule as well.
    frame = texts.with_columns(
        pl.col("amount").cast(pl.Float64, strict=False),
        pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False),
    )
    return lambda: counts(tamis.Validator(schema).validate(frame))


def from_pyarrow(path: str, schema: tamis.Schema) -> Callable[[], tuple[int, int]]:
    import pyarrow as pa
    from pyarrow import csv

    names = csv.open_csv(path).schema.names
    as_text = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    # Memos may have newlines.
    quoted = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(path, parse_options=quoted, convert_options=as_text)
    return lambda: counts(tamis.Validator(schema).validate(table))


def counts(result: tamis.ValidationResult) -> tuple[int, int]:
    return result.total_rows, result.invalid_count


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        validator,
        streaming,
        distributed_threads,
        distributed_processes,
        map_reduce,
        cache_stat,
        cache_content,
        from_polars,
        from_polars_typed,
        from_pyarrow,
    )
}


def main() -> None:
    case, path, contract = sys.argv[1:]
    run = CASES[case](path, tamis.Schema.from_file(contract))
    start = time.perf_counter()
    rows, invalid = run()
    seconds = time.perf_counter() - start
    # Of several worker processes only the largest is known; the others do the same.
    own, child = (resource.getrusage(who).ru_maxrss * 1024 for who in (0, resource.RUSAGE_CHILDREN))
    peak_rss = own + (WORKERS * child if case == "distributed_processes" else 0)
    report = {
        "tool": case,
        "version": tamis.__version__,
        "rows": rows,
        "invalid": invalid,
        "seconds": seconds,
        "peak_rss_bytes": peak_rss,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()

"""Goal: however an input is cut, and whoever reads its parts, the result is the one that `Validator` gives."""

from __future__ import annotations

import csv
import io
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest
from dirty import SCHEMA, UNIQUE_SCHEMA, csv_bytes, dirty_rows
from extent import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis import (
    CachedValidator,
    DistributedValidator,
    MapReduceValidator,
    Schema,
    StreamingValidator,
    ValidationResult,
    Validator,
)

SCHEMAS = pytest.mark.parametrize("schema", [SCHEMA, UNIQUE_SCHEMA], ids=["rows", "unique"])


@dataclass
class Cut:
    """How an input is divided."""

    chunk_bytes: int
    rows: int
    workers: int
    max_errors: int
    seed: int

    def random(self) -> Random:
        return Random(self.seed)


CUTS = st.builds(
    Cut,
    chunk_bytes=st.integers(1, 300),
    rows=st.integers(1, 25),
    workers=st.integers(1, 3),
    max_errors=st.sampled_from([0, 1, 5, 1000]),
    seed=st.integers(0, 2**32),
)


def one_thread(schema: Schema, path: Path, cut: Cut) -> ValidationResult:
    return Validator(schema, parallel=False, max_errors=cut.max_errors).validate_csv(path)


def pieces(data: bytes, cut: Cut) -> Iterator[bytes]:
    """The input as an iterator gives it: in pieces of any length, empty ones among them."""
    random = cut.random()
    position = 0
    while position < len(data):
        length = random.randrange(cut.chunk_bytes + 1)
        yield data[position : position + length]
        position += length


def iterator_of_pieces(schema: Schema, path: Path, cut: Cut) -> ValidationResult:
    validator = Validator(schema, threads=cut.workers, max_errors=cut.max_errors)
    return validator.validate_csv(pieces(path.read_bytes(), cut))


def from_the_cache(schema: Schema, path: Path, cut: Cut) -> ValidationResult:
    with tempfile.TemporaryDirectory() as folder:
        cached = CachedValidator(Validator(schema, max_errors=cut.max_errors), folder)
        cached.validate_csv(path)
        result = cached.validate_csv(path)
        assert cached.get_cache_stats()["hits"] == 1
        return result


def mapped_and_reduced(schema: Schema, path: Path, cut: Cut) -> ValidationResult:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cut.workers) as executor:
        validator = MapReduceValidator(schema, max_errors=cut.max_errors, spill_dir=folder)
        planned = validator.plan(path, cut.chunk_bytes, map=executor.map)
        partials = list(executor.map(validator.map_validate_chunk, planned))
        cut.random().shuffle(partials)
        return validator.reduce_results(pickle.loads(pickle.dumps(partials)))


def on_workers(schema: Schema, path: Path, cut: Cut) -> ValidationResult:
    validator = DistributedValidator(schema, cut.workers, cut.rows, max_errors=cut.max_errors)
    return validator.validate_csv_parallel(path)


def in_batches(schema: Schema, path: Path, cut: Cut) -> ValidationResult:
    """The summary; what the batches say must add up to it."""
    validator = StreamingValidator(schema, cut.rows, threads=cut.workers, max_errors=cut.max_errors)
    with validator.validate_csv_stream(path) as stream:
        batches = list(stream)
        whole = stream.summary()
    totals = [batch.total_rows for batch in batches]
    assert all(total == cut.rows for total in totals[:-1])
    assert sum(totals) == whole.total_rows
    assert sum(batch.valid_count for batch in batches) == whole.valid_count
    assert sum(batch.invalid_count for batch in batches) == whole.invalid_count
    assert sum((Counter(batch.errors_by_rule) for batch in batches), Counter()) == whole.errors_by_rule
    errors = [error for batch in batches for error in batch.errors]
    assert errors[: cut.max_errors] == whole.errors
    return whole


WAYS = [one_thread, iterator_of_pieces, from_the_cache, mapped_and_reduced, on_workers, in_batches]


@SCHEMAS
@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=examples(30), deadline=None)
@given(data=csv_bytes(), cut=CUTS)
def test_every_way_gives_the_same(
    way: Callable[[Schema, Path, Cut], ValidationResult], schema: Schema, data: bytes, cut: Cut
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(data)
        plain = Validator(schema, max_errors=cut.max_errors).validate_csv(path)
        assert way(schema, path, cut) == plain


@SCHEMAS
@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_of_many_chunks(
    way: Callable[[Schema, Path, Cut], ValidationResult], schema: Schema, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(100_000, seed=3))
    cut = Cut(chunk_bytes=150_000, rows=7_000, workers=2, max_errors=700, seed=5)
    plain = Validator(schema, max_errors=cut.max_errors).validate_csv(path)
    assert plain.total_rows == 100_000
    assert plain.error_count > len(plain.errors) == cut.max_errors
    assert way(schema, path, cut) == plain


@SCHEMAS
def test_processes_give_the_same(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, seed=1))
    plain = Validator(schema).validate_csv(path)
    distributed = DistributedValidator(schema, workers=2, chunk_size=400, use_processes=True)
    assert distributed.validate_csv_parallel(path) == plain
    spill_dir = tmp_path / "keys"
    spill_dir.mkdir()
    validator = MapReduceValidator(schema, spill_dir=spill_dir)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        planned = validator.plan(path, 5000, map=executor.map)
        partials = list(executor.map(validator.map_validate_chunk, planned))
    assert len(partials) > 5
    assert validator.reduce_results(partials) == plain


@SCHEMAS
@settings(max_examples=examples(30), deadline=None)
@given(data=csv_bytes(are_ragged=False), cut=CUTS)
def test_rows_of_text_give_the_same(schema: Schema, data: bytes, cut: Cut) -> None:
    plain = Validator(schema, max_errors=cut.max_errors).validate_csv(data)
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert findings(Validator(schema, max_errors=cut.max_errors).validate(rows)) == findings(plain)
    with tempfile.TemporaryDirectory() as folder:
        validator = MapReduceValidator(schema, max_errors=cut.max_errors, spill_dir=folder)
        chunks = [rows[start : start + cut.rows] for start in range(0, len(rows), cut.rows)] or [[]]
        partials = [validator.map_validate_chunk(chunk) for chunk in chunks]
        assert findings(validator.reduce_results(partials)) == findings(plain)


def findings(result: ValidationResult) -> tuple[object, ...]:
    """All of a result but for lines and byte offsets, which rows have not."""
    errors = [(error.row, error.column, error.rule, error.value, error.message) for error in result.errors]
    return result.total_rows, result.valid_count, result.invalid_count, result.errors_by_rule, errors

"""What the adapters for Ray, Dask and Spark share: the steps of a distributed check, and what an engine needs for them."""

from __future__ import annotations

import importlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from tamis._spill import make_in
from tamis._tamis import Partial, ValidationResult
from tamis.errors import UnsupportedError
from tamis.mapreduce import MapReduceValidator, Paths

__all__ = ["Format", "Spread", "engine", "keys_folder", "map_part", "validate_paths"]

Task = TypeVar("Task")
Result = TypeVar("Result")
Format: TypeAlias = Literal["csv", "jsonl"] | None


class Spread(Protocol):
    """How an engine computes ``function(validator, task)`` for many tasks; results in the order of the tasks."""

    def __call__(
        self, function: Callable[[MapReduceValidator, Task], Result], tasks: Sequence[Task], /
    ) -> Sequence[Result]: ...


def engine(module: str, extra: str) -> Any:
    """A module of an engine.

    Raises ``UnsupportedError`` when it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UnsupportedError(
            f"`tamis.{extra}` needs `{module}`: pip install 'tamis[{extra}]' ({error})"
        ) from error


@contextmanager
def keys_folder(spill_dir: str | os.PathLike[str] | None) -> Iterator[str | None]:
    """A folder in ``spill_dir`` for the keys of one run, removed with what tasks that died have left in it.

    Raises ``InputNotFoundError`` and ``InputError`` for a ``spill_dir`` that cannot be used.
    """
    if spill_dir is None:
        yield None
        return
    # Not of `tempfile`: workers that run as other users must be able to write into it.
    folder = os.path.join(os.path.abspath(spill_dir), f"tamis-{uuid.uuid4().hex}")
    make_in(spill_dir, lambda: os.mkdir(folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def map_part(validator: MapReduceValidator, table: Any) -> Partial:
    """The partial of a part of a table, whose columns are judged elsewhere: one that is not there is missing once."""
    return validator._check.map_rows(table, judges_columns=False)


def validate_paths(
    validator: MapReduceValidator, paths: Paths, chunk_bytes: int, format: Format, spread: Spread
) -> ValidationResult:
    """Splits here, scans and maps where ``spread`` does, reduces here."""
    planned = validator.plan(
        [_absolute(path) for path in paths] if isinstance(paths, list | tuple) else _absolute(paths),
        chunk_bytes,
        map=lambda _, ranges: spread(MapReduceValidator.scan, ranges) if ranges else [],
        format=format,
    )
    return validator.reduce_results(spread(MapReduceValidator.map_validate_chunk, planned))


def _absolute(path: Any) -> Any:
    """The path as workers know it, who may run in another folder. What is none is left as it is: ``plan`` says so."""
    return os.path.abspath(path) if isinstance(path, str | os.PathLike) and path != "-" else path

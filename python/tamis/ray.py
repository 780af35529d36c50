"""Validation on a Ray cluster: :func:`validate`. Needs ``pip install 'tamis[ray]'``, on the cluster's machines too.

>>> import ray, tamis, tamis.ray                                            # doctest: +SKIP
>>> ray.init()                                                              # doctest: +SKIP
>>> schema = tamis.Schema({"amount": tamis.Field(float, min=0)})            # doctest: +SKIP
>>> tamis.ray.validate(["/data/a.csv", "/data/b.csv"], schema).is_valid()   # doctest: +SKIP
True
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from tamis import _engines
from tamis._tamis import ValidationResult
from tamis.errors import WorkerError
from tamis.mapreduce import CHUNK_BYTES, MapReduceValidator, Paths
from tamis.schema import Schema

__all__ = ["validate"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def validate(
    paths: Paths,
    schema: Schema,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    format: Literal["csv", "jsonl"] | None = None,
    max_errors: int = 1000,
    memory: int | str = "200MB",
    spill_dir: str | os.PathLike[str] | None = None,
    unchecked: Literal["error", "allow"] = "error",
) -> ValidationResult:
    """Checks files as one input, in tasks on the Ray cluster that this program is connected to.

    Parameters
    ----------
    paths:
        A path or a list of them. Workers read the files themselves, so every machine must see them under the same paths.
    schema:
        The :class:`tamis.Schema`.
    chunk_bytes:
        About how many bytes a task is given.
    format:
        ``"csv"`` or ``"jsonl"``; by default what the name of the file says, else its content.
    spill_dir:
        A folder that all machines share, for the keys of ``unique`` rules. Needed if the schema has any.
    max_errors, memory, unchecked:
        As for :class:`tamis.Validator`.

    The result is that of :class:`tamis.Validator`, row numbers included. A task whose worker dies is done again by Ray
    (``max_retries``, 3 times unless the cluster says otherwise).

    Raises ``UnsupportedError`` when Ray is not installed, or for ``unique`` rules without a ``spill_dir``; ``InputError`` and
    ``FormatError`` as :class:`tamis.Validator`; ``WorkerError`` when Ray gave a task up.
    """
    ray = _engines.engine("ray", "ray")

    def spread(
        function: Callable[[MapReduceValidator, Task], Result], tasks: Sequence[Task]
    ) -> Sequence[Result]:
        remote = ray.remote(function)
        results: list[Result] = ray.get([remote.remote(shared, task) for task in tasks])
        return results

    with _engines.keys_folder(spill_dir) as folder:
        validator = MapReduceValidator(
            schema, max_errors=max_errors, memory=memory, spill_dir=folder, unchecked=unchecked
        )
        shared = ray.put(validator)
        try:
            return _engines.validate_paths(validator, paths, chunk_bytes, format, spread)
        except ray.exceptions.RayError as error:
            # An exception that a task raised is of its own class too. All others are Ray's: workers, nodes or objects are lost.
            if isinstance(error, ray.exceptions.RayTaskError):
                raise
            raise WorkerError(f"Ray lost the workers of a task, and gave it up: {error}") from error

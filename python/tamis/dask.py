"""Validation on Dask: :func:`validate`. Needs ``pip install 'tamis[dask]'``, on the cluster's machines too.

>>> import tamis, tamis.dask                                                # doctest: +SKIP
>>> schema = tamis.Schema({"amount": tamis.Field(float, min=0)})            # doctest: +SKIP
>>> tamis.dask.validate("/data/a.csv", schema).is_valid()                   # doctest: +SKIP
True
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from tamis import _engines
from tamis._tamis import ValidationResult
from tamis.errors import WorkerError
from tamis.mapreduce import CHUNK_BYTES, MapReduceValidator
from tamis.schema import Schema

__all__ = ["validate"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def validate(
    paths_or_dataframe: Any,
    schema: Schema,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    format: Literal["csv", "jsonl"] | None = None,
    max_errors: int = 1000,
    memory: int | str = "200MB",
    spill_dir: str | os.PathLike[str] | None = None,
    unchecked: Literal["error", "allow"] = "error",
) -> ValidationResult:
    """Checks files as one input, or a Dask DataFrame, in tasks of the scheduler that Dask has been told to use.

    That is the connected ``distributed.Client``, if there is one. Else it is threads of this process, which is enough for
    one machine: checking does not hold the interpreter lock.

    Parameters
    ----------
    paths_or_dataframe:
        A path, a list of them, or a ``dask.dataframe.DataFrame``. Every machine must see files under the same paths.
    schema:
        The :class:`tamis.Schema`.
    chunk_bytes:
        About how many bytes of a file a task is given; a partition of a DataFrame is one task.
    format:
        ``"csv"`` or ``"jsonl"``; by default what the name of the file says, else its content.
    spill_dir:
        A folder that all machines share, for the keys of ``unique`` rules. Needed if the schema has any.
    max_errors, memory, unchecked:
        As for :class:`tamis.Validator`.

    The result is that of :class:`tamis.Validator`, row numbers included; rows of a DataFrame are counted in the order of
    its partitions. A task whose worker dies is done again by Dask.

    Raises ``UnsupportedError`` when Dask is not installed, or for ``unique`` rules without a ``spill_dir``; ``InputError`` and
    ``FormatError`` as :class:`tamis.Validator`; ``WorkerError`` when Dask gave a task up.
    """
    dask = _engines.engine("dask", "dask")
    distributed = _engines.engine("distributed", "dask")

    def call(function: Callable[[MapReduceValidator, Task], Result], task: Task) -> Any:
        # Not pure: Dask need not hash arguments to find out whether it has the result of a call already.
        return dask.delayed(function, pure=False)(shared, task)

    def spread(
        function: Callable[[MapReduceValidator, Task], Result], tasks: Sequence[Task]
    ) -> Sequence[Result]:
        results: Sequence[Result] = dask.compute(*(call(function, task) for task in tasks))
        return results

    with _engines.keys_folder(spill_dir) as folder:
        validator = MapReduceValidator(
            schema, max_errors=max_errors, memory=memory, spill_dir=folder, unchecked=unchecked
        )
        # One object for all tasks.
        shared = dask.delayed(validator, pure=False)
        try:
            if hasattr(paths_or_dataframe, "to_delayed"):
                first, *others = paths_or_dataframe.to_delayed()
                partials = dask.compute(
                    call(MapReduceValidator.map_validate_chunk, first),
                    *(call(_engines.map_part, other) for other in others),
                )
                return validator.reduce_results(partials)
            return _engines.validate_paths(validator, paths_or_dataframe, chunk_bytes, format, spread)
        except distributed.KilledWorker as error:
            raise WorkerError(f"Dask lost the workers of a task, and gave it up: {error}") from error

"""Validation on Spark: :func:`validate`. Needs ``pip install 'tamis[spark]'``, on the cluster's machines too.

>>> import tamis, tamis.spark                                               # doctest: +SKIP
>>> from pyspark.sql import SparkSession                                    # doctest: +SKIP
>>> spark = SparkSession.builder.getOrCreate()                              # doctest: +SKIP
>>> schema = tamis.Schema({"amount": tamis.Field(float, min=0)})            # doctest: +SKIP
>>> tamis.spark.validate(spark, spark.table("orders"), schema).is_valid()   # doctest: +SKIP
True

Both ways go through ``mapInArrow``, which classic Spark and Spark Connect have alike. Executors start the Python that
``PYSPARK_PYTHON`` names, so that must be one that has Tamis installed.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar

from tamis import _engines
from tamis._tamis import ValidationResult
from tamis.mapreduce import CHUNK_BYTES, MapReduceValidator
from tamis.schema import Schema

__all__ = ["validate"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def validate(
    spark: Any,
    df_or_path: Any,
    schema: Schema,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    format: Literal["csv", "jsonl"] | None = None,
    max_errors: int = 1000,
    memory: int | str = "200MB",
    spill_dir: str | os.PathLike[str] | None = None,
    unchecked: Literal["error", "allow"] = "error",
) -> ValidationResult:
    """Checks a DataFrame, or files as one input, in tasks of a Spark session.

    Parameters
    ----------
    spark:
        The ``SparkSession``.
    df_or_path:
        A DataFrame of this session, a path, or a list of paths. Executors read files themselves, so every machine must see
        them under the same paths; Tamis reads plain paths, none of Spark's ``hdfs://`` and the like.
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

    For files the result is that of :class:`tamis.Validator`, row numbers included. The rows of a DataFrame have no order
    that could be told twice: verdict and counts are those of :class:`tamis.Validator`, and errors have no row number. A task
    whose executor dies is done again by Spark.

    Raises ``UnsupportedError`` when PySpark is not installed, or for ``unique`` rules without a ``spill_dir``; ``InputError`` and
    ``FormatError`` as :class:`tamis.Validator` for what can be seen before the first task. What fails in a task is Spark's own
    exception.
    """
    _engines.engine("pyspark", "spark")
    _engines.engine("pyarrow", "spark")
    with _engines.keys_folder(spill_dir) as folder:
        validator = MapReduceValidator(
            schema, max_errors=max_errors, memory=memory, spill_dir=folder, unchecked=unchecked
        )

        def spread(
            function: Callable[[MapReduceValidator, Task], Result], tasks: Sequence[Task]
        ) -> Sequence[Result]:
            rows = [(ordinal, pickle.dumps(task)) for ordinal, task in enumerate(tasks)]
            frame = spark.createDataFrame(rows, "ordinal long, task binary")
            # One partition for each row; by range, because a hash would leave some empty and put two into others.
            frame = frame.repartitionByRange(len(rows), "ordinal")
            results = frame.mapInArrow(
                _MapTasks(validator, function), "ordinal long, result binary"
            ).collect()
            return [pickle.loads(row.result) for row in sorted(results, key=lambda row: row.ordinal)]

        if not hasattr(df_or_path, "mapInArrow"):
            return _engines.validate_paths(validator, df_or_path, chunk_bytes, format, spread)
        # Which partition would judge the columns? Any may be without rows, and is not mapped then.
        judged = validator.map_validate_chunk(df_or_path.limit(0).toArrow())
        parts = df_or_path.mapInArrow(_MapPartition(validator), "partial binary").collect()
        return _unordered(validator.reduce_results([judged, *(pickle.loads(row.partial) for row in parts)]))


class _MapPartition:
    """The rows of a partition to its partial."""

    def __init__(self, validator: MapReduceValidator) -> None:
        self.validator = validator

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        pyarrow = _engines.engine("pyarrow", "spark")

        remaining = iter(batches)
        first = next(remaining, None)
        if first is not None:
            reader = pyarrow.RecordBatchReader.from_batches(first.schema, itertools.chain([first], remaining))
            partial = _engines.map_part(self.validator, reader)
            yield pyarrow.record_batch({"partial": [pickle.dumps(partial)]})


class _MapTasks:
    """Rows of ``(ordinal, task)`` to rows of ``(ordinal, result)``."""

    def __init__(
        self, validator: MapReduceValidator, function: Callable[[MapReduceValidator, Any], Any]
    ) -> None:
        self.validator = validator
        self.function = function

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        pyarrow = _engines.engine("pyarrow", "spark")

        for batch in batches:
            for row in batch.to_pylist():
                result = pickle.dumps(self.function(self.validator, pickle.loads(row["task"])))
                yield pyarrow.record_batch({"ordinal": [row["ordinal"]], "result": [result]})


def _unordered(result: ValidationResult) -> ValidationResult:
    """The result without the numbers that its rows happened to get."""
    report = result.to_dict()
    for sample in report["samples"]:
        sample["row"] = None
    return ValidationResult.from_json(json.dumps(report))

"""``tamis.spark`` on a real local session of two workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")
# Workers start the first Python of the path otherwise, which has no Tamis.
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"

import tamis.spark
from dirty import SCHEMA, UNIQUE_SCHEMA, dirty_rows
from documentation import run_guide
from pyspark.sql import SparkSession
from tamis import Field, InputNotFoundError, Schema, UnsupportedError, Validator

# PySpark leaves sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_files_give_the_result_of_the_validator(tmp_path: Path, spark: Any) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for seed, path in enumerate(paths):
        path.write_bytes(dirty_rows(3000, seed))
    result = tamis.spark.validate(spark, paths, SCHEMA, chunk_bytes=50_000, max_errors=50)
    assert result == Validator(SCHEMA, max_errors=50).validate_csv(list(paths))
    assert result.total_rows == 6000


def test_unique_rules_need_a_shared_folder(tmp_path: Path, spark: Any) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, 1))
    with pytest.raises(UnsupportedError, match="spill_dir"):
        tamis.spark.validate(spark, path, UNIQUE_SCHEMA)
    result = tamis.spark.validate(spark, path, UNIQUE_SCHEMA, chunk_bytes=50_000, spill_dir=tmp_path)
    assert result == Validator(UNIQUE_SCHEMA).validate_csv(path)
    assert list(tmp_path.iterdir()) == [path]


ROWS = [(n % 50, "a" * (n % 7)) for n in range(700)]
FRAME_SCHEMA = Schema(
    {
        "n": Field(int, required=True, min=3, max=40),
        "text": Field(str, required=True, min_length=1, max_length=5),
        "missing": Field(str, required=True),
    }
)


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_dataframe_has_the_counts_of_the_validator(spark: Any, partitions: int) -> None:
    frame = spark.createDataFrame(ROWS, "n long, text string").repartition(partitions)
    result = tamis.spark.validate(spark, frame, FRAME_SCHEMA)
    expected = Validator(FRAME_SCHEMA).validate(frame.toArrow())
    assert (result.total_rows, result.valid_count, result.invalid_count) == (
        expected.total_rows,
        expected.valid_count,
        expected.invalid_count,
    )
    assert result.errors_by_rule == expected.errors_by_rule
    assert result.errors_by_column == expected.errors_by_column
    assert result.is_valid() is expected.is_valid() is False
    assert {error.row for error in result.errors} == {None}
    assert sorted((error.column or "", error.rule, error.value or "") for error in result.errors) == sorted(
        (error.column or "", error.rule, error.value or "") for error in expected.errors
    )


def test_a_dataframe_without_rows(spark: Any) -> None:
    frame = spark.createDataFrame([], "n long, text string, missing string")
    result = tamis.spark.validate(spark, frame, FRAME_SCHEMA)
    assert (result.total_rows, result.is_valid()) == (0, True)
    result = tamis.spark.validate(spark, frame.drop("missing"), FRAME_SCHEMA)
    assert [(error.column, error.rule) for error in result.errors] == [("missing", "missingColumn")]


def test_duplicates_are_found_across_partitions(tmp_path: Path, spark: Any) -> None:
    schema = Schema({"n": Field(int, unique=True)})
    frame = spark.createDataFrame(ROWS, "n long, text string").repartition(3)
    with pytest.raises(UnsupportedError, match="spill_dir"):
        tamis.spark.validate(spark, frame, schema)
    result = tamis.spark.validate(spark, frame, schema, spill_dir=tmp_path)
    assert (result.total_rows, result.invalid_count) == (700, 650)


def test_relative_paths_and_json_lines(tmp_path: Path, spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.log").write_text('{"id": "a", "amount": 1}\n{"id": "b", "amount": -1}\n')
    result = tamis.spark.validate(spark, "data.log", SCHEMA, format="jsonl")
    assert result == Validator(SCHEMA).validate_jsonl("data.log")
    with pytest.raises(InputNotFoundError, match="nowhere"):
        tamis.spark.validate(spark, "nowhere.csv", SCHEMA)


def test_the_guide(tmp_path: Path, spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_guide("spark", spark=spark)


@pytest.mark.soak
def test_a_larger_frame(tmp_path: Path, spark: Any) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(500_000, 5))
    expected = Validator(UNIQUE_SCHEMA).validate_csv(path)
    result = tamis.spark.validate(spark, path, UNIQUE_SCHEMA, chunk_bytes=1_000_000, spill_dir=tmp_path)
    assert result == expected
    frame = spark.read.csv(str(path), header=True, multiLine=True).repartition(16)
    result = tamis.spark.validate(spark, frame, UNIQUE_SCHEMA, spill_dir=tmp_path)
    assert (result.total_rows, result.errors_by_rule) == (expected.total_rows, expected.errors_by_rule)

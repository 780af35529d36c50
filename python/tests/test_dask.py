"""``tamis.dask`` on a real local cluster of two workers, and on threads."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed")
import dask.dataframe
import pandas
import tamis.dask
from dirty import SCHEMA, UNIQUE_SCHEMA, dirty_rows
from documentation import run_guide
from tamis import Field, InputNotFoundError, Schema, UnsupportedError, Validator, WorkerError
from tamis.mapreduce import MapReduceValidator, Partial, PlannedRange

# Dask leaves sockets and event loops to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=["cluster", "threads"])
def scheduler(request: pytest.FixtureRequest, client: Any) -> Iterator[None]:
    if request.param == "cluster":
        with client.as_current():
            yield
    else:
        with dask.config.set(scheduler="threads"):
            yield


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_files_give_the_result_of_the_validator(tmp_path: Path, scheduler: None) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for seed, path in enumerate(paths):
        path.write_bytes(dirty_rows(3000, seed))
    result = tamis.dask.validate(paths, SCHEMA, chunk_bytes=20_000, max_errors=50)
    assert result == Validator(SCHEMA, max_errors=50).validate_csv(list(paths))
    assert result.total_rows == 6000


def test_unique_rules_need_a_shared_folder(tmp_path: Path, scheduler: None) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, 1))
    with pytest.raises(UnsupportedError, match="spill_dir"):
        tamis.dask.validate(path, UNIQUE_SCHEMA)
    result = tamis.dask.validate(path, UNIQUE_SCHEMA, chunk_bytes=20_000, spill_dir=tmp_path)
    assert result == Validator(UNIQUE_SCHEMA).validate_csv(path)
    assert list(tmp_path.iterdir()) == [path]


FRAME = pandas.DataFrame(
    {
        "n": [1, -5, 3, 4, -1, 6, 7],
        "text": ["a", "bb", "ccc", "a", None, "f", "toolong"],
    }
)


@pytest.mark.parametrize("npartitions", [1, 3])
def test_the_rows_of_a_dataframe_are_numbered_in_order(scheduler: None, npartitions: int) -> None:
    schema = Schema(
        {
            "n": Field(int, required=True, min=0),
            "text": Field(str, required=True, max_length=3),
            "missing": Field(str, required=True),
        }
    )
    frame = dask.dataframe.from_pandas(FRAME, npartitions=npartitions)
    result = tamis.dask.validate(frame, schema)
    assert result == Validator(schema).validate(FRAME)
    assert [(error.row, error.column) for error in result.errors] == [
        (None, "missing"),
        (2, "n"),
        (5, "n"),
        (5, "text"),
        (7, "text"),
    ]


def test_duplicates_are_found_across_partitions(tmp_path: Path, scheduler: None) -> None:
    schema = Schema({"text": Field(str, unique=True)})
    frame = dask.dataframe.from_pandas(FRAME, npartitions=3)
    result = tamis.dask.validate(frame, schema, spill_dir=tmp_path)
    assert [error.row for error in result.errors] == [4]
    assert result == Validator(schema).validate(FRAME)


def test_relative_paths_and_json_lines(
    tmp_path: Path, scheduler: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.log").write_text('{"id": "a", "amount": 1}\n{"id": "b", "amount": -1}\n')
    result = tamis.dask.validate("data.log", SCHEMA, format="jsonl")
    assert result == Validator(SCHEMA).validate_jsonl("data.log")
    with pytest.raises(InputNotFoundError, match="nowhere"):
        tamis.dask.validate("nowhere.csv", SCHEMA)


def die(validator: MapReduceValidator, chunk: PlannedRange) -> Partial:
    """Instead of mapping: the first `deaths` workers die. Those that take their places import the real thing."""
    folder = Path(chunk.input).parent
    died = len(list(folder.glob("died*")))
    if chunk.ordinal == 1 and died < int((folder / "deaths").read_text()):
        (folder / f"died {died}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return validator.map_validate_chunk(chunk)


@pytest.mark.parametrize("deaths", [1, 100])
def test_a_killed_worker_is_survived_and_many_are_not(
    tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, 2))
    (tmp_path / "deaths").write_text(str(deaths))
    expected = Validator(SCHEMA).validate_csv(path)
    monkeypatch.setattr(MapReduceValidator, "map_validate_chunk", die)
    with client.as_current():
        if deaths == 1:
            assert tamis.dask.validate(path, SCHEMA, chunk_bytes=20_000) == expected
        else:
            with pytest.raises(WorkerError, match="Dask"):
                tamis.dask.validate(path, SCHEMA, chunk_bytes=20_000)
    assert (tmp_path / "died 0").exists()


def test_the_guide(tmp_path: Path, scheduler: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_guide("dask")


@pytest.mark.soak
def test_a_larger_file_and_frame(tmp_path: Path, scheduler: None) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(500_000, 5))
    expected = Validator(UNIQUE_SCHEMA).validate_csv(path)
    result = tamis.dask.validate(path, UNIQUE_SCHEMA, chunk_bytes=1_000_000, spill_dir=tmp_path)
    assert result == expected
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False)
    table = dask.dataframe.from_pandas(frame, npartitions=13)
    result = tamis.dask.validate(table, UNIQUE_SCHEMA, spill_dir=tmp_path)
    assert result == Validator(UNIQUE_SCHEMA).validate(frame)

"""``tamis.ray`` on a real local cluster of two workers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before Ray is imported: a test tells nobody that it ran.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
ray = pytest.importorskip("ray")

import tamis.ray
from dirty import SCHEMA, UNIQUE_SCHEMA, dirty_rows
from documentation import run_guide
from tamis import InputError, InputNotFoundError, UnsupportedError, Validator, WorkerError
from tamis.mapreduce import MapReduceValidator, Partial, PlannedRange

# Ray leaves sockets and files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # Workers import this module: what is defined here is pickled by name.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


def test_files_give_the_result_of_the_validator(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for seed, path in enumerate(paths):
        path.write_bytes(dirty_rows(3000, seed))
    result = tamis.ray.validate(paths, SCHEMA, chunk_bytes=20_000, max_errors=50)
    assert result == Validator(SCHEMA, max_errors=50).validate_csv(list(paths))
    assert result.total_rows == 6000
    assert [error.row for error in result.errors] == sorted(error.row or 0 for error in result.errors)


def test_unique_rules_need_a_shared_folder(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, 1))
    with pytest.raises(UnsupportedError, match="spill_dir"):
        tamis.ray.validate(path, UNIQUE_SCHEMA)
    result = tamis.ray.validate(path, UNIQUE_SCHEMA, chunk_bytes=20_000, spill_dir=tmp_path)
    assert result == Validator(UNIQUE_SCHEMA).validate_csv(path)
    assert list(tmp_path.iterdir()) == [path]


def die(validator: MapReduceValidator, chunk: PlannedRange) -> Partial:
    """Instead of mapping: the first `deaths` workers die. Those that take their places import the real thing."""
    folder = Path(chunk.input).parent
    died = len(list(folder.glob("died*")))
    if chunk.ordinal == 1 and died < int((folder / "deaths").read_text()):
        (folder / f"died {died}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return validator.map_validate_chunk(chunk)


def test_a_killed_worker_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, 2))
    (tmp_path / "deaths").write_text("1")
    expected = Validator(SCHEMA).validate_csv(path)
    monkeypatch.setattr(MapReduceValidator, "map_validate_chunk", die)
    assert tamis.ray.validate(path, SCHEMA, chunk_bytes=20_000) == expected
    assert (tmp_path / "died 0").exists()


def test_a_task_that_kills_its_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(3000, 2))
    (tmp_path / "deaths").write_text("100")
    monkeypatch.setattr(MapReduceValidator, "map_validate_chunk", die)
    with pytest.raises(WorkerError, match="Ray"):
        tamis.ray.validate(path, SCHEMA, chunk_bytes=20_000)


def test_a_node_that_dies_is_a_lost_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(300, 2))
    for lost in (ray.exceptions.NodeDiedError("gone"), ray.exceptions.LocalRayletDiedError()):

        def get(tasks: object, lost: Exception = lost) -> object:
            raise lost

        monkeypatch.setattr(ray, "get", get)
        with pytest.raises(WorkerError, match="Ray") as raised:
            tamis.ray.validate(path, SCHEMA)
        assert raised.value.__cause__ is lost


def test_relative_paths_and_json_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.log").write_text('{"id": "a", "amount": 1}\n{"id": "b", "amount": -1}\n')
    result = tamis.ray.validate("data.log", SCHEMA, format="jsonl")
    assert result == Validator(SCHEMA).validate_jsonl("data.log")
    assert [error.row for error in result.errors] == [2]


def test_faults_are_exceptions_of_the_validator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.csv"
    with pytest.raises(InputNotFoundError, match=r"data\.csv"):
        tamis.ray.validate(path, SCHEMA)
    path.write_bytes(dirty_rows(3000, 3))
    monkeypatch.setattr(MapReduceValidator, "map_validate_chunk", touch_and_map)
    with pytest.raises(InputError, match="changed"):
        tamis.ray.validate(path, SCHEMA, chunk_bytes=20_000)


def touch_and_map(validator: MapReduceValidator, chunk: PlannedRange) -> Partial:
    """Maps a file that is not what it was when it was planned."""
    os.utime(chunk.input, ns=(0, 0))
    return validator.map_validate_chunk(chunk)


def test_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_guide("ray")


@pytest.mark.soak
def test_a_larger_file(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(dirty_rows(500_000, 5))
    result = tamis.ray.validate(path, UNIQUE_SCHEMA, chunk_bytes=1_000_000, spill_dir=tmp_path)
    assert result == Validator(UNIQUE_SCHEMA).validate_csv(path)

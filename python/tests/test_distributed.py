"""``DistributedValidator`` says what ``Validator`` says, tells how far it is, and survives its workers."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from dirty import SCHEMA, UNIQUE_SCHEMA, csv_bytes
from extent import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tamis import (
    DistributedValidator,
    Field,
    InputNotFoundError,
    Schema,
    Validator,
    WorkerError,
)

HEADER = b"id,amount,note\n"
IN_A_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(40)
)


def rows(count: int) -> bytes:
    """`count` records; every tenth has a bad amount, every seventh two lines."""
    lines = (
        b'id%s,%d,"%s"\n' % (b"x" * (n % 3), -1 if n % 10 == 0 else n % 100, b"a\nb" if n % 7 == 0 else b"c")
        for n in range(count)
    )
    return HEADER + b"".join(lines)


@IN_A_FOLDER
@given(
    data=csv_bytes(),
    chunk_size=st.integers(1, 9),
    workers=st.integers(1, 3),
    max_errors=st.sampled_from([0, 1, 5, 1000]),
)
@pytest.mark.parametrize("schema", [SCHEMA, UNIQUE_SCHEMA], ids=["rows", "unique"])
def test_threads_say_what_the_validator_says(
    tmp_path: Path, schema: Schema, data: bytes, chunk_size: int, workers: int, max_errors: int
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    expected = Validator(schema, max_errors=max_errors).validate_csv(path)
    validator = DistributedValidator(schema, workers=workers, chunk_size=chunk_size, max_errors=max_errors)
    assert validator.validate_csv_parallel(path) == expected


@settings(IN_A_FOLDER, max_examples=examples(4))
@given(data=csv_bytes(), chunk_size=st.integers(3, 20))
@pytest.mark.parametrize("schema", [SCHEMA, UNIQUE_SCHEMA], ids=["rows", "unique"])
def test_processes_say_what_the_validator_says(
    tmp_path: Path, schema: Schema, data: bytes, chunk_size: int
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(data)
    validator = DistributedValidator(schema, workers=2, chunk_size=chunk_size, use_processes=True)
    assert validator.validate_csv_parallel(path) == Validator(schema).validate_csv(path)


@IN_A_FOLDER
@given(
    values=st.lists(st.sampled_from([1, -1, "text", None, 2.5]), max_size=40), chunk_size=st.integers(1, 9)
)
def test_json_lines(tmp_path: Path, values: list[Any], chunk_size: int) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"n": value}) + "\n" for value in values))
    schema = Schema({"n": Field(int, required=True, min=0)})
    validator = DistributedValidator(schema, workers=2, chunk_size=chunk_size)
    assert validator.validate_jsonl_parallel(path) == Validator(schema).validate_jsonl(path)


def test_several_files_are_one_input(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        path.write_bytes(rows(500))
    validator = DistributedValidator(UNIQUE_SCHEMA, workers=2, chunk_size=100)
    result = validator.validate_csv_parallel(paths)
    assert result.total_rows == 1000
    assert result == Validator(UNIQUE_SCHEMA).validate_csv(paths)


@pytest.mark.parametrize("use_processes", [False, True])
def test_the_callback_hears_of_every_chunk_in_order(tmp_path: Path, use_processes: bool) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(rows(5000))
    infos: list[dict[str, Any]] = []
    threads = set()

    def progress(info: dict[str, Any]) -> None:
        infos.append(info)
        threads.add(threading.current_thread())

    validator = DistributedValidator(SCHEMA, workers=2, chunk_size=500, use_processes=use_processes)
    result = validator.validate_csv_parallel(path, callback=progress)
    assert threads == {threading.current_thread()}
    count = infos[-1]["total_chunks"]
    assert 8 <= count <= 13
    assert [info["chunk"] for info in infos] == list(range(1, count + 1))
    assert {info["total_chunks"] for info in infos} == {count}
    for name in ("rows", "bytes", "elapsed", "valid_so_far", "invalid_so_far"):
        values = [info[name] for info in infos]
        assert values == sorted(values), name
    assert infos[0]["rows"] == pytest.approx(500, rel=0.2)
    assert infos[-1]["rows"] == result.total_rows == 5000
    assert infos[-1]["bytes"] == path.stat().st_size
    assert (infos[-1]["valid_so_far"], infos[-1]["invalid_so_far"]) == (
        result.valid_count,
        result.invalid_count,
    )


def test_an_empty_file_is_one_chunk(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(HEADER)
    infos: list[dict[str, Any]] = []
    result = DistributedValidator(SCHEMA).validate_csv_parallel(path, infos.append)
    assert result.total_rows == 0 and result.is_valid()
    assert [(info["chunk"], info["total_chunks"], info["rows"]) for info in infos] == [(1, 1, 0)]


@pytest.mark.parametrize("kind", ["gzip", "bytes", "file object", "iterator", "text"])
def test_what_cannot_be_planned_is_checked_all_the_same(tmp_path: Path, kind: str) -> None:
    data = rows(3000)
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(data))
    sources: dict[str, Any] = {
        "gzip": path,
        "bytes": data,
        "file object": io.BytesIO(data),
        "iterator": iter([data[:7000], data[7000:]]),
        "text": io.StringIO(data.decode()),
    }
    infos: list[dict[str, Any]] = []
    validator = DistributedValidator(SCHEMA, workers=2, chunk_size=450)
    result = validator.validate_csv_parallel(sources[kind], infos.append)
    assert result == Validator(SCHEMA).validate_csv(data)
    assert [info["chunk"] for info in infos] == [1, 2, 3, 4, 5, 6, 7]
    assert [info["rows"] for info in infos] == [450, 900, 1350, 1800, 2250, 2700, 3000]
    assert {info["total_chunks"] for info in infos} == {None}
    assert infos[-1]["invalid_so_far"] == result.invalid_count
    sizes = [info["bytes"] for info in infos]
    assert sizes == sorted(sizes)
    assert sizes[-1] == (path.stat().st_size if kind == "gzip" else len(data))
    one_chunk: list[dict[str, Any]] = []
    validator = DistributedValidator(UNIQUE_SCHEMA, workers=2, chunk_size=450)
    assert validator.validate_csv_parallel(data, one_chunk.append) == Validator(UNIQUE_SCHEMA).validate_csv(
        data
    )
    assert [(info["chunk"], info["total_chunks"], info["rows"]) for info in one_chunk] == [(1, None, 3000)]


def test_several_compressed_files_are_a_chunk_each(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv.gz", tmp_path / "b.csv.gz", tmp_path / "c.csv"]
    for path in paths:
        path.write_bytes(gzip.compress(rows(900)) if path.suffix == ".gz" else rows(900))
    infos: list[dict[str, Any]] = []
    result = DistributedValidator(UNIQUE_SCHEMA, workers=2).validate_csv_parallel(paths, infos.append)
    assert result == Validator(UNIQUE_SCHEMA).validate_csv(list(paths))
    assert [(info["total_chunks"], info["rows"]) for info in infos] == [(3, 900), (3, 1800), (3, 2700)]
    assert infos[-1]["bytes"] == sum(path.stat().st_size for path in paths)


class Halt(Exception):
    pass


@pytest.mark.parametrize("use_processes", [False, True])
def test_what_the_callback_raises_ends_the_run(tmp_path: Path, use_processes: bool) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(rows(5000))
    heard = []

    def progress(info: dict[str, Any]) -> None:
        heard.append(info)
        if len(heard) == 2:
            raise Halt

    before = threading.active_count()
    validator = DistributedValidator(SCHEMA, workers=2, chunk_size=100, use_processes=use_processes)
    with pytest.raises(Halt):
        validator.validate_csv_parallel(path, progress)
    assert len(heard) == 2
    assert threading.active_count() == before
    assert validator.validate_csv_parallel(path).total_rows == 5000, "it can be used again"


def test_a_killed_worker_is_noticed_and_its_chunk_done_again(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(rows(20000))
    killed = []

    def kill_one(info: dict[str, Any]) -> None:
        if info["chunk"] in (1, 7):
            pids = {int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and is_worker(p)}
            pid = max(pids)
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    validator = DistributedValidator(SCHEMA, workers=2, chunk_size=500, use_processes=True)
    assert validator.validate_csv_parallel(path, kill_one) == Validator(SCHEMA).validate_csv(path)
    assert len(set(killed)) == 2


def is_worker(process: Path) -> bool:
    try:
        status = (process / "stat").read_text().rpartition(")")[2].split()
        return (
            int(status[1]) == os.getpid()
            and status[0] != "Z"
            and b"_crew" in (process / "cmdline").read_bytes()
        )
    except OSError:
        return False


def test_workers_that_always_die_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(rows(100))
    monkeypatch.setattr("multiprocessing.spawn.get_executable", lambda: "/bin/false")
    validator = DistributedValidator(SCHEMA, workers=2, chunk_size=10, use_processes=True)
    with pytest.raises(WorkerError, match="chunk 1"):
        validator.validate_csv_parallel(path)


@pytest.mark.parametrize("use_processes", [False, True])
def test_ctrl_c_ends_the_run_and_its_workers(tmp_path: Path, use_processes: bool) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(rows(20000))
    script = tmp_path / "script.py"
    # No main guard: none is needed.
    script.write_text(
        "import sys, tamis, time\n"
        "schema = tamis.Schema({'amount': tamis.Field(float, min=0)})\n"
        "def progress(info):\n"
        "    print(info['chunk'], flush=True)\n"
        "    time.sleep(0.05)\n"
        f"tamis.DistributedValidator(schema, workers=2, chunk_size=50, use_processes={use_processes})"
        f".validate_csv_parallel({str(path)!r}, callback=progress)\n"
    )
    run = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "1\n"
    run.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, errors = run.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert run.returncode != 0


def test_a_folder_for_keys_is_left_empty(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(rows(2000))
    spill = tmp_path / "spill"
    spill.mkdir()
    validator = DistributedValidator(UNIQUE_SCHEMA, workers=2, chunk_size=200, spill_dir=spill)
    assert validator.validate_csv_parallel(path) == Validator(UNIQUE_SCHEMA).validate_csv(path)
    assert list(spill.iterdir()) == []


def test_wrong_arguments(tmp_path: Path) -> None:
    for wrong in ({"workers": 0}, {"workers": -2}, {"chunk_size": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DistributedValidator(SCHEMA, **wrong)
    with pytest.raises(TypeError, match="Schema"):
        DistributedValidator({"a": int})  # type: ignore[arg-type]
    with pytest.raises(InputNotFoundError, match=r"nowhere\.csv"):
        DistributedValidator(SCHEMA).validate_csv_parallel(tmp_path / "nowhere.csv")


def test_parallelization_info() -> None:
    info = DistributedValidator(SCHEMA, workers=2, chunk_size=50_000).get_parallelization_info(10)
    assert info["file_size_gb"] == 10
    assert (info["chunk_size"], info["worker_threads"]) == (50_000, 2)
    assert info["chunks_needed"] == -(-info["estimated_rows"] // 50_000)
    assert info["effective_parallelism"] <= 2
    assert info["estimated_total_time_sec"] > 0
    assert DistributedValidator(SCHEMA).get_parallelization_info(0)["chunks_needed"] == 1

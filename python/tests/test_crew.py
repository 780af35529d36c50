"""Threads and processes that work for a run: order, deaths, exceptions, stopping."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tamis._crew import ATTEMPTS_MAX, Crew
from tamis.errors import InternalError, WorkerError


def square(offset: int, task: int) -> int:
    time.sleep(0.002 * (task % 3))
    return offset + task * task


def die_once(folder: Path, task: int) -> int:
    """Task 5 kills its process, the first time that it is tried."""
    marker = folder / "tried"
    if task == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    print("not a result")  # Must not come between the results.
    return task


def die_always(_: None, task: int) -> int:
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


class Picky(Exception):
    """Cannot be unpickled: its arguments are not those of its `__init__`."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fail(kind: str, task: int) -> int:
    if task == 3:
        raise Picky("no", "pickle") if kind == "picky" else ValueError("three")
    return task


def pid_slowly(_: None, task: int) -> int:
    time.sleep(0.2 * task)
    return os.getpid()


@pytest.mark.parametrize("use_processes", [False, True])
def test_results_come_in_the_order_of_the_tasks(use_processes: bool) -> None:
    with Crew(10, count=3, use_processes=use_processes) as crew:
        assert list(crew.map(square, iter(range(40)))) == [10 + task * task for task in range(40)]
        assert list(crew.map(square, [])) == []


def test_a_killed_process_is_noticed_and_its_task_done_again(tmp_path: Path) -> None:
    with Crew(tmp_path, count=2, use_processes=True) as crew:
        assert list(crew.map(die_once, range(12))) == list(range(12))
    assert (tmp_path / "tried").exists()


def test_a_task_that_kills_every_process_is_named() -> None:
    with Crew(None, count=2, use_processes=True) as crew:
        results = crew.map(die_always, range(4))
        assert next(results) == 0
        with pytest.raises(WorkerError, match=rf"chunk 2: {ATTEMPTS_MAX} worker processes.*SIGKILL"):
            next(results)


@pytest.mark.parametrize("use_processes", [False, True])
def test_an_exception_of_a_task_comes_out_after_the_results_before_it(use_processes: bool) -> None:
    with Crew("plain", count=2, use_processes=use_processes) as crew:
        results = crew.map(fail, range(10))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(results)


def test_an_exception_that_cannot_be_pickled_arrives_as_its_text() -> None:
    with Crew("picky", count=1, use_processes=True) as crew:
        results = crew.map(fail, range(4))
        with pytest.raises(InternalError, match="Picky: no pickle"):
            list(results)


def test_leaving_ends_processes_and_threads_in_the_middle_of_a_task() -> None:
    before = threading.active_count()
    started = time.monotonic()
    with Crew(None, count=2, use_processes=True) as crew:
        pids = set()
        for pid in crew.map(pid_slowly, [0, 1, 0, 1, 3000]):
            os.kill(pid, 0)
            pids.add(pid)
            if len(pids) == 2:
                break
    assert time.monotonic() - started < 60
    assert threading.active_count() == before
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_processes_take_no_modules_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise ImportError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    with Crew(10, count=1, use_processes=True) as crew:
        assert list(crew.map(square, [2])) == [14]


def test_a_script_without_a_main_guard_may_use_processes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import operator\n"
        "from tamis._crew import Crew\n"
        "with Crew(1, count=2, use_processes=True) as crew:\n"
        "    print(list(crew.map(operator.add, range(3))))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[1, 2, 3]\n", "")

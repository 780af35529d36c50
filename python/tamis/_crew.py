"""Runs tasks on threads or on spawned processes and hands their results on in the order of the tasks.

A crew is a number of threads. In a crew of processes each thread speaks for one process as well: it sends
a task, and waits for the result.

    tasks ──► thread ──► call ──────────────────────────► results, in order      (Rust releases the lock)
    tasks ──► thread ──► pipe ──► process ──► pipe ─────► results, in order

So both kinds share the order, the bound on what is under way, and the way to stop. A process that dies takes
one task with it, and its thread knows which: it starts another process and sends the task again,
`ATTEMPTS_MAX` times at most.

Processes are fresh interpreters (never forks, which would copy locks that other threads hold) that import
this package and nothing of the caller's program. So, unlike with `multiprocessing`, a script needs no
`if __name__ == "__main__"` guard, and interactive sessions and notebooks can use them too.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing.spawn
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from .errors import InternalError, WorkerError

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")

ATTEMPTS_MAX = 3
"""How often one task may be given to a process before it is blamed for the deaths."""

_UNDER_WAY_PER_HAND = 2
"""Tasks given out ahead of the one whose result is awaited: enough that no hand waits for the caller."""


class Crew(Generic[Shared]):
    """`count` threads, or processes, that compute functions of `shared` and a task.

    With `use_processes`, functions must be importable by name, and `shared`, tasks and results picklable.
    Use it in a `with`: leaving the block, by an exception or not, ends the processes and then the threads.
    """

    def __init__(self, shared: Shared, *, count: int, use_processes: bool) -> None:
        self._shared = shared
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="tamis")
        self._processes: list[_Process] = []
        # The one that ended its task last is taken first: a process is started only when all that run are busy.
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()
        if use_processes:
            greeting = pickle.dumps(shared, pickle.HIGHEST_PROTOCOL)
            self._processes = [_Process(greeting) for _ in range(count)]
            for process in self._processes:
                self._idle.put(process)

    def __enter__(self) -> Crew[Shared]:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.stop()
        self._threads.shutdown(wait=True)
        for process in self._processes:
            process.bury()

    def map(self, function: Callable[[Shared, Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """`function(shared, task)` for each of `tasks`, in their order; the first exception in that order comes out.

        Raises:
            WorkerError: when `ATTEMPTS_MAX` processes died of one task.
        """
        under_way: deque[Future[Result]] = deque()
        for number, task in enumerate(tasks, start=1):
            under_way.append(self._threads.submit(self._perform, function, number, task))
            if len(under_way) > self._count * _UNDER_WAY_PER_HAND:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _perform(self, function: Callable[[Shared, Task], Result], number: int, task: Task) -> Result:
        if not self._processes:
            return function(self._shared, task)
        process = self._idle.get()
        try:
            result: Result = process.perform(function, number, task)
            return result
        finally:
            self._idle.put(process)


class _Process:
    """A process that performs one task at a time, started when first needed and again when it has died."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self._popen: subprocess.Popen[bytes] | None = None
        # `stop` comes from another thread than `perform`, and must not miss a process just being started.
        self._lock = threading.Lock()
        self._is_stopped = False

    def perform(self, function: Callable[..., Any], number: int, task: object) -> Any:
        """The result of `task`, the `number`th of its run."""
        message = pickle.dumps((function, task), pickle.HIGHEST_PROTOCOL)
        exit_status = 0
        for _ in range(ATTEMPTS_MAX):
            popen = self._start()
            try:
                assert popen.stdin is not None and popen.stdout is not None, "both are pipes"
                popen.stdin.write(message)
                popen.stdin.flush()
                is_result, outcome = pickle.load(popen.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                # The pipe is closed, or the message was cut short: in any case nobody is there to answer.
                exit_status = self.bury()
                continue
            if is_result:
                return outcome
            raise outcome
        raise WorkerError(
            f"chunk {number}: {ATTEMPTS_MAX} worker processes died of it, the last one {_cause(exit_status)}"
        )

    def stop(self) -> None:
        """Ends the process now; whoever waits for its result gets a `WorkerError`."""
        with self._lock:
            self._is_stopped = True
            if self._popen is not None:
                self._popen.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_stopped:
                # Nobody reads this: whoever left the crew's block did not wait for the result.
                raise WorkerError("the run was stopped")
            if self._popen is None:
                self._popen = _spawn()
                self._greet(self._popen)
            return self._popen

    def _greet(self, popen: subprocess.Popen[bytes]) -> None:
        assert popen.stdin is not None, "it is a pipe"
        with contextlib.suppress(OSError):  # If it is dead already, that is noticed at its first task.
            popen.stdin.write(self._greeting)

    def bury(self) -> int:
        """Makes sure that the process has ended, and forgets it; its exit status."""
        with self._lock:
            popen, self._popen = self._popen, None
        if popen is None:
            return 0
        popen.kill()  # It may live on with its pipes closed.
        for pipe in (popen.stdin, popen.stdout):
            with contextlib.suppress(OSError):  # What is left in the buffer has nobody to go to.
                if pipe is not None:
                    pipe.close()
        return popen.wait()


def _spawn() -> subprocess.Popen[bytes]:
    executable = multiprocessing.spawn.get_executable()
    if not executable:
        raise WorkerError(
            "no Python executable is known for worker processes; use_processes=False needs none"
        )
    program = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from tamis import _crew; _crew.serve()"
    )
    # Imports ignore all other entries as well.
    path = [entry for entry in sys.path if isinstance(entry, str)]
    return subprocess.Popen(
        # -P: what lies in the current folder must not be taken for the modules that set the path.
        [os.fsdecode(executable), "-P", "-c", program, json.dumps(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C in a terminal goes to a whole session: this process alone is to hear it, and ends the others.
        start_new_session=True,
    )


def _cause(exit_status: int) -> str:
    if exit_status >= 0:
        return f"with exit status {exit_status}"
    with contextlib.suppress(ValueError):
        return f"by {signal.Signals(-exit_status).name}"
    return f"by signal {-exit_status}"


def serve() -> None:
    """What a process of a crew does: results of tasks, until there are no more (the pipe is closed)."""
    # What else writes to standard output must not come between the results.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks = sys.stdin.buffer
    shared = pickle.load(tasks)
    while True:
        try:
            function, task = pickle.load(tasks)
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, function(shared, task)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 (whatever it is, the caller's thread raises it)
            answer = _pickled_error(error)
        results.write(answer)
        results.flush()


def _pickled_error(error: Exception) -> bytes:
    """`error` as an answer; what cannot be pickled, or not be unpickled, arrives as its text."""
    try:
        answer = pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        pickle.loads(answer)
    except Exception:  # noqa: BLE001 (pickling runs code that is not ours)
        text = InternalError(f"{type(error).__name__}: {error}")
        answer = pickle.dumps((False, text), pickle.HIGHEST_PROTOCOL)
    return answer

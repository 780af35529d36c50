"""Showing how far a run has come: the default of ``progress=True``.

A progress callback is any callable that takes a dict. Those of :class:`tamis.Validator` get ``rows``, ``bytes``, ``total_bytes``
(None if unknown), ``violations`` and ``elapsed`` in seconds, about ten times a second and once at the end. It runs on the
thread that called, and an exception it raises ends the run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Self, TypeAlias

__all__ = ["Bar", "Progress", "ProgressCallback", "callback_for", "shown"]

#: What is called with how far a run has come.
ProgressCallback: TypeAlias = Callable[[dict[str, Any]], object]
#: What ``progress=`` takes: a callback, ``True`` for a bar, ``None`` or ``False`` for nothing.
Progress: TypeAlias = ProgressCallback | bool | None


@contextmanager
def shown(progress: Progress, title: str = "") -> Iterator[ProgressCallback | None]:
    """The callback that ``progress`` stands for, as long as a run lasts."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with Bar(title) as bar:
            yield bar
    elif callable(progress):
        yield progress
    else:
        raise TypeError(f"`progress` is a callable or a bool, not `{type(progress).__name__}`")


def callback_for(progress: Progress, title: str = "") -> ProgressCallback | None:
    """The same for a run that outlives a call: a bar goes when the run lets go of it."""
    if progress is True:
        return Bar(title)
    with shown(progress, title) as callback:
        return callback


class Bar:
    """A progress bar: tqdm's, in notebooks too, if it is installed; else a line on standard error.

    >>> with Bar("orders.csv") as bar:
    ...     bar({"rows": 10, "bytes": 100, "total_bytes": 100, "violations": 0, "elapsed": 0.5})
    """

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._tqdm: Any = None
        self._line = ""
        if sys.stderr is None:  # A process without a terminal, such as a Windows service.
            return
        try:
            tqdm = import_module("tqdm.auto")
        except ImportError:
            return
        self._tqdm = tqdm.tqdm(desc=title or None, unit="B", unit_scale=True, leave=False)

    def __call__(self, info: dict[str, Any]) -> None:
        """Shows ``info``."""
        if self._tqdm is None:
            self._write(_line(self._title, info))
            return
        self._tqdm.total = info.get("total_bytes")
        self._tqdm.n = info["bytes"]
        self._tqdm.set_postfix_str(_counters(info), refresh=False)
        self._tqdm.refresh()

    def close(self) -> None:
        """Removes the bar."""
        if self._tqdm is not None:
            self._tqdm.close()
        elif self._line:
            self._write("")

    def _write(self, line: str) -> None:
        # Spaces over what a longer line left, and back to the start: understood wherever a line is.
        padded = line.ljust(len(self._line))
        self._line = line
        # What nobody can see is no reason to end a run.
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(f"\r{padded}\r")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _counters(info: dict[str, Any]) -> str:
    counters = f"{info['rows']:,} rows"
    if info.get("violations"):
        counters += f", {info['violations']:,} errors"
    return counters


def _line(title: str, info: dict[str, Any]) -> str:
    total = info.get("total_bytes")
    share = f"{min(info['bytes'] / total, 1):4.0%} " if total else ""
    elapsed = max(info["elapsed"], 1e-9)
    return f"{title} {share}{_counters(info)}, {info['rows'] / elapsed:,.0f} rows/s".strip()

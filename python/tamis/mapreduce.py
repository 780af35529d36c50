"""A check in parts, for engines that run functions on other machines: :class:`MapReduceValidator`.

::

    paths ─ split ─► ranges ─ scan (anywhere) ─► scans ─ join ─► planned ranges
                                                                      │
         reduce_results ◄────────── partials ◄── map_validate_chunk (anywhere)

Whether a byte of CSV stands inside quotes depends on all bytes before it. So there are two passes: scans find out what each
range does to quotes, whatever state it begins in, and once they are put together every range knows its true beginning:
any byte range of quoted CSV is cut exactly, with no guess. The first pass costs a fraction of the second, and next to nothing
for JSON lines.

The validator, its ranges, scans and partials can all be pickled. `tamis.ray`, `tamis.dask` and `tamis.spark` are this
class on these engines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal, TypeAlias

from tamis._arguments import whole_number
from tamis._pickled import Pickled
from tamis._spill import check_folder
from tamis._tamis import InputRange, Partial, PlannedRange, Scan, ValidationResult
from tamis.schema import Schema
from tamis.validator import compiled

__all__ = ["InputRange", "MapReduceValidator", "Partial", "PlannedRange", "Scan"]

#: A file or several.
Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
#: As the built-in ``map``: calls the function with every item, and gives the results in the order of the items.
Map: TypeAlias = Callable[[Callable[[InputRange], Scan], Sequence[InputRange]], Iterable[Scan]]

#: About how long a range is: large enough that what an engine takes for a task does not show, small enough that a lost task
#: costs little.
CHUNK_BYTES = 64 << 20


class MapReduceValidator(Pickled):
    """The map half and the merge half of a validation, each of them a method that can run anywhere.

    Parameters
    ----------
    schema:
        The :class:`Schema`.
    max_errors:
        How many errors the result lists. Counts are exact, whatever it is.
    threads:
        Threads that one call of :meth:`map_validate_chunk` uses; 1, because engines run several calls on a machine.
    memory:
        What the keys of ``unique`` rules may take when partials are reduced: bytes, or ``"200MB"``, ``"1GiB"``.
    spill_dir:
        A folder that all machines share (and share under this path), for the keys of ``unique`` rules: each chunk leaves its
        keys there, and :meth:`reduce_results` reads and removes them.
    unchecked:
        As for :class:`Validator`.

    Raises ``UnsupportedError`` for a schema with ``unique`` rules and no ``spill_dir``, ``InputNotFoundError`` or ``InputError`` for
    one that is missing or cannot be written to.

    The result for files is that of :class:`Validator`: counts, errors with their global row numbers, thresholds.

    >>> import pickle, tempfile
    >>> from tamis import Field, MapReduceValidator, Schema
    >>> file = tempfile.NamedTemporaryFile(suffix=".csv")
    >>> _ = file.write(b'n,note\\n1,"two\\nlines"\\n-2,\\n3,"x"\\n')
    >>> file.flush()
    >>> validator = MapReduceValidator(Schema({"n": Field(int, min=0), "note": Field(str)}))
    >>> planned = validator.plan(file.name, chunk_bytes=4)
    >>> partials = [pickle.loads(pickle.dumps(validator.map_validate_chunk(chunk))) for chunk in planned]
    >>> result = validator.reduce_results(reversed(partials))
    >>> result.total_rows, result.errors[0].row, result.errors[0].line
    (3, 2, 4)
    """

    _made: ClassVar = frozenset({"_check"})

    def __init__(
        self,
        schema: Schema,
        *,
        max_errors: int = 1000,
        threads: int = 1,
        memory: int | str = "200MB",
        spill_dir: str | os.PathLike[str] | None = None,
        unchecked: Literal["error", "allow"] = "error",
    ) -> None:
        self.schema = schema
        self._options: dict[str, Any] = {
            "max_errors": max_errors,
            "threads": threads,
            "memory": memory,
            "spill_dir": None if spill_dir is None else os.fspath(spill_dir),
            "unchecked": unchecked,
        }
        check_folder(spill_dir)
        self._make()

    def plan(
        self,
        path: Paths,
        chunk_bytes: int = CHUNK_BYTES,
        *,
        map: Map = map,
        format: Literal["csv", "jsonl"] | None = None,
    ) -> list[PlannedRange]:
        """Cuts files into ranges of about ``chunk_bytes`` that :meth:`map_validate_chunk` can check anywhere.

        Several files are one input each, in this order. The first pass over them runs through ``map``, which is called as the
        built-in one with a function and ranges, both of which can be pickled; an executor's ``map`` will do::

            with ProcessPoolExecutor(mp_context=get_context("spawn")) as executor:
                planned = validator.plan(paths, map=executor.map)

        Whoever calls the function must see the files under the same paths. A file that cannot be read from the middle (it is
        compressed, or in another encoding than UTF-8) is one range. ``format`` is told by the name, then by the content, if it
        is not given.

        Raises ``InputNotFoundError``, ``InputError``, ``FormatError`` as :class:`Validator`.
        """
        ranges = self.split(path, chunk_bytes=chunk_bytes, format=format)
        # How an input ends is of no interest: nothing comes after its last range.
        wanted = [one for one, next in pairwise(ranges) if one.input_index == next.input_index]
        return self.join(ranges, map(self.scan, wanted))

    def split(
        self, path: Paths, *, chunk_bytes: int = CHUNK_BYTES, format: Literal["csv", "jsonl"] | None = None
    ) -> list[InputRange]:
        """The first step of :meth:`plan`: byte ranges, of which only the beginnings of the files are known.

        Each range knows size and modification time of its file; what is done with it later fails when the file has changed.
        """
        paths = [path] if isinstance(path, str | os.PathLike) else path
        if not isinstance(paths, Sequence) or isinstance(paths, bytes | bytearray | memoryview):
            raise TypeError(f"expected a path or a list of paths, not `{type(path).__name__}`")
        for one in paths:
            if not isinstance(one, str | os.PathLike) or one == "-":
                raise TypeError(f"expected a path of a file that can be read again, not {one!r}")
        chunk_bytes = min(whole_number("chunk_bytes", chunk_bytes, 1), sys.maxsize)
        return self._check.split(list(paths), chunk_bytes=chunk_bytes, format=format)

    def scan(self, range: InputRange) -> Scan:
        """The second step of :meth:`plan`, for one range: reads it and says what it does to quotes."""
        return self._check.scan(range)

    def join(self, ranges: Iterable[InputRange], scans: Iterable[Scan]) -> list[PlannedRange]:
        """The third step of :meth:`plan`: every range with its true beginning, in the order of the input.

        Ranges and scans may come in any order; the scan of the last range of a file is not needed. Raises ``PartialError`` when
        one is missing or comes twice.
        """
        return self._check.plan(list(ranges), list(scans))

    def map_validate_chunk(
        self,
        chunk: PlannedRange | bytes | bytearray | memoryview | Iterable[dict[str, Any]] | Any,
        *,
        format: Literal["csv", "jsonl"] | None = None,
    ) -> Partial:
        """Checks one chunk. What comes out is small, and can be pickled.

        A planned range has its place: its errors will have the rows, lines and byte offsets that they have in the file. Any
        other chunk has none and counts behind those before it, in the order in which partials are reduced, as if all such
        chunks were one input: ``bytes`` (CSV with a header, or JSON lines; ``format`` says which if the content does not),
        or what :meth:`Validator.validate` takes: a list of dicts, a pyarrow table, a polars or pandas frame.

        Raises ``InputError`` when the file of a range is not what it was when it was planned, and ``TypeError`` for what is no
        chunk.

        >>> from tamis import Field, MapReduceValidator, Schema
        >>> validator = MapReduceValidator(Schema({"n": Field(int, max=2)}))
        >>> partials = [validator.map_validate_chunk([{"n": n}, {"n": n + 1}]) for n in (1, 2)]
        >>> validator.reduce_results(partials).errors[0].row
        4
        """
        if isinstance(chunk, PlannedRange):
            return self._check.map_range(chunk)
        if isinstance(chunk, InputRange):
            raise TypeError("this range is not planned yet: `plan` makes ranges that can be checked")
        if isinstance(chunk, str | os.PathLike):
            raise TypeError(f"{chunk!r} is no chunk: `plan` cuts files into ranges that can be checked")
        if isinstance(chunk, bytes | bytearray | memoryview):
            return self._check.map_source(chunk, format=format)
        return self._check.map_rows(chunk)

    def reduce_results(self, partials: Iterable[Partial]) -> ValidationResult:
        """The result of all records behind the partials. Those of planned ranges may come in any order.

        Partials are merged as they come, so that few are held at a time. Files of keys in ``spill_dir`` that belong to them
        are removed.

        Raises ``PartialError`` when a range of the plan is missing or there twice, or when partials were made with another
        schema or other options; ``InputError`` when a file of keys is gone or damaged.
        """
        return self._check.reduce(partials)

    def _make(self) -> None:
        self._check = compiled(self.schema, True, **self._options)
        self._check.require_shared_folder()

    def __repr__(self) -> str:
        return f"MapReduceValidator({self.schema!r})"

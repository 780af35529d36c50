"""Validation of whole inputs: :class:`Validator`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar, Literal, TypeAlias

from tamis._arguments import THREADS_MAX, whole_number
from tamis._pickled import Pickled
from tamis._spill import check_folder
from tamis._tamis import Check, LineProcessor, ValidationResult
from tamis.progress import Progress, shown
from tamis.schema import Schema

__all__ = ["Validator"]

#: A path (``"-"``: standard input), bytes, a file object, an iterator of bytes (of ``str``: ``TypeError``).
Input: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | IO[str] | Iterable[bytes]
)
#: One input, or a list or tuple of several.
Inputs: TypeAlias = Input | Sequence[Input]


class Validator(Pickled):
    """Checks whole inputs against a schema, on all cores.

    Parameters
    ----------
    schema:
        The :class:`Schema`.
    parallel:
        Whether to use all cores; ``False`` is one thread.
    max_errors:
        How many errors a result lists. Counts are exact, whatever it is.
    threads:
        Worker threads; by default as many as there are cores.
    memory:
        What the keys of ``unique`` rules may take before they go to disk: bytes, or ``"200MB"``, ``"1GiB"``.
    spill_dir:
        Where they go then: a folder that must be there; by default the system's temporary folder.
    unchecked:
        What to do about rules of a contract that cannot be checked: ``"error"`` raises ``UnsupportedError``, ``"allow"`` leaves
        them out and lists them in ``ValidationResult.rules_not_checked``.
    chunk_size:
        Taken from code written for other validators, which read files so many rows at a time; nothing depends on it here.

    Raises ``InputNotFoundError`` or ``InputError`` for a ``spill_dir`` that is missing or cannot be written to.

    A validator holds no state between calls, and several threads may use one at once. Python threads run while it
    works, and Ctrl-C ends it.

    >>> from tamis import Field, Schema
    >>> validator = Validator(Schema({"n": Field(int, required=True, max=9)}))
    >>> validator.validate_csv(b"n\\n1\\n10\\n").errors_by_rule
    {'maximum': 1}
    """

    _made: ClassVar = frozenset({"_check", "_record_check"})

    def __init__(
        self,
        schema: Schema,
        parallel: bool = True,
        *,
        max_errors: int = 1000,
        threads: int | None = None,
        memory: int | str = "200MB",
        spill_dir: str | os.PathLike[str] | None = None,
        unchecked: Literal["error", "allow"] = "error",
        chunk_size: int | None = None,
    ) -> None:
        if chunk_size is not None:
            whole_number("chunk_size", chunk_size, 1)
        self.schema = schema
        self.parallel = parallel
        self._options: dict[str, Any] = {
            "max_errors": max_errors,
            "threads": threads,
            "memory": memory,
            "spill_dir": spill_dir,
            "unchecked": unchecked,
        }
        check_folder(spill_dir)
        self._make()

    def validate_csv(
        self,
        path: Inputs,
        output_path: str | os.PathLike[str] | None = None,
        *,
        progress: Progress = None,
        parallel: bool | None = None,
    ) -> ValidationResult:
        """Checks CSV: a file, a file object, bytes, an iterator of bytes, or a list of these as one input.

        An iterator of ``str`` is a ``TypeError``: it could be text or paths. Encode the one, give a list of the other.

        The delimiter is the one the contract names, else that of the file's name (``.tsv``, ``.psv``), else a comma. Files may be
        compressed with gzip, zstd or lz4. The result's JSON is written to ``output_path``, if one is given.
        ``progress`` is called about ten times a second (see :mod:`tamis.progress`); ``True`` shows a bar. ``parallel`` is that
        of the validator, unless it is given.

        Raises ``InputNotFoundError``, ``InputError`` and ``FormatError`` for inputs that cannot be read to their end, and what
        iterators, file objects and ``progress`` raise. A list without inputs is a ``ValueError``: no files are no good files.
        """
        if parallel is not None and bool(parallel) != bool(self.parallel):
            other = Validator(self.schema, bool(parallel), **self._options)
            return other._run(path, "csv", output_path, progress)
        return self._run(path, "csv", output_path, progress)

    def validate_jsonl(
        self,
        path: Inputs,
        output_path: str | os.PathLike[str] | None = None,
        *,
        progress: Progress = None,
    ) -> ValidationResult:
        """Checks JSON lines, one object a line; else as :meth:`validate_csv`.

        Values keep their JSON types: a number in quotes is no number.
        """
        return self._run(path, "jsonl", output_path, progress)

    def validate(self, data: Any, *, progress: Progress = None) -> ValidationResult:
        """Checks data in memory: a table, or an iterable of dicts.

        Tables are all objects that speak the Arrow PyCapsule interface: data frames of polars and pandas, tables, batches and readers
        of pyarrow, relations of DuckDB. They are not copied, and columns without rules are not looked at. Names of columns are held to
        the schema as a CSV header is; a struct's members are columns called ``struct.member``.

        Strings are read as CSV fields are: as the column's type, and as null when they are empty. So
        ``validate(csv.DictReader(file))`` answers as :meth:`validate_csv` does. All else has a type already: numbers are numbers, dates
        and times their text in ISO 8601, ``None`` is null; NaN and the infinities are no numbers. ``Decimal``, integers of any size and
        NumPy's scalars are exact. A value of any other class (``bytes``, ``UUID``, members of a plain ``Enum``) breaks the ``type``
        rule, and so do lists and dicts where none are expected.

        Rows are numbered from 1; they have no line and no byte offset. Raises ``TypeError`` for what is neither, with the number of a
        row that is no dict, ``InputError`` when the producer of a table fails, ``UnsupportedError`` for a column that has rules and a
        type they cannot be held against, and what an iterable raises.

        >>> from tamis import Field, Schema
        >>> result = Validator(Schema({"n": Field(int, max=9)})).validate([{"n": 1}, {"n": "10"}])
        >>> result.errors[0].row, result.errors[0].value
        (2, '10')
        """
        with shown(progress) as callback:
            return self._check.run_rows(data, progress=callback)

    def validate_dict(self, data: dict[str, Any]) -> list[str]:
        """What is wrong with one record, in sentences; an empty list if nothing is.

        Rules about all records together (``unique``, thresholds of a contract) are left out. Where that matters, or errors are wanted
        as objects, :class:`tamis.LineProcessor` is the better tool, and :meth:`validate` for many records.

        >>> from tamis import Field, Schema
        >>> Validator(Schema({"n": Field(int, max=9)})).validate_dict({"n": 10})
        ['`n`: must be at most 9 (found `10`)']
        """
        if not isinstance(data, dict):
            raise TypeError(f"expected a dict, not `{type(data).__name__}`")
        _, errors = self._record_check.process_line(data)
        # "row 1" says nothing about a single record.
        return [str(error).removeprefix("row 1").lstrip(",: ") for error in errors]

    @cached_property
    def _record_check(self) -> LineProcessor:
        return LineProcessor(self.schema, unchecked="allow")

    def _run(
        self,
        inputs: Inputs,
        format: Literal["csv", "jsonl"],
        output_path: str | os.PathLike[str] | None,
        progress: Progress,
    ) -> ValidationResult:
        with shown(progress) as callback:
            result = self._check.run(inputs, format=format, progress=callback)
        if output_path is not None:
            Path(output_path).write_text(result.to_json(), encoding="utf-8")
        return result

    def _make(self) -> None:
        self._check = compiled(self.schema, self.parallel, **self._options)

    def __repr__(self) -> str:
        return f"Validator({self.schema!r}, parallel={self.parallel})"


def compiled(
    schema: Schema,
    parallel: bool,
    *,
    max_errors: int,
    threads: int | None,
    memory: int | str,
    spill_dir: str | os.PathLike[str] | None,
    unchecked: Literal["error", "allow"],
) -> Check:
    """The rules of a schema, compiled, with the options that all validators share.

    Raises ``TypeError`` and ``ValueError`` for options that mean nothing, ``UnsupportedError`` for a contract with rules that
    cannot be checked unless ``unchecked="allow"``.
    """
    if not isinstance(schema, Schema):
        raise TypeError(f"expected a Schema, not `{type(schema).__name__}`")
    if unchecked not in ("error", "allow"):
        raise ValueError(f'`unchecked` is "error" or "allow", not {unchecked!r}')
    if threads is not None:
        threads = whole_number("threads", threads, 1, THREADS_MAX)
    return Check(
        schema._contract,
        threads=threads if parallel else 1,
        max_errors=min(whole_number("max_errors", max_errors, 0), sys.maxsize),
        memory_bytes=size_in_bytes(memory),
        spill_dir=spill_dir,
        allow_unchecked=unchecked == "allow",
    )


_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE | re.ASCII)


def size_in_bytes(size: int | str) -> int:
    """``"200MB"`` is 200,000,000 and ``"1GiB"`` is 2**30; a number is taken as it is.

    >>> size_in_bytes("1.5MB"), size_in_bytes("2KiB"), size_in_bytes(7)
    (1500000, 2048, 7)
    """
    if not isinstance(size, str):
        return min(whole_number("memory", size, 0), sys.maxsize)
    parts = _SIZE.fullmatch(size)
    if parts is None:
        raise ValueError(f'expected a number of bytes or a size such as "200MB", not {size!r}')
    number, prefix, binary = parts.groups()
    base = 1024 if binary else 1000
    return min(int(float(number) * base ** " kmgt".index(prefix.lower() or " ")), sys.maxsize)

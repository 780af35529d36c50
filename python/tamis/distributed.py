"""Large files in chunks, on threads or processes of this machine: :class:`DistributedValidator`.

It is the map and reduce of :class:`tamis.MapReduceValidator` with workers close at hand::

    file ─ split ─► ranges ─ scan (workers) ─► planned ranges ─ map (workers) ─► partials ─ reduce ─► result

A scan finds out whether a range ends inside quotes, so that a newline in quotes ends no record, wherever a range begins.
What a partial adds to the result depends on its place alone, so the result is that of :class:`tamis.Validator`, which
reads the file once and is the faster one. What this class adds is a call for every chunk, and processes that may die.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, TypeGuard, cast

from tamis._arguments import THREADS_MAX, whole_number
from tamis._crew import Crew
from tamis._estimates import file_bytes, processing_seconds, record_bytes
from tamis._pickled import Pickled
from tamis._spill import check_folder, make_in
from tamis._tamis import Partial, PlannedRange, ValidationResult
from tamis.errors import UnsupportedError
from tamis.mapreduce import MapReduceValidator
from tamis.schema import Schema
from tamis.streaming import StreamingValidator
from tamis.validator import Input, Inputs, Validator

__all__ = ["ChunkInfo", "DistributedValidator"]

_Path: TypeAlias = str | os.PathLike[str]
_Paths: TypeAlias = _Path | list[_Path] | tuple[_Path, ...]

#: How much of an input's beginning is looked at to guess how long its records are.
_SAMPLE_BYTES = 1 << 16


class ChunkInfo(TypedDict):
    """How far a run is; what a callback is given."""

    chunk: int
    """Chunks that are done, this one included: 1, 2, 3, ..."""
    total_chunks: int | None
    """How many there are; ``None`` if nobody can know before the end."""
    rows: int
    bytes: int
    """Of the files as they are stored: compressed ones of a compressed file."""
    elapsed: float
    """Seconds since the call."""
    valid_so_far: int
    invalid_so_far: int
    """Bad rows so far; duplicates are found when all chunks are done."""


Callback: TypeAlias = Callable[[ChunkInfo], object]


class DistributedValidator(Pickled):
    """Checks large files in chunks on several workers, and says how far it is.

    Parameters
    ----------
    schema:
        The :class:`Schema`.
    workers:
        Threads or processes; ``None``: as many as there are cores.
    chunk_size:
        About how many records a chunk has. Chunks are cut by bytes, by the length of the first records.
    use_processes:
        Whether workers are processes. They are spawned, never forked; one that dies is replaced and its chunk done
        again. Threads start faster and are as fast, since checking does not hold the interpreter lock.
    max_errors:
        How many errors a result lists. Counts are exact, whatever it is.
    memory:
        What the keys of ``unique`` rules may take in the end: bytes, or ``"200MB"``, ``"1GiB"``.
    spill_dir:
        Where they go until then (into a folder of their own, which is removed); by default the system's temporary
        folder.
    unchecked:
        As for :class:`Validator`.

    A validator holds no state between calls, and several threads may use one at once. Results are those of
    :class:`Validator`.

    >>> import tempfile
    >>> from tamis import DistributedValidator, Field, Schema
    >>> file = tempfile.NamedTemporaryFile(suffix=".csv")
    >>> _ = file.write(b"n\\n" + b"11\\n" * 2500 + b"-1\\n")
    >>> file.flush()
    >>> validator = DistributedValidator(Schema({"n": Field(int, min=0)}), workers=2, chunk_size=1000)
    >>> result = validator.validate_csv_parallel(
    ...     file.name, callback=lambda info: print(info["chunk"], info["total_chunks"], info["rows"])
    ... )
    1 3 1000
    2 3 2000
    3 3 2501
    >>> result.errors[0].row
    2501
    """

    _made: ClassVar = frozenset({"_whole", "_stream"})

    def __init__(
        self,
        schema: Schema,
        workers: int | None = 8,
        chunk_size: int = 50_000,
        use_processes: bool = False,
        *,
        max_errors: int = 1000,
        memory: int | str = "200MB",
        spill_dir: str | os.PathLike[str] | None = None,
        unchecked: Literal["error", "allow"] = "error",
    ) -> None:
        if workers is None:
            workers = min(os.cpu_count() or 1, THREADS_MAX)
        self.schema = schema
        self.workers = whole_number("workers", workers, 1, THREADS_MAX)
        self.chunk_size = whole_number("chunk_size", chunk_size, 1)
        self.use_processes = use_processes
        self._options: dict[str, Any] = {
            "max_errors": max_errors,
            "memory": memory,
            "spill_dir": spill_dir,
            "unchecked": unchecked,
        }
        check_folder(spill_dir)
        self._make()

    def validate_csv_parallel(self, filepath: Inputs, callback: Callback | None = None) -> ValidationResult:
        """Checks CSV: a file, or a list of files as one input.

        ``callback`` is called on this thread when a chunk and all before it are done, with a dict: ``chunk`` (how many
        are done), ``total_chunks``, ``rows``, ``bytes``, ``elapsed`` (seconds), ``valid_so_far`` and ``invalid_so_far`` (duplicates are
        found after the last chunk). What it raises ends the run and comes out.

        What cannot be read from the middle (a compressed file, a pipe, a file object, bytes, an iterator) is read by one
        reader; chunks have exactly ``chunk_size`` records then, and ``total_chunks`` is None. With ``unique`` rules it is one
        chunk, and so are lists with such inputs in them; a compressed file in a list of files is a chunk of its own.
        A file must not change until the call returns.

        Raises what :meth:`Validator.validate_csv` raises, and ``WorkerError`` when several processes died of one chunk.
        """
        return self._validate(filepath, "csv", callback)

    def validate_jsonl_parallel(self, filepath: Inputs, callback: Callback | None = None) -> ValidationResult:
        """Checks JSON lines; else as :meth:`validate_csv_parallel`."""
        return self._validate(filepath, "jsonl", callback)

    def get_parallelization_info(self, file_size_gb: float) -> dict[str, Any]:
        """What a CSV file of so many gigabytes (10**9 bytes) would be cut into, and how long it might take.

        ``file_size_gb``, ``estimated_rows``, ``chunk_size``, ``chunks_needed``, ``worker_threads``, ``effective_parallelism`` (workers that
        have a chunk and a core), ``estimated_speedup`` (a text), ``processing_per_chunk_sec``, ``estimated_total_time_sec``.

        An estimate: nothing is read. Rows are as long as the types of the fields make one expect (13 bytes for a text, 8
        for an integer, ...), and a core checks 800 MB a second: 0.8 of what :class:`Validator` does, which is about 1 GB for six
        columns with a rule or two each. Your rules may take more, and your disk may give less.
        """
        size_bytes = file_bytes(file_size_gb)
        rows = round(size_bytes / record_bytes(self.schema))
        chunks = max(1, -(-rows // self.chunk_size))
        parallelism = min(chunks, self.workers, os.cpu_count() or 1)
        return {
            "file_size_gb": file_size_gb,
            "estimated_rows": rows,
            "chunk_size": self.chunk_size,
            "chunks_needed": chunks,
            "worker_threads": self.workers,
            "effective_parallelism": parallelism,
            "estimated_speedup": f"{parallelism}x vs single-threaded",
            "processing_per_chunk_sec": processing_seconds(size_bytes, 1) / chunks,
            "estimated_total_time_sec": processing_seconds(size_bytes, parallelism),
        }

    def _validate(
        self, inputs: Inputs, format: Literal["csv", "jsonl"], callback: Callback | None
    ) -> ValidationResult:
        told = _Told(callback)
        if not _are_files(inputs):
            return self._validate_whole(inputs, format, told)
        spill_dir = self._options["spill_dir"]
        with make_in(spill_dir, lambda: TemporaryDirectory(prefix="tamis-", dir=spill_dir)) as folder:
            # One thread for a chunk: the others have chunks of their own.
            validator = MapReduceValidator(self.schema, threads=1, **(self._options | {"spill_dir": folder}))
            with Crew(validator, count=self.workers, use_processes=self.use_processes) as crew:
                planned = validator.plan(
                    inputs,
                    self._chunk_bytes(inputs),
                    map=lambda _, ranges: crew.map(MapReduceValidator.scan, ranges),
                    format=format,
                )
                if len(planned) == 1 and planned[0].is_stream:
                    return self._validate_whole(inputs, format, told)
                partials = crew.map(MapReduceValidator.map_validate_chunk, planned)
                return validator.reduce_results(told.of_each(planned, partials))

    def _validate_whole(
        self, inputs: Inputs, format: Literal["csv", "jsonl"], told: _Told
    ) -> ValidationResult:
        """Checks what cannot be divided: one reader, and all workers behind it."""
        if isinstance(inputs, list | tuple) or self._compares_rows():
            result = self._whole._check.run(inputs, format=format)
            told.of_chunk(result.total_rows, result.invalid_count, _size_bytes_of(result))
            return result
        start = {"csv": self._stream.validate_csv_stream, "jsonl": self._stream.validate_json_stream}[format]
        read = {"bytes": 0}
        before: ValidationResult | None = None
        with start(cast("Input", inputs), progress=read.update) as stream:
            for batch in stream:
                # One behind: of the last one the bytes are not known before the end.
                if before is not None:
                    told.of_chunk(before.total_rows, before.invalid_count, read["bytes"] - told.size_bytes)
                before = batch
        result = stream.summary()
        rows, invalid = (0, 0) if before is None else (before.total_rows, before.invalid_count)
        told.of_chunk(rows, invalid, _size_bytes_of(result) - told.size_bytes)
        return result

    def _compares_rows(self) -> bool:
        """Whether there are ``unique`` rules. A stream has their keys in memory, where `Validator` has them on disk."""
        try:
            MapReduceValidator(self.schema, unchecked=self._options["unchecked"])
        except UnsupportedError:
            return True
        return False

    def _chunk_bytes(self, paths: _Paths) -> int:
        """About how many bytes ``chunk_size`` records take, by the beginning of the first file."""
        path = paths[0] if isinstance(paths, list | tuple) else paths
        try:
            with open(path, "rb") as file:
                sample = file.read(_SAMPLE_BYTES)
        except OSError:
            return 1  # Whoever divides the file says what is wrong with it.
        # Neither the header nor the line that the sample ends in is like the others.
        lines = sample[sample.find(b"\n") + 1 : sample.rfind(b"\n") + 1] or sample
        return max(1, len(lines) * self.chunk_size // max(1, lines.count(b"\n")))

    def _make(self) -> None:
        # For what cannot be divided. They say what is wrong with the arguments, now and not at the first file.
        self._whole = Validator(self.schema, threads=self.workers, **self._options)
        self._stream = StreamingValidator(self.schema, self.chunk_size, threads=self.workers, **self._options)

    def __repr__(self) -> str:
        return (
            f"DistributedValidator({self.schema!r}, workers={self.workers}, chunk_size={self.chunk_size}, "
            f"use_processes={self.use_processes})"
        )


class _Told:
    """Tells the callback, if there is one, how far the run is."""

    def __init__(self, callback: Callback | None) -> None:
        self._callback = callback
        self._started = time.monotonic()
        self._info = ChunkInfo(
            chunk=0, total_chunks=None, rows=0, bytes=0, elapsed=0.0, valid_so_far=0, invalid_so_far=0
        )

    @property
    def size_bytes(self) -> int:
        """Bytes that were told of."""
        return self._info["bytes"]

    def of_each(self, planned: Sequence[PlannedRange], partials: Iterable[Partial]) -> Iterator[Partial]:
        """The partials of ``planned``, each when it has been told of."""
        self._info["total_chunks"] = len(planned)
        for range, part in zip(planned, partials, strict=True):
            self.of_chunk(part.rows, part.rows_invalid, _size_bytes(range))
            yield part

    def of_chunk(self, rows: int, rows_invalid: int, size_bytes: int) -> None:
        """Tells of one more chunk."""
        info = self._info
        info["chunk"] += 1
        info["rows"] += rows
        info["bytes"] += size_bytes
        info["elapsed"] = time.monotonic() - self._started
        info["valid_so_far"] += rows - rows_invalid
        info["invalid_so_far"] += rows_invalid
        if self._callback is not None:
            self._callback(info.copy())


def _size_bytes(range: PlannedRange) -> int:
    """What a range takes in its file, as stored."""
    if range.is_stream:
        return os.path.getsize(range.input)
    start, end = range.byte_range
    # What lies before the first record belongs to the first range.
    return end if range.ordinal == 0 else end - start


def _size_bytes_of(result: ValidationResult) -> int:
    """What the inputs take, as stored."""
    size: int = sum(one["bytes"] for one in result.inputs)
    return size


def _are_files(inputs: object) -> TypeGuard[_Paths]:
    """Whether these are paths of files that can be opened again and again."""
    if isinstance(inputs, list | tuple):
        return bool(inputs) and all(_is_file(one) for one in inputs)
    return _is_file(inputs)


def _is_file(input: object) -> bool:
    if not isinstance(input, str | os.PathLike) or os.fspath(input) == "-":
        return False
    # A path where nothing is goes the way of files: opening it says what is wrong.
    return os.path.isfile(input) or not os.path.exists(input)

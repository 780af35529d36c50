"""Validation batch by batch, of inputs of any length: :class:`StreamingValidator`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tamis._arguments import whole_number
from tamis._estimates import file_bytes, processing_seconds, record_bytes
from tamis._pickled import Pickled
from tamis._spill import check_folder
from tamis._tamis import ValidationStream
from tamis.progress import Progress, callback_for
from tamis.schema import Schema
from tamis.validator import Input, compiled

__all__ = ["StreamingValidator", "ValidationStream"]

#: Chunks of a run that are in memory at a time for each thread, their buffers included, and what a listed error takes.
_BYTES_IN_FLIGHT_PER_THREAD = 6 << 20
_BYTES_PER_ERROR = 400


class StreamingValidator(Pickled):
    """Checks inputs of any length, a batch of rows at a time, while they are read.

    Parameters
    ----------
    schema:
        The :class:`Schema`.
    buffer_size:
        Rows in each batch; the last one has what is left.
    parallel:
        Whether to use all cores; ``False`` is one thread. Batches are the same.
    chunk_size:
        Taken from code written for other validators; nothing depends on it here.
    max_errors:
        How many errors each batch's result lists, and the summary. Counts are exact, whatever it is.
    threads, memory, spill_dir, unchecked:
        As for :class:`Validator`.

    Each batch's result is about its rows alone. Rows are numbered from the start of the input; faults of the header
    belong to the first batch. Thresholds of a contract (``rowCount``, percentages) are judged over the whole input, in the stream's
    ``summary()``, which equals what :class:`Validator` says.

    Memory depends neither on the input's length nor on ``buffer_size``: a batch is counted, not kept. What must be unique
    needs memory for its keys. A file is read twice instead, so that its first batch comes late; what cannot be read
    twice is checked on one core, and raises ``UnsupportedError`` when its keys need more than ``memory``.

    >>> from tamis import Field, Schema
    >>> validator = StreamingValidator(Schema({"n": Field(int, max=2)}), buffer_size=2)
    >>> with validator.validate_csv_stream(b"n\\n1\\n2\\n3\\n") as stream:
    ...     for result in stream:
    ...         print(result.total_rows, [error.row for error in result.errors])
    2 []
    1 [3]
    >>> stream.summary().total_rows
    3
    """

    _made: ClassVar = frozenset({"_check"})

    def __init__(
        self,
        schema: Schema,
        buffer_size: int = 10_000,
        parallel: bool = True,
        chunk_size: int | None = None,
        *,
        max_errors: int = 1000,
        threads: int | None = None,
        memory: int | str = "200MB",
        spill_dir: str | os.PathLike[str] | None = None,
        unchecked: Literal["error", "allow"] = "error",
    ) -> None:
        if chunk_size is not None:
            whole_number("chunk_size", chunk_size, 1)
        self.schema = schema
        self.buffer_size = whole_number("buffer_size", buffer_size, 1, sys.maxsize)
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

    def validate_csv_stream(
        self,
        path: Input,
        skip_header: bool = True,
        *,
        progress: Progress = None,
        follow: bool = False,
        max_wait: float | None = 1.0,
    ) -> ValidationStream:
        """Checks CSV and gives an iterator over one ``ValidationResult`` for each batch.

        Parameters
        ----------
        path:
            A path (``"-"``: standard input), bytes, a file object or an iterator of bytes. What has come from a pipe or a
            socket is checked before more is waited for. Items of an iterator are gathered for 20 ms, and it is asked for
            another one meanwhile: if that is long in coming, so is the result of those before.
        skip_header:
            Taken from code written for other validators. The header is no row here, whatever it says; whether there is one is
            told by the contract.
        progress:
            Called about ten times a second, inside ``next``, with a dict: ``rows``, ``bytes``, ``total_bytes`` (None if unknown),
            ``violations``, ``elapsed`` (seconds).
        follow:
            Go on as the file at ``path`` grows, as ``tail -F`` does, until ``stop()`` or ``close()``: rotation, copying and cutting
            short, and a file that is missing for a while are noticed. Rows are counted on; lines and byte offsets are
            those of the file at hand. A record without its line end waits for it.
        max_wait:
            With ``follow``: seconds that a row waits for its batch to fill up; then a shorter batch is handed out. ``None``: as
            long as it takes.

        The check runs ahead of the consumer by a batch or two, and waits for it. ``close()`` ends it early; so does the
        end of a ``with`` block, and of the iterator's life. Ctrl-C ends the wait for a batch.

        Raises, from ``next``, what :meth:`Validator.validate_csv` raises, after the full batches before.
        """
        return self._stream(path, "csv", progress, follow, max_wait)

    def validate_json_stream(
        self,
        path: Input,
        *,
        progress: Progress = None,
        follow: bool = False,
        max_wait: float | None = 1.0,
    ) -> ValidationStream:
        """Checks JSON lines, one object a line; else as :meth:`validate_csv_stream`."""
        return self._stream(path, "jsonl", progress, follow, max_wait)

    def validate_kafka(
        self,
        bootstrap_servers: str,
        topic: str,
        *,
        group: str | None = None,
        start: Literal["beginning", "end"] = "beginning",
        payload: Literal["json", "csv"] = "json",
        batch_size: int | None = None,
        follow: bool = False,
        max_wait: float | None = 1.0,
        properties: Mapping[str, str] | None = None,
        timeout: float = 5.0,
        progress: Progress = None,
    ) -> ValidationStream:
        """Checks the messages of a topic, of any cluster that speaks Kafka's protocol; else as :meth:`validate_csv_stream`.

        Parameters
        ----------
        bootstrap_servers:
            Some brokers of the cluster: ``"host:port"``, several with commas between them.
        topic:
            The topic. Each message is a row.
        group:
            Read as a member of this group, from where it is. A batch is committed, within a second, when the next one is
            asked for, and by ``close()``: it has been handled then. What is raised in a ``with`` block commits nothing of the
            batch at hand, and other members read it again. So does a process that is killed.
        start:
            Where to begin; with a group, where that has no offset yet.
        payload:
            What messages are: a JSON object each, or a CSV record without a header, in the dialect of the contract.
        batch_size:
            Rows in each batch, instead of ``buffer_size``.
        follow:
            Go on with what comes later, until ``stop()`` or ``close()``; otherwise up to what is there at the start.
        properties:
            Properties of librdkafka, such as ``{"sasl.username": "me"}``. Those that would commit other offsets, or begin
            elsewhere, are refused.
        timeout:
            Seconds that the cluster is waited for.

        Raises ``ValueError`` for arguments that cannot be, such as a topic that is not there, and ``InputError`` when the
        cluster cannot be reached.
        """
        rows = (
            self.buffer_size if batch_size is None else whole_number("batch_size", batch_size, 1, sys.maxsize)
        )
        given = {
            "bootstrap": bootstrap_servers,
            "topic": topic,
            "group": group,
            "start": start,
            "payload": payload,
            "timeout": timeout,
            "properties": list((properties or {}).items()),
        }
        return self._check.kafka_batches(
            given,
            rows=rows,
            progress=callback_for(progress),
            follow=follow,
            max_wait=max_wait if follow else None,
        )

    def estimate_memory_usage(self, file_size_gb: float) -> dict[str, Any]:
        """What a file of so many gigabytes (10**9 bytes) will take, roughly; nothing is read.

        The dict has ``file_size_gb``, ``estimated_rows``, ``buffer_size_rows``, ``buffer_memory_mb``, ``batches_required`` and
        ``estimated_processing_time_sec``.

        Rows are guessed from the types of the schema's fields, at 13 bytes for a ``str``, 8 for an ``int``, 21 for a
        ``datetime`` and so on. ``buffer_memory_mb`` is what the run takes beside the interpreter: 6 MiB for each thread and 400 bytes
        for each error listed; it does not grow with the file. The time is for 800 MB a second on each
        core that has a thread: 0.8 of what :class:`Validator` does, which is about 1 GB of plain CSV with six columns and a rule or
        two on each. Keys of ``unique`` rules, compression and slower disks are not in it.
        """
        size_bytes = file_bytes(file_size_gb)
        rows = round(size_bytes / record_bytes(self.schema))
        memory = (
            self._check.threads * _BYTES_IN_FLIGHT_PER_THREAD
            + 2 * self._options["max_errors"] * _BYTES_PER_ERROR
        )
        return {
            "file_size_gb": file_size_gb,
            "estimated_rows": rows,
            "buffer_size_rows": self.buffer_size,
            "buffer_memory_mb": round(memory / 1e6, 2),
            "batches_required": math.ceil(rows / self.buffer_size),
            "estimated_processing_time_sec": round(processing_seconds(size_bytes, self._check.threads), 2),
        }

    def _stream(
        self,
        path: Input,
        format: Literal["csv", "jsonl"],
        progress: Progress,
        follow: bool,
        max_wait: float | None,
    ) -> ValidationStream:
        return self._check.batches(
            path,
            rows=self.buffer_size,
            format=format,
            progress=callback_for(progress),
            follow=follow,
            max_wait=max_wait if follow else None,
        )

    def _make(self) -> None:
        self._check = compiled(self.schema, self.parallel, **self._options)

    def __repr__(self) -> str:
        return (
            f"StreamingValidator({self.schema!r}, buffer_size={self.buffer_size}, parallel={self.parallel})"
        )

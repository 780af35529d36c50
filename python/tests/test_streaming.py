"""StreamingValidator: batches, where they come from, and every way in which a stream can end."""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st
from tamis import (
    DistributedValidator,
    Field,
    FormatError,
    InputNotFoundError,
    Schema,
    StreamingValidator,
    UnsupportedError,
    ValidationResult,
    ValidationStream,
    Validator,
)

SMALL = Schema({"n": Field(int, required=True, min=0, max=9)})
UNIQUE = Schema({"n": Field(int, required=True, unique=True)})


def rows(numbers: Iterator[int] | range) -> bytes:
    return b"n\n" + b"".join(b"%d\n" % number for number in numbers)


def assert_adds_up(batches: list[ValidationResult], size: int, whole: ValidationResult) -> None:
    """The batches are full but for the last, and their sum is what the whole input gives."""
    totals = [batch.total_rows for batch in batches]
    assert all(total == size for total in totals[:-1])
    assert sum(totals) == whole.total_rows
    assert all(totals) or totals == [0]
    assert sum(batch.valid_count for batch in batches) == whole.valid_count
    assert sum(batch.invalid_count for batch in batches) == whole.invalid_count
    assert [error for batch in batches for error in batch.errors] == whole.errors
    by_rule: dict[str, int] = {}
    for batch in batches:
        for rule, violations in batch.errors_by_rule.items():
            by_rule[rule] = by_rule.get(rule, 0) + violations
    assert by_rule == whole.errors_by_rule


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def threads_of_this_process() -> int:
    return len(os.listdir("/proc/self/task"))


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    before = threads_of_this_process()
    yield
    # A thread that has been joined is listed for a moment more.
    wait_until(lambda: threads_of_this_process() <= before)


def test_batches_are_exact_and_rows_global() -> None:
    data = rows(range(25))
    stream = StreamingValidator(SMALL, buffer_size=10).validate_csv_stream(data)
    batches = list(stream)
    assert [batch.total_rows for batch in batches] == [10, 10, 5]
    assert [batch.invalid_count for batch in batches] == [0, 10, 5]
    assert [error.row for error in batches[2].errors] == [21, 22, 23, 24, 25]
    assert [batch.is_valid() for batch in batches] == [True, False, False]
    whole = Validator(SMALL).validate_csv(data)
    assert_adds_up(batches, 10, whole)
    assert stream.summary() == whole
    assert repr(stream) == "<ValidationStream at its end>"
    assert next(stream, None) is None


@pytest.mark.parametrize("size", [1, 2, 7, 24, 25, 26, 2**62])
@pytest.mark.parametrize("parallel", [True, False])
def test_every_size_of_buffer(size: int, parallel: bool) -> None:
    data = rows(range(25))
    batches = list(StreamingValidator(SMALL, size, parallel).validate_csv_stream(data))
    assert_adds_up(batches, size, Validator(SMALL).validate_csv(data))


def test_nothing_is_no_batch() -> None:
    stream = StreamingValidator(SMALL).validate_csv_stream(b"n\n")
    assert list(stream) == []
    assert stream.summary().total_rows == 0


def test_faults_of_the_header_are_in_the_first_batch() -> None:
    stream = StreamingValidator(SMALL, buffer_size=1).validate_csv_stream(b"m\n1\n2\n")
    batches = list(stream)
    assert [[error.rule for error in batch.errors] for batch in batches] == [["missingColumn"], []]
    assert batches[0].errors[0].row is None


CELLS = st.one_of(
    st.integers(-3, 30).map(str),
    st.sampled_from(["", "x", '"5"', '"5\n"', '"a\r\n""b"', "1e0", " 7", "é", '"a,b"']),
)


@settings(max_examples=150, deadline=None)
@generated(
    table=st.lists(st.lists(CELLS, min_size=1, max_size=3).map(",".join), max_size=40),
    newline=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 45),
    threads=st.integers(1, 3),
    cut=st.integers(1, 30),
)
def test_batches_of_dirty_tables_add_up(
    table: list[str], newline: str, size: int, threads: int, cut: int
) -> None:
    schema = Schema({"n": Field(int, required=True, min=0, unique=True), "s": Field(str, max_length=2)})
    data = (newline.join(["n,s", *table]) + newline).encode()
    whole = Validator(schema).validate_csv(data)
    validator = StreamingValidator(schema, size, threads=threads)
    pieces = iter([data[start : start + cut] for start in range(0, len(data), cut)])
    for given in (data, pieces):
        stream = validator.validate_csv_stream(given)
        assert_adds_up(list(stream), size, whole)
        assert stream.summary() == whole


def test_a_large_input_adds_up() -> None:
    data = rows(number % 12 for number in range(500_000))
    whole = Validator(SMALL, max_errors=10**6).validate_csv(data)
    stream = StreamingValidator(SMALL, buffer_size=9_973, max_errors=10**6).validate_csv_stream(data)
    assert_adds_up(list(stream), 9_973, whole)
    assert stream.summary() == whole


def test_json_lines() -> None:
    lines = b"".join(b'{"n": %d}\n' % number for number in range(12)) + b"broken\n"
    stream = StreamingValidator(SMALL, buffer_size=5).validate_json_stream(lines)
    assert_adds_up(list(stream), 5, Validator(SMALL).validate_jsonl(lines))


def test_every_kind_of_input(tmp_path: Path) -> None:
    data = rows(range(25))
    path = tmp_path / "n.csv"
    path.write_bytes(data)
    whole = Validator(SMALL).validate_csv(data)
    with open(path, "rb") as binary, open(path) as text:
        inputs: list[Any] = [
            path,
            str(path),
            data,
            memoryview(data),
            binary,
            text,
            io.BytesIO(data),
            iter([data[:3], data[3:]]),
            (data[start : start + 1] for start in range(len(data))),
        ]
        for given in inputs:
            assert_adds_up(list(StreamingValidator(SMALL, 10).validate_csv_stream(given)), 10, whole)


def test_errors_are_listed_batch_by_batch() -> None:
    data = rows(range(10, 40))
    stream = StreamingValidator(SMALL, buffer_size=10, max_errors=3).validate_csv_stream(data)
    batches = list(stream)
    assert [[error.row for error in batch.errors] for batch in batches] == [
        [1, 2, 3],
        [11, 12, 13],
        [21, 22, 23],
    ]
    assert [batch.error_count for batch in batches] == [10, 10, 10]
    assert [error.row for error in stream.summary().errors] == [1, 2, 3]


@pytest.mark.parametrize("as_iterator", [False, True])
def test_repeated_keys_are_found_across_batches(as_iterator: bool) -> None:
    data = rows([1, 2, 3, 1, 4, 2])  # type: ignore[arg-type]
    given = iter([data]) if as_iterator else data
    stream = StreamingValidator(UNIQUE, buffer_size=2).validate_csv_stream(given)
    batches = list(stream)
    assert [[error.row for error in batch.errors] for batch in batches] == [[], [4], [6]]
    assert stream.summary() == Validator(UNIQUE).validate_csv(data)


def test_keys_of_what_is_read_once_are_bounded() -> None:
    validator = StreamingValidator(UNIQUE, buffer_size=1000, memory="100kB")
    with pytest.raises(UnsupportedError, match="memory"):
        list(validator.validate_csv_stream(iter([rows(range(100_000))])))
    assert len(list(validator.validate_csv_stream(rows(range(100_000))))) == 100


def test_thresholds_are_judged_in_the_summary(tmp_path: Path) -> None:
    contract = tmp_path / "c.yaml"
    contract.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nschema:\n  - name: x\n"
        "    properties: [{name: n, logicalType: integer}]\n"
        "    quality: [{metric: rowCount, mustBeGreaterThan: 5}]\n"
    )
    validator = StreamingValidator(Schema.from_file(contract), buffer_size=2)
    stream = validator.validate_csv_stream(rows(range(4)))
    assert [batch.is_valid() for batch in stream] == [True, True]
    assert stream.summary().errors_by_rule == {"rowCount": 1}
    assert not stream.summary().is_valid()


def test_the_summary_is_there_at_the_end_alone() -> None:
    stream = StreamingValidator(SMALL, buffer_size=1).validate_csv_stream(rows(range(3)))
    next(stream)
    assert repr(stream) == "<ValidationStream running>"
    with pytest.raises(RuntimeError, match="all batches"):
        stream.summary()
    stream.close()
    assert repr(stream) == "<ValidationStream closed>"
    with pytest.raises(RuntimeError, match="closed"):
        stream.summary()
    assert list(stream) == []
    stream.close()


def test_progress_is_told_on_this_thread() -> None:
    told: list[dict[str, Any]] = []
    threads = set()

    def progress(info: dict[str, Any]) -> None:
        told.append(info)
        threads.add(threading.get_ident())

    data = rows(range(25))
    list(StreamingValidator(SMALL, 10).validate_csv_stream(data, progress=progress))
    assert threads == {threading.get_ident()}
    assert {**told[-1], "elapsed": 0} == {
        "rows": 25,
        "bytes": len(data),
        "total_bytes": len(data),
        "violations": 15,
        "elapsed": 0,
    }

    def endless() -> Iterator[bytes]:
        yield b"n\n"
        yield from (b"1\n" * 1000 for _ in count())

    with pytest.raises(ZeroDivisionError):
        list(StreamingValidator(SMALL, 10).validate_csv_stream(endless(), progress=lambda _: 1 // 0))


def test_a_progress_bar_goes_with_the_stream(capsys: pytest.CaptureFixture[str]) -> None:
    stream = StreamingValidator(SMALL, 10).validate_csv_stream(rows(range(25)), progress=True)
    list(stream)
    assert "25 rows" in capsys.readouterr().err


@pytest.mark.usefixtures("no_thread_is_left")
class TestEnding:
    """Whatever ends a stream, its threads end too, and at once."""

    def endless(self, closed: list[str] | None = None) -> Iterator[bytes]:
        try:
            yield b"n\n"
            while True:
                yield b"1\n" * 50_000
        finally:
            if closed is not None:
                closed.append("closed")

    def test_leaving_the_loop(self) -> None:
        closed: list[str] = []
        for batch in StreamingValidator(SMALL, 1000).validate_csv_stream(self.endless(closed)):
            assert batch.total_rows == 1000
            break
        del batch
        gc.collect()
        assert closed == ["closed"]

    @pytest.mark.parametrize("by", ["input", "progress"])
    def test_being_held_by_what_it_holds(self, by: str) -> None:
        class Owner:
            stream: ValidationStream

            def rows(self) -> Iterator[bytes]:
                yield b"n\n"
                while self.stream is not None:
                    yield b"1\n" * 50_000

            def told(self, _: object) -> None: ...

        owner = Owner()
        validator = StreamingValidator(SMALL, 1000)
        if by == "input":
            owner.stream = validator.validate_csv_stream(owner.rows())
        else:
            owner.stream = validator.validate_csv_stream(self.endless(), progress=owner.told)
        next(owner.stream)
        del owner
        gc.collect()

    def test_with(self) -> None:
        with StreamingValidator(SMALL, 1000).validate_csv_stream(self.endless()) as stream:
            assert len(list(islice(stream, 3))) == 3
        assert list(stream) == []

    def test_close(self) -> None:
        stream = StreamingValidator(SMALL, 1000).validate_csv_stream(self.endless())
        next(stream)
        stream.close()
        with pytest.raises(RuntimeError, match="closed"):
            stream.summary()

    def test_never_asked(self) -> None:
        StreamingValidator(SMALL, 1).validate_csv_stream(self.endless())
        StreamingValidator(SMALL, 1).validate_csv_stream(rows(range(1000)))

    def test_a_generator_around_it(self) -> None:
        def totals() -> Iterator[int]:
            for batch in StreamingValidator(SMALL, 1000).validate_csv_stream(self.endless()):
                yield batch.total_rows

        around = totals()
        assert next(around) == 1000
        around.close()

    def test_an_exception_of_the_iterator(self) -> None:
        class Mine(Exception):
            pass

        mine = Mine("broken")

        def broken() -> Iterator[bytes]:
            yield rows(range(25))
            raise mine

        stream = StreamingValidator(SMALL, 10).validate_csv_stream(broken())
        assert [next(stream).total_rows for _ in range(2)] == [10, 10]
        with pytest.raises(Mine) as raised:
            next(stream)
        assert raised.value is mine
        assert list(stream) == []
        with pytest.raises(RuntimeError):
            stream.summary()

    def test_items_that_are_no_bytes(self) -> None:
        with pytest.raises(TypeError, match="not bytes"):
            list(StreamingValidator(SMALL).validate_csv_stream(iter([3])))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="encode it if it is text, or give a list if these are paths"):
            list(StreamingValidator(SMALL).validate_csv_stream(iter(["n\n1\n"])))  # type: ignore[arg-type]

    def test_an_iterator_that_reads_its_own_stream(self) -> None:
        streams: list[ValidationStream] = []

        def own() -> Iterator[bytes]:
            yield b"n\n"
            next(streams[0])

        streams.append(StreamingValidator(SMALL).validate_csv_stream(own()))
        with pytest.raises(RuntimeError, match="already"):
            next(streams[0])
        streams.clear()

    def test_inputs_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(InputNotFoundError) as missing:
            next(StreamingValidator(SMALL).validate_csv_stream(tmp_path / "none.csv"))
        assert missing.value.filename == str(tmp_path / "none.csv")
        with pytest.raises(FormatError, match="UTF-16"):
            next(StreamingValidator(SMALL).validate_csv_stream("n\n1\n".encode("utf-16")))
        endless_field = iter([b'n\n"', *[b"x" * (1 << 20)] * 65])
        with pytest.raises(FormatError, match="longer than"):
            next(StreamingValidator(SMALL).validate_csv_stream(endless_field))


@pytest.mark.parametrize("given", [None, 3, {"a": 1}, object(), [b"n\n"], (b"n\n",), range(3)])
def test_what_is_no_input_is_a_type_error(given: Any) -> None:
    with pytest.raises(TypeError):
        StreamingValidator(SMALL).validate_csv_stream(given)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"buffer_size": 0}, ValueError),
        ({"buffer_size": -1}, ValueError),
        ({"buffer_size": 2**63}, ValueError),
        ({"buffer_size": "10"}, TypeError),
        ({"buffer_size": True}, TypeError),
        ({"threads": 0}, ValueError),
        ({"memory": "much"}, ValueError),
        ({"unchecked": "maybe"}, ValueError),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        StreamingValidator(SMALL, **options)


@pytest.mark.parametrize("max_wait", [-1, float("nan"), 1e300])
def test_wrong_waits(tmp_path: Path, max_wait: float) -> None:
    with pytest.raises(ValueError, match="max_wait"):
        StreamingValidator(SMALL).validate_csv_stream(tmp_path / "x", follow=True, max_wait=max_wait)


def test_a_schema_is_needed() -> None:
    with pytest.raises(TypeError, match="Schema"):
        StreamingValidator({"a": Field(str)})  # type: ignore[arg-type]


def test_copies_are_pickled() -> None:
    validator = pickle.loads(pickle.dumps(StreamingValidator(SMALL, 7, max_errors=1)))
    batches = list(validator.validate_csv_stream(rows(range(10, 24))))
    assert [(batch.total_rows, len(batch.errors)) for batch in batches] == [(7, 1), (7, 1)]


def test_streams_side_by_side() -> None:
    validator = StreamingValidator(SMALL, buffer_size=100)
    data = rows(number % 11 for number in range(5_000))
    whole = Validator(SMALL).validate_csv(data)
    streams = [validator.validate_csv_stream(data) for _ in range(3)]
    for batches in (list(each) for each in zip(*streams, strict=True)):
        assert batches[0] == batches[1] == batches[2]
    assert all(stream.summary() == whole for stream in streams)

    collected: list[list[ValidationResult]] = []
    threads = [
        threading.Thread(target=lambda: collected.append(list(validator.validate_csv_stream(iter([data])))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(collected) == 4
    for batches in collected:
        assert_adds_up(batches, 100, whole)


def test_estimates() -> None:
    estimate = StreamingValidator(SMALL, buffer_size=1000).estimate_memory_usage(0.5)
    assert estimate["file_size_gb"] == 0.5
    assert estimate["estimated_rows"] == 500_000_000 // 8
    assert estimate["batches_required"] == estimate["estimated_rows"] / 1000
    assert estimate["buffer_size_rows"] == 1000
    assert 0 < estimate["buffer_memory_mb"] < 1000
    assert estimate["estimated_processing_time_sec"] > 0
    one = StreamingValidator(SMALL, threads=1).estimate_memory_usage(80)
    # A hundred seconds for whoever does it, and no better for more threads than there are cores.
    assert one["estimated_processing_time_sec"] == 100
    chunks = DistributedValidator(SMALL, workers=1).get_parallelization_info(80)
    assert chunks["estimated_total_time_sec"] == pytest.approx(100)
    many = StreamingValidator(SMALL, threads=1000).estimate_memory_usage(80)
    assert many["estimated_processing_time_sec"] == pytest.approx(100 / (os.cpu_count() or 1), abs=0.01)
    with pytest.raises(ValueError, match="gigabytes"):
        StreamingValidator(SMALL).estimate_memory_usage(float("inf"))


@pytest.mark.usefixtures("no_thread_is_left")
class TestFollow:
    """A file that grows."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        path = tmp_path / "log.csv"
        path.write_bytes(rows(range(3)))
        return path

    def append(self, path: Path, data: bytes) -> None:
        with open(path, "ab") as file:
            file.write(data)

    def test_growth(self, log: Path) -> None:
        validator = StreamingValidator(SMALL, buffer_size=2)
        with validator.validate_csv_stream(log, follow=True, max_wait=None) as stream:
            assert next(stream).total_rows == 2
            self.append(log, b"12\n1")
            batch = next(stream)
            assert [(error.row, error.value) for error in batch.errors] == [(4, "12")]
            # The record without a line end has waited for its rest.
            self.append(log, b"3\n5\n7")
            batch = next(stream)
            assert [(error.row, error.value) for error in batch.errors] == [(5, "13")]
            stream.stop()
            assert list(stream) == []
        assert (stream.summary().total_rows, stream.summary().invalid_count) == (6, 2)

    def test_rows_wait_no_longer_than_told(self, log: Path) -> None:
        validator = StreamingValidator(SMALL, buffer_size=100)
        with validator.validate_csv_stream(log, follow=True, max_wait=0.1) as stream:
            assert next(stream).total_rows == 3
            self.append(log, b"11\n")
            batch = next(stream)
            assert (batch.total_rows, [error.row for error in batch.errors]) == (1, [4])

    def test_rotation(self, log: Path) -> None:
        validator = StreamingValidator(SMALL, buffer_size=3)
        with validator.validate_csv_stream(log, follow=True, max_wait=None) as stream:
            assert next(stream).total_rows == 3
            log.rename(log.with_suffix(".1"))
            self.append(log.with_suffix(".1"), b"10\n")
            log.write_bytes(rows(range(11, 13)))
            batch = next(stream)
            assert [(error.row, error.value) for error in batch.errors] == [(4, "10"), (5, "11"), (6, "12")]

    def test_copying_and_cutting_short(self, log: Path) -> None:
        validator = StreamingValidator(SMALL, buffer_size=3)
        with validator.validate_csv_stream(log, follow=True, max_wait=None) as stream:
            assert next(stream).total_rows == 3
            os.truncate(log, 0)
            self.append(log, rows(range(9, 12)))
            batch = next(stream)
            assert [(error.row, error.value) for error in batch.errors] == [(5, "10"), (6, "11")]

    def test_a_file_that_comes_late(self, tmp_path: Path) -> None:
        path = tmp_path / "late.csv"
        writer = threading.Timer(0.2, lambda: path.write_bytes(rows(range(3))))
        writer.start()
        with StreamingValidator(SMALL, 3).validate_csv_stream(path, follow=True) as stream:
            assert next(stream).total_rows == 3
        writer.join()

    def test_json_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "log.jsonl"
        path.write_bytes(b'{"n": 1}\n{"n": 10}\n')
        with StreamingValidator(SMALL, 2).validate_json_stream(path, follow=True) as stream:
            assert next(stream).errors[0].row == 2
            self.append(path, b'{"n": 11}\n{"n": 2}\n')
            assert next(stream).errors[0].row == 3

    def test_repeated_keys(self, log: Path) -> None:
        with StreamingValidator(UNIQUE, 3).validate_csv_stream(log, follow=True) as stream:
            assert next(stream).is_valid()
            self.append(log, b"7\n1\n8\n")
            assert [error.row for error in next(stream).errors] == [5]

    def test_stop_from_another_thread(self, log: Path) -> None:
        stream = StreamingValidator(SMALL, 2).validate_csv_stream(log, follow=True, max_wait=None)
        stopper = threading.Timer(0.3, stream.stop)
        stopper.start()
        # The rows that were read are handed out.
        assert [batch.total_rows for batch in stream] == [2, 1]
        assert stream.summary().total_rows == 3
        stopper.join()

    def test_stop_before_there_is_a_file(self, tmp_path: Path) -> None:
        stream = StreamingValidator(SMALL).validate_csv_stream(tmp_path / "none.csv", follow=True)
        stream.stop()
        assert list(stream) == []

    def test_close_while_it_waits(self, log: Path) -> None:
        stream = StreamingValidator(SMALL, 3).validate_csv_stream(log, follow=True)
        next(stream)
        started = time.monotonic()
        stream.close()
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("given", [b"n\n1\n", io.BytesIO(b"n\n1\n"), "-"])
    def test_only_a_path_is_followed(self, given: Any) -> None:
        with pytest.raises(TypeError, match="path"):
            StreamingValidator(SMALL).validate_csv_stream(given, follow=True)

    def test_names_need_not_be_text(self, tmp_path: Path) -> None:
        class Name:
            def __fspath__(self) -> bytes:
                return os.fsencode(tmp_path) + b"/\xff.csv"

        Path(os.fsdecode(Name())).write_bytes(rows(range(3)))  # type: ignore[arg-type]
        with StreamingValidator(SMALL, 3).validate_csv_stream(Name(), follow=True) as stream:  # type: ignore[arg-type]
            assert next(stream).total_rows == 3

    def test_a_folder_cannot_be_followed(self, tmp_path: Path) -> None:
        with pytest.raises(UnsupportedError, match="regular file"):
            next(StreamingValidator(SMALL).validate_csv_stream(tmp_path, follow=True))


PRELUDE = """
import itertools, sys, threading, time
from tamis import Field, Schema, StreamingValidator
validator = StreamingValidator(Schema({"n": Field(int)}), buffer_size=1000)
def endless():
    yield b"n\\n"
    for _ in itertools.count():
        yield b"1\\n" * 10_000
"""

INTERRUPTED = """
def silent():
    yield b"n\\n"
    while True:
        time.sleep(0.05)
        yield b""
given = {"endless": endless, "silent": silent, "stdin": lambda: "-", "follow": lambda: "none.csv"}[sys.argv[1]]()
stream = validator.validate_csv_stream(given, follow=sys.argv[1] == "follow")
print("started", flush=True)
try:
    for batch in stream:
        pass
except KeyboardInterrupt:
    # It may have come up between two batches.
    stream.close()
    print("interrupted", list(stream), flush=True)
print(len(list(validator.validate_csv_stream(b"n\\n1\\n"))), flush=True)
"""


@pytest.mark.parametrize("kind", ["endless", "silent", "stdin", "follow"])
def test_ctrl_c(run_python: Callable[..., subprocess.Popen[str]], kind: str) -> None:
    process = run_python(PRELUDE + INTERRUPTED, kind)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, err) == ("interrupted []\n1\n", "")


@pytest.mark.parametrize(
    "code",
    [
        # The interpreter ends with a stream that nobody closed, of each kind, ...
        "streams = [validator.validate_csv_stream(endless()) for _ in range(3)]; next(streams[0])",
        "stream = validator.validate_csv_stream('none.csv', follow=True)",
        # ... which another thread is reading, ...
        """
stream = validator.validate_csv_stream(endless())
threading.Thread(target=lambda: list(stream), daemon=True).start()
time.sleep(0.2)
""",
        # ... or that is part of a circle.
        """
class Circle: pass
circle = Circle()
circle.me = circle
circle.stream = validator.validate_csv_stream(endless())
""",
        "stream = validator.validate_csv_stream(endless()); next(stream); sys.exit(0)",
    ],
)
def test_the_interpreter_ends(run_python: Callable[..., subprocess.Popen[str]], code: str) -> None:
    process = run_python(PRELUDE + code)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_standard_input_comes_as_it_is_written(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    code = PRELUDE + (
        "validator = StreamingValidator(Schema({'n': Field(int)}), buffer_size=2)\n"
        "for batch in validator.validate_csv_stream(sys.stdin):\n"
        "    print(batch.total_rows, flush=True)"
    )
    process = run_python(code)
    assert process.stdin is not None
    assert process.stdout is not None
    for text, total in (("n\n1\n2\n", "2\n"), ("3\n4\n", "2\n")):
        process.stdin.write(text)
        process.stdin.flush()
        assert process.stdout.readline() == total
    out, err = process.communicate("5\n", timeout=20)
    assert (out, err) == ("1\n", "")


MEMORY = """
import resource, sys
from tamis import Field, Schema, StreamingValidator
schema = Schema({"id": Field(int, min=0), "text": Field(str, max_length=3)})
def items(count):
    yield b"id,text\\n"
    for _ in range(count):
        yield b"7,too long\\n" * 20_000
def peak(count, given):
    if isinstance(given, str):
        with open(given, "wb") as file:
            file.writelines(items(count))
    else:
        given = items(count)
    total = sum(b.total_rows for b in StreamingValidator(schema, threads=2).validate_csv_stream(given))
    assert total == 20_000 * count
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for given in ("data.csv", None):
    small = peak(10, given)
    print(peak(60, given) - small)
"""


def test_memory_does_not_grow_with_the_input(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    out, err = run_python(MEMORY).communicate(timeout=60)
    assert err == ""
    growth_kib = [int(line) for line in out.split()]
    # 11 MB more, and a million more errors.
    assert len(growth_kib) == 2
    assert max(growth_kib) < 5 << 10, growth_kib

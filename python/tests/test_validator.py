"""Validator: every kind of input, its options, and what goes wrong."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tamis import (
    DistributedValidator,
    Field,
    FormatError,
    InputError,
    InputNotFoundError,
    MapReduceValidator,
    Schema,
    UnsupportedError,
    Validator,
)
from tamis.progress import Bar
from tamis.validator import size_in_bytes

UNCHECKED = b"""\
apiVersion: v3.2.0
kind: DataContract
id: x
version: 1.0.0
schema:
  - name: x
    properties:
      - {name: id, logicalType: string}
    quality:
      - {type: sql, query: select 1, mustBe: 1}
"""


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Dribble:
    """A file object without `read1` that gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self.data.read(min(size, 3))


def test_every_kind_of_input_gives_the_same_result(orders: Schema, orders_csv: Path) -> None:
    validator = Validator(orders)
    data = orders_csv.read_bytes()
    packed = orders_csv.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(data))
    expected = validator.validate_csv(orders_csv)
    assert (expected.total_rows, expected.valid_count, expected.invalid_count) == (4, 2, 2)
    assert expected.errors_by_rule == {"enum": 1, "minimum": 1, "pattern": 1}
    with (
        open(orders_csv, "rb") as binary,
        open(orders_csv, "rb", buffering=0) as raw,
        open(orders_csv) as text,
    ):
        inputs: list[Any] = [
            str(orders_csv),
            packed,
            data,
            packed.read_bytes(),
            bytearray(data),
            memoryview(data),
            binary,
            raw,
            text,
            io.BytesIO(data),
            io.BytesIO(packed.read_bytes()),
            io.StringIO(data.decode()),
            Dribble(data),
            chunks(data, 1),
            chunks(data, 1000),
            iter([b"", data[:7], bytearray(data[7:9]), memoryview(data[9:])]),
            iter(data.splitlines(keepends=True)),
        ]
        for given in inputs:
            assert validator.validate_csv(given) == expected, given


def test_json_lines(orders: Schema) -> None:
    lines = b'{"id": "O-1", "amount": 5}\n{"id": 7, "amount": "5"}\nno json\n'
    result = Validator(orders).validate_jsonl(lines)
    assert result.total_rows == 3
    assert [(error.row, error.column, error.rule) for error in result.errors][:2] == [
        (2, "id", "type"),
        (2, "amount", "type"),
    ]
    assert result.errors[2].row == 3


def test_several_inputs_are_one_result(orders_csv: Path) -> None:
    schema = Schema({"id": Field(str, unique=True)})
    result = Validator(schema).validate_csv([orders_csv, b"id\nO-9\nO-1\n"])
    assert result.total_rows == 6
    assert [(error.input, error.row, error.value) for error in result.errors] == [("<bytes>", 2, "O-1")]
    assert [one["name"] for one in result.inputs] == [str(orders_csv), "<bytes>"]


def test_the_delimiter_is_told_by_the_name_or_the_contract(tmp_path: Path) -> None:
    schema = Schema({"a": Field(int), "b": Field(int)})
    path = tmp_path / "x.tsv"
    path.write_text("a\tb\n1\t2\n")
    assert Validator(schema).validate_csv(path).is_valid()
    text = schema.to_odcs().replace(
        "customProperties:\n", "customProperties:\n      - {property: delimiter, value: ';'}\n", 1
    )
    contract = tmp_path / "c.yaml"
    contract.write_text(text)
    assert Validator(Schema.from_file(contract)).validate_csv(b"a;b\n1;x\n").errors_by_rule == {"type": 1}


def test_every_input_has_the_delimiter_of_its_name(tmp_path: Path) -> None:
    schema = Schema({"a": Field(int, max=5), "b": Field(int)})
    paths = [tmp_path / "x.csv", tmp_path / "y.tsv"]
    paths[0].write_text("a,b\n1,2\n")
    paths[1].write_text("b\ta\n2\t9\n")
    for order in (paths, paths[::-1]):
        result = Validator(schema).validate_csv(order)
        assert [(error.input, error.row, error.value) for error in result.errors] == [(str(paths[1]), 1, "9")]
        assert DistributedValidator(schema, workers=2, chunk_size=1).validate_csv_parallel(order) == result


def test_threads_and_limits_change_no_count(orders: Schema) -> None:
    data = b"id,amount,status\n" + b"".join(b"O-%d,%d,open\n" % (row, row % 1100) for row in range(40_000))
    alone = Validator(orders, parallel=False, max_errors=5).validate_csv(data)
    assert alone.performance["threads"] == 1
    for threads in (1, 2, 3):
        result = Validator(orders, threads=threads, max_errors=5, memory="1kB").validate_csv(io.BytesIO(data))
        assert result == alone
    assert (len(alone.errors), alone.error_count) == (5, alone.invalid_count)
    assert Validator(orders, max_errors=0).validate_csv(data).errors == []


def test_output_path_gets_the_report(orders: Schema, orders_csv: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    result = Validator(orders).validate_csv(orders_csv, path)
    assert json.loads(path.read_text()) == result.to_dict()


def test_progress_is_called_on_this_thread_and_at_the_end(orders: Schema, orders_csv: Path) -> None:
    seen: list[dict[str, Any]] = []
    threads = set()

    def progress(info: dict[str, Any]) -> None:
        seen.append(info)
        threads.add(threading.get_ident())

    Validator(orders).validate_csv(orders_csv, progress=progress)
    assert threads == {threading.get_ident()}
    assert {**seen[-1], "elapsed": 0} == {
        "rows": 4,
        "bytes": orders_csv.stat().st_size,
        "total_bytes": orders_csv.stat().st_size,
        "violations": 3,
        "elapsed": 0,
    }
    with pytest.raises(ZeroDivisionError):
        Validator(orders).validate_csv(orders_csv, progress=lambda info: 1 // 0)
    with pytest.raises(TypeError, match="`progress`"):
        Validator(orders).validate_csv(orders_csv, progress=3)  # type: ignore[arg-type]


def test_progress_bars(
    orders: Schema, orders_csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Validator(orders).validate_csv(orders_csv, progress=True)
    assert "4 rows" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with Bar("orders") as bar:
        bar({"rows": 1_000, "bytes": 50, "total_bytes": 100, "violations": 2, "elapsed": 0.5})
    shown = capsys.readouterr().err
    assert "orders  50% 1,000 rows, 2 errors, 2,000 rows/s" in shown
    assert shown.endswith("\r"), "the line is cleared"


def test_what_an_iterator_or_file_raises_comes_out(orders: Schema) -> None:
    class Mine(Exception):
        pass

    mine = Mine("broken")

    def broken() -> Iterator[bytes]:
        yield b"id\nO-1\n"
        raise mine

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise mine

    for given in (broken(), Broken()):
        with pytest.raises(Mine) as raised:
            Validator(orders).validate_csv(given)
        assert raised.value is mine


def test_user_code_runs_on_the_calling_thread(orders: Schema) -> None:
    threads = set()

    def items() -> Iterator[bytes]:
        for item in (b"id\n", b"O-1\n"):
            threads.add(threading.get_ident())
            yield item

    assert Validator(orders).validate_csv(items()).total_rows == 1
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize(
    "given", [None, 3, {"a": 1}, [{"a": 1}], object(), iter([3]), iter([{"a": 1}]), [[b"a"]], range(3)]
)
def test_what_is_no_input_is_a_type_error(orders: Schema, given: Any) -> None:
    with pytest.raises(TypeError):
        Validator(orders).validate_csv(given)


@pytest.mark.parametrize("item", ["a.csv", Path("a.csv")], ids=["text", "path"])
def test_an_iterator_of_paths_is_not_read_as_content(orders: Schema, item: Any) -> None:
    for given in (iter([item]), (one for one in [item]), [iter([b"id\n", item])]):
        with pytest.raises(TypeError, match="not bytes: .*give a list") as raised:
            Validator(orders).validate_csv(given)
        assert ("encode it" in str(raised.value)) == isinstance(item, str)


def test_inputs_that_cannot_be_read(orders: Schema, tmp_path: Path) -> None:
    validator = Validator(orders)
    with pytest.raises(InputNotFoundError) as missing:
        validator.validate_csv(tmp_path / "none.csv")
    assert isinstance(missing.value, FileNotFoundError)
    assert (missing.value.errno, missing.value.filename) == (2, str(tmp_path / "none.csv"))
    with pytest.raises(InputError):
        validator.validate_csv(tmp_path)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"id\nO-1\n" * 1000)[:-20])
    with pytest.raises(FormatError, match="not valid gzip"):
        validator.validate_csv(tmp_path / "cut.gz")
    with pytest.raises(FormatError, match="UTF-16"):
        validator.validate_csv("id\nO-1\n".encode("utf-16"))
    with pytest.raises(FormatError, match="longer than"):
        validator.validate_csv(iter([b'id\n"', *[b"x" * (1 << 20)] * 65]))
    with pytest.raises(InputError, match="NUL"):
        validator.validate_csv("a\0b")


def test_bytes_that_are_no_utf8_are_a_violation(orders: Schema) -> None:
    result = Validator(orders).validate_csv(b"id\nO-1\n\xff\xfe\nO-2\n")
    assert (result.total_rows, result.invalid_count) == (3, 1)
    assert result.errors[0].row == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"threads": 0}, ValueError),
        ({"threads": 10**6}, ValueError),
        ({"threads": "two"}, TypeError),
        ({"max_errors": -1}, ValueError),
        ({"max_errors": None}, TypeError),
        ({"memory": "much"}, ValueError),
        ({"memory": -1}, ValueError),
        ({"memory": None}, TypeError),
        ({"unchecked": "maybe"}, ValueError),
        ({"spill_dir": 3}, TypeError),
    ],
)
def test_wrong_options(orders: Schema, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Validator(orders, **options)


def test_a_schema_is_needed() -> None:
    with pytest.raises(TypeError, match="Schema"):
        Validator({"a": Field(str)})  # type: ignore[arg-type]


def test_sizes() -> None:
    assert [size_in_bytes(size) for size in (5, "5", "5kB", "2 MiB", "1g", "0.5GB")] == [
        5,
        5,
        5000,
        2 << 20,
        10**9,
        5 * 10**8,
    ]


def test_a_budget_may_be_larger_than_the_machine() -> None:
    schema = Schema({"id": Field(int, unique=True)})
    for memory in ("9000000TB", 2**70, 0):
        assert Validator(schema, memory=memory).validate_csv(b"id\n1\n2\n1\n").errors_by_rule == {"unique": 1}


def test_rules_that_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(UNCHECKED)
    schema = Schema.from_file(path)
    with pytest.raises(UnsupportedError, match="sql"):
        Validator(schema)
    result = Validator(schema, unchecked="allow").validate_csv(b"id\nx\n")
    assert result.is_valid()
    assert result.rules_not_checked[0]["rule"] == "sql"


def test_a_spill_folder_that_is_not_there(tmp_path: Path) -> None:
    schema = Schema({"id": Field(int, unique=True)})
    data = b"id\n" + b"".join(b"%d\n" % row for row in range(100_000))
    with pytest.raises(InputError) as raised:
        Validator(schema, memory=1000, spill_dir=tmp_path / "none").validate_csv(data)
    assert raised.value.errno == 2


def test_python_threads_share_a_validator(orders: Schema, orders_csv: Path) -> None:
    validator = Validator(orders)
    expected = validator.validate_csv(orders_csv)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(validator.validate_csv(orders_csv))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


ENDLESS = """
import itertools, sys, threading, time
from tamis import Field, Schema, Validator
validator = Validator(Schema({"a": Field(int)}))
def rows():
    yield b"a\\n"
    print("started", flush=True)
    for _ in itertools.count():
        yield b"1\\n" * 100_000
given = {"iterator": rows, "stdin": lambda: "-"}[sys.argv[1]]()
if sys.argv[1] == "stdin":
    print("started", flush=True)
try:
    validator.validate_csv(given)
except KeyboardInterrupt:
    print("interrupted", flush=True)
# The package is as good as before.
print(validator.validate_csv(b"a\\n1\\n").total_rows, flush=True)
"""


@pytest.mark.parametrize("kind", ["iterator", "stdin"])
def test_ctrl_c_ends_a_long_call(run_python: Callable[..., subprocess.Popen[str]], kind: str) -> None:
    process = run_python(ENDLESS, kind)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    # Python handles a signal between two of its own steps; give it the time to be in the middle of the call.
    threading.Event().wait(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, err) == ("interrupted\n1\n", "")


def test_standard_input(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    code = (
        "import sys; from tamis import Field, Schema, Validator;"
        "sys.stdin.readline();"
        "print(Validator(Schema({'a': Field(int)})).validate_csv({0}).errors_by_rule)"
    )
    for given in ("'-'", "sys.stdin"):
        process = run_python(
            code.replace("{0}", given).replace("sys.stdin.readline()", "sys.stdin.buffer.readline()")
        )
        out, err = process.communicate("a comment\na\n1\nx\n", timeout=20)
        assert (out, err) == ("{'type': 1}\n", "")


def test_no_inputs_are_no_good_ones() -> None:
    schema = Schema({"n": Field(int)})
    calls: list[Callable[[], object]] = [
        lambda: Validator(schema).validate_csv([]),
        lambda: Validator(schema).validate_jsonl(()),
        lambda: DistributedValidator(schema).validate_csv_parallel([]),
        lambda: MapReduceValidator(schema).plan([]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="no inputs"):
            call()
    with pytest.raises(TypeError, match="one input, not `list`"):
        Schema.infer(["a.csv"])

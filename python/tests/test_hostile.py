"""Callers that do everything wrong: whatever happens has a name, and it is never a panic.

PyO3 raises a ``PanicException`` for a panic of Rust code. It is no ``Exception``, so everything here that is caught by one of
:data:`REFUSALS` is also proof that it was none.
"""

from __future__ import annotations

import io
import itertools
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tamis import (
    CachedValidator,
    DistributedValidator,
    Field,
    FormatError,
    InputError,
    LineProcessor,
    MapReduceValidator,
    PartialError,
    Schema,
    StreamingValidator,
    TamisError,
    UnsupportedError,
    ValidationError,
    ValidationResult,
    Validator,
)

#: What wrong arguments end in.
REFUSALS = (TypeError, ValueError, OverflowError, TamisError)


class _Whole(int):
    pass


class _Text(str):
    pass


#: What no argument was made for.
VALUES: list[Any] = [
    None, True, 0, 1, -1, 2**70, -(2**70), 10**5000, 1.5, float("nan"), float("inf"), 1j,
    Decimal("NaN"), Decimal("1e400"), Decimal("-0"), _Whole(3), date(2020, 1, 1), datetime(2020, 1, 1), timedelta(1),
    "", "x", "\ud800", "a\0b", "1.0", _Text("x"), b"", b"x", memoryview(b"x"), bytearray(b"x"),
    [], [1], (), {}, {"a": 1}, set(), range(3), object(), int, Field, len, Ellipsis,
]  # fmt: skip

SCHEMA = Schema({"a": Field(int, max=9), "b": Field(str, pattern="x")})


def calls(folder: Path) -> dict[str, Callable[[Any], object]]:
    """Each public argument, alone, as a function of it."""
    validator, line, parts = Validator(SCHEMA), LineProcessor(SCHEMA), MapReduceValidator(SCHEMA)
    path = folder / "a.csv"
    path.write_text("a,b\n1,x\n2,x\n")

    def cached(**options: Any) -> CachedValidator:
        return CachedValidator(validator, folder / "cache", **options)

    def both(value: Any) -> dict[str, Any]:
        return {"a": value, "b": value}

    return {
        "Field": lambda value: Schema({"a": Field(value)}),
        "Schema": lambda value: Schema(value),
        "Schema field": lambda value: Schema({"a": value}),
        "Schema name": lambda value: Schema({value: Field(str)}),
        "Schema unique": lambda value: Schema({"a": Field(str)}, unique=value),
        "Schema unique key": lambda value: Schema({"a": Field(str)}, unique=[value]),
        "Schema strict": lambda value: Schema({"a": Field(str)}, strict=value),
        "from_file": Schema.from_file,
        "from_file object": lambda value: Schema.from_file(path, value),
        "from_pydantic": Schema.from_pydantic,
        "infer": Schema.infer,
        "infer format": lambda value: Schema.infer(path, format=value),
        "infer threads": lambda value: Schema.infer(path, threads=value),
        "Validator": Validator,
        "max_errors": lambda value: Validator(SCHEMA, max_errors=value),
        "threads": lambda value: Validator(SCHEMA, threads=value),
        "memory": lambda value: Validator(SCHEMA, memory=value),
        "spill_dir": lambda value: Validator(SCHEMA, spill_dir=value),
        "unchecked": lambda value: Validator(SCHEMA, unchecked=value),
        "chunk_size": lambda value: Validator(SCHEMA, chunk_size=value),
        "validate_csv": validator.validate_csv,
        "validate_csv one of": lambda value: validator.validate_csv([value]),
        "validate_csv item": lambda value: validator.validate_csv(iter([value])),
        "validate_jsonl": validator.validate_jsonl,
        "validate": validator.validate,
        "validate item": lambda value: validator.validate([value]),
        "validate value": lambda value: validator.validate([both(value)]),
        "validate key": lambda value: validator.validate([{value: 1}]),
        "validate_dict": validator.validate_dict,
        "validate_dict value": lambda value: validator.validate_dict(both(value)),
        "LineProcessor": LineProcessor,
        "process_line": line.process_line,
        "process_line value": lambda value: line.process_line(both(value)),
        "process_line key": lambda value: line.process_line({value: 1}),
        "process_many": lambda value: list(line.process_many(value)),
        "from_json": ValidationResult.from_json,
        "ValidationError": lambda value: ValidationError(*[value] * 7),
        "CachedValidator": CachedValidator,
        "cache ttl": lambda value: cached(ttl=value),
        "cache ttl_hours": lambda value: cached(ttl_hours=value),
        "cache size": lambda value: cached(max_size_mb=value),
        "cache hash": lambda value: cached(hash=value),
        "cache verify": lambda value: cached(verify=value),
        "cached": lambda value: cached().validate_csv(value),
        "MapReduceValidator": MapReduceValidator,
        "parts threads": lambda value: MapReduceValidator(SCHEMA, threads=value),
        "StreamingValidator": StreamingValidator,
        "buffer_size": lambda value: StreamingValidator(SCHEMA, buffer_size=value),
        "stream": lambda value: list(StreamingValidator(SCHEMA).validate_csv_stream(value)),
        "stream json": lambda value: list(StreamingValidator(SCHEMA).validate_json_stream(value)),
        "stream progress": lambda value: list(
            StreamingValidator(SCHEMA).validate_csv_stream(path, progress=value)
        ),
        "max_wait": lambda value: (
            StreamingValidator(SCHEMA).validate_csv_stream(path, follow=True, max_wait=value).close()
        ),
        "stream estimate": StreamingValidator(SCHEMA).estimate_memory_usage,
        "DistributedValidator": DistributedValidator,
        "workers": lambda value: DistributedValidator(SCHEMA, workers=value),
        "distributed chunk_size": lambda value: DistributedValidator(SCHEMA, chunk_size=value),
        "distributed": DistributedValidator(SCHEMA, workers=1).validate_csv_parallel,
        "estimate": DistributedValidator(SCHEMA).get_parallelization_info,
        "plan": parts.plan,
        "plan chunk_bytes": lambda value: parts.plan(path, value),
        "plan map": lambda value: parts.plan(path, 4, map=value),
        "plan scans": lambda value: parts.plan(path, 4, map=lambda *_: value),
        "scan": parts.scan,
        "map": parts.map_validate_chunk,
        "map item": lambda value: parts.map_validate_chunk([value]),
        "reduce": parts.reduce_results,
        "reduce item": lambda value: parts.reduce_results([value]),
    }


def test_wrong_arguments_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call in calls(tmp_path).values():
        for value in VALUES:
            try:
                call(value)
            except REFUSALS:
                pass


ARGUMENTS = [
    "required", "min", "max", "min_length", "max_length", "pattern", "choices", "unique", "format", "nullable", "description",
]  # fmt: skip


@pytest.mark.parametrize("kind", [str, int, float, bool, date, datetime, Decimal])
def test_a_field_is_refused_or_works(kind: Any) -> None:
    for argument, value in itertools.product(ARGUMENTS, VALUES):
        try:
            schema = Schema({"a": Field(kind, **{argument: value})})
        except TamisError as refused:
            assert "field `a`" in str(refused)
            continue
        assert Schema.__eq__(pickle.loads(pickle.dumps(schema)), schema)
        Validator(schema).validate_csv(b"a\n1\nx\n\xff\n")


class _Mine(BaseException):
    """What user code raises, beyond `Exception`."""


class _File:
    """A file object that does what it is told."""

    def __init__(self, read: Callable[[int], Any]) -> None:
        self.read = read


def raising(*_: object) -> Any:
    raise _Mine


def test_what_files_raise_comes_out() -> None:
    validator = Validator(SCHEMA)
    with pytest.raises(_Mine):
        validator.validate_csv(_File(raising))  # type: ignore[arg-type]
    with pytest.raises(SystemExit):
        validator.validate_csv(_File(lambda _: sys.exit(3)))  # type: ignore[arg-type]

    class Name:
        __fspath__ = raising

    with pytest.raises(_Mine):
        validator.validate_csv(Name())  # type: ignore[arg-type]


def test_files_may_give_more_than_was_asked_for() -> None:
    answers = [b"a,b\n" + b"1,x\n" * 1_000_000]
    file = _File(lambda _: answers.pop() if answers else b"")
    assert Validator(SCHEMA).validate_csv(file).total_rows == 1_000_000  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [3, [], object(), "\ud800", None])
def test_files_must_give_bytes(answer: Any) -> None:
    with pytest.raises((TypeError, ValueError, BlockingIOError)):
        Validator(SCHEMA).validate_csv(_File(lambda _: answer))  # type: ignore[arg-type]


def test_closed_and_unreadable_files(tmp_path: Path) -> None:
    validator = Validator(SCHEMA)
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,\xff\n")
    with path.open() as file, pytest.raises(UnicodeDecodeError):
        validator.validate_csv(file)
    with pytest.raises(ValueError, match="closed"):
        validator.validate_csv(file)
    with path.open("ab") as written, pytest.raises(OSError, match="read"):
        validator.validate_csv(written)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    validator = Validator(SCHEMA)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "a.csv").write_text("a,b\n")
    for path in (tmp_path / "loop", tmp_path / "a.csv" / "b", tmp_path, "/proc/self/mem", "x" * 100_000):
        with pytest.raises(InputError):
            validator.validate_csv(path)
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n")
    secret.chmod(0)
    if not os.access(secret, os.R_OK):
        with pytest.raises(InputError) as refused:
            validator.validate_csv(secret)
        assert refused.value.errno == 13
    for given in ("a\0b", "\ud800\0"):
        with pytest.raises(InputError):
            Schema.from_file(given)


def test_names_need_not_be_text(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.csv"
    Path(os.fsdecode(name)).write_text("a,b\n10,x\n")

    class Name:
        def __fspath__(self) -> bytes:
            return name

    result = Validator(SCHEMA).validate_csv(Name())  # type: ignore[arg-type]
    assert result.errors_by_rule == {"maximum": 1}


def test_an_iterator_may_use_the_validator() -> None:
    validator = Validator(SCHEMA)

    def items() -> Iterator[bytes]:
        yield b"a,b\n"
        assert validator.validate_csv(b"a,b\n10,x\n").invalid_count == 1
        yield b"1,x\n"

    assert validator.validate_csv(items()).is_valid()

    def itself() -> Iterator[bytes]:
        yield b"a,b\n"
        yield next(running)

    running = itself()
    with pytest.raises(ValueError, match="already executing"):
        validator.validate_csv(running)


def test_a_schema_that_is_changed_later_is_not() -> None:
    fields = {"a": Field(int, max=9)}
    schema = Schema(fields)
    validator = Validator(schema)
    fields["a"] = Field(int)
    schema.fields.clear()
    assert validator.validate_csv(b"a\n10\n").invalid_count == 1
    with pytest.raises(AttributeError):
        schema.columns = []  # type: ignore[misc]
    with pytest.raises(AttributeError):
        schema.fields["a"].max = None  # type: ignore[misc]
    half = Schema.__new__(Schema)
    for use in (Validator, LineProcessor, MapReduceValidator):
        with pytest.raises((TypeError, AttributeError)):
            use(half)


def test_values_that_lie() -> None:
    class Number(int):
        def __str__(self) -> str:
            raise _Mine

        __repr__ = __str__
        __index__ = __str__  # type: ignore[assignment]

    class Zone(tzinfo):
        utcoffset = raising

    class Record(dict[str, Any]):
        __getitem__ = get = __iter__ = __len__ = raising  # type: ignore[assignment]

    line = LineProcessor(SCHEMA)
    assert line.process_line({"a": Number(10)})[1][0].value == "10"
    assert line.process_line(Record(a=1, b="x")) == (True, [])
    assert Validator(SCHEMA).validate([Record(a=1, b="x")]).is_valid()
    moment = datetime(2020, 1, 1, tzinfo=Zone())
    with pytest.raises(_Mine):
        LineProcessor(Schema({"a": Field(datetime)})).process_line({"a": moment})


def test_one_record_is_no_iterable_of_records() -> None:
    line = LineProcessor(SCHEMA)
    for record in ("1,x", b"1,x", bytearray(b"1,x"), {"a": 1, "b": "x"}):
        with pytest.raises(TypeError, match="an iterable of records, not one"):
            line.process_many(record)  # type: ignore[arg-type]


def test_a_limit_may_be_as_large_as_it_likes() -> None:
    for max_errors in (sys.maxsize, 2**70):
        assert len(Validator(SCHEMA, max_errors=max_errors).validate_csv(b"a,b\n10,y\n").errors) == 2


def test_text_that_is_nested_too_deeply(tmp_path: Path) -> None:
    deep = "[" * 1_000_000
    assert Validator(SCHEMA).validate_jsonl(b'{"a":' + deep.encode()).invalid_count == 1
    assert not LineProcessor(SCHEMA).process_line('{"a":' + deep)[0]
    for text in (deep, "\ud800"):
        with pytest.raises(FormatError, match="not a report"):
            ValidationResult.from_json(text)
    contract = tmp_path / "deep.yaml"
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 20))
    for text in (deep, "{a: " * 100_000, bomb):
        contract.write_text(text)
        with pytest.raises(TamisError):
            Schema.from_file(contract)
    for pattern in ("(" * 100_000, "(" * 1000 + ")" * 1000, "(a{1000}){1000}"):
        with pytest.raises(TamisError, match="`pattern`"):
            Schema({"a": Field(str, pattern=pattern)})


def test_a_bar_needs_nobody_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    closed = io.StringIO()
    closed.close()
    for stderr in (None, closed):
        monkeypatch.setattr(sys, "stderr", stderr)
        assert Validator(SCHEMA).validate_csv(b"a,b\n", progress=True).is_valid()


def test_a_plan_has_bounds(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        file.truncate(1 << 40)
    with pytest.raises(UnsupportedError, match="are too many; choose longer ones"):
        MapReduceValidator(SCHEMA).split(path, chunk_bytes=1)


def test_pickles_that_were_tampered_with(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a,b\n10,"y\n"\n2,x\n')
    parts = MapReduceValidator(SCHEMA)
    planned, ranges = parts.plan(path, 4), parts.split(path, chunk_bytes=4)
    uses: list[tuple[Any, Callable[[Any], object]]] = [
        (parts.map_validate_chunk(planned[0]), lambda one: parts.reduce_results([one])),
        (planned[0], parts.map_validate_chunk),
        (ranges[0], parts.scan),
        (parts.scan(ranges[0]), lambda one: parts.join(ranges, [one])),
        (Validator(SCHEMA).validate_csv(path), lambda one: (one.errors, one.summary(), one._repr_html_())),
    ]
    # What else may come of it: pickle's own errors, and objects of other kinds.
    others = (
        pickle.UnpicklingError,
        PartialError,
        EOFError,
        LookupError,
        AttributeError,
        ImportError,
        MemoryError,
    )
    chance = random.Random(7)
    for one, use in uses:
        whole = pickle.dumps(one)
        for _ in range(300):
            bytes_ = bytearray(whole)
            bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
            try:
                use(pickle.loads(bytes_[: chance.choice([len(bytes_), chance.randrange(len(bytes_))])]))
            except (*REFUSALS, *others):
                pass


def test_everything_that_can_travel_does(orders_csv: Path, tmp_path: Path) -> None:
    validator = Validator(SCHEMA, parallel=False, max_errors=7)
    cached = CachedValidator(validator, tmp_path / "cache", 60, 10, hash="sha256", verify="stat")
    others = (StreamingValidator(SCHEMA, 7), DistributedValidator(SCHEMA, 2, 9, True))
    for one in (*others, validator, cached, LineProcessor(SCHEMA), MapReduceValidator(SCHEMA)):
        again = pickle.loads(pickle.dumps(one))
        assert (type(again), repr(again)) == (type(one), repr(one))
    again = pickle.loads(pickle.dumps(cached))
    assert again.validate_csv(orders_csv) == cached.validate_csv(orders_csv)
    assert cached.get_cache_stats()["hits"] == 1
    assert {**again.get_cache_stats(), "hits": 1, "misses": 0, "hit_rate": 100.0} == cached.get_cache_stats()


def test_threads_use_everything_at_once() -> None:
    data = b"a,b\n" + b"1,x\n10,y\n" * 5_000
    validator, line = Validator(SCHEMA), LineProcessor(SCHEMA)
    expected = validator.validate_csv(data)
    shared = line.process_many({"a": row % 20, "b": "x"} for row in range(5_000))
    outcomes: list[object] = []

    def work() -> None:
        outcomes.append(validator.validate_csv(data) == expected)
        # The errors become objects when they are first asked for, here by all at once.
        outcomes.append(len(expected.errors) == 1000)
        outcomes.append(pickle.loads(pickle.dumps(expected)) == expected)
        try:
            outcomes.append(all(len(errors) < 2 for _, errors in shared))
        except ValueError as error:
            outcomes.append("already executing" in str(error))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 32


# The rest needs processes of its own.

PREAMBLE = """
import collections, itertools, os, signal, sys, threading, time, warnings
from tamis import *
schema = Schema({"a": Field(int, max=9), "b": Field(str, pattern="x")})
validator = Validator(schema)
def rows():
    yield b"a,b\\n"
    while True:
        yield b"1,x\\n" * 10_000
"""


@pytest.fixture
def run_strictly(run_python: Callable[..., subprocess.Popen[str]]) -> Callable[[str], str]:
    """Runs code to its end in development mode, warnings being errors; its output."""

    def run(code: str, **environment: str) -> str:
        process = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", PREAMBLE + code],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
            check=False,
        )
        assert (process.returncode, process.stderr) == (0, "")
        return process.stdout

    return run


ENDLESS = {
    "jsonl": "validator.validate_jsonl(b'{}\\n' * 1000 for _ in itertools.count())",
    "stream": "list(StreamingValidator(schema, 10_000_000).validate_csv_stream(rows()))",
    "follow": "list(StreamingValidator(schema).validate_csv_stream(sys.argv[2], follow=True))",
    "empty": "validator.validate_csv(itertools.repeat(b''))",
    "infer": "Schema.infer(rows())",
    "validate": "validator.validate({'a': 1} for _ in itertools.count())",
    "process_many": "collections.deque(LineProcessor(schema).process_many(itertools.repeat({'a': 1})), maxlen=0)",
    "fifo": "validator.validate_csv(sys.argv[1])",
    "distributed": "DistributedValidator(schema, workers=2).validate_csv_parallel([sys.argv[2]] * 100_000)",
    "processes": "DistributedValidator(schema, workers=2, use_processes=True).validate_csv_parallel([sys.argv[2]] * 9999)",
    "split": "MapReduceValidator(schema).split([sys.argv[2]] * 200_000)",
    "plan": "MapReduceValidator(schema).plan(sys.argv[1])",
    "sleep": "validator.validate_csv(iter(lambda: time.sleep(100), 1))",
}


@pytest.mark.parametrize("call", ENDLESS)
def test_ctrl_c_ends_every_long_call(
    run_python: Callable[..., subprocess.Popen[str]], tmp_path: Path, call: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    code = f"""
try:
    print("started", flush=True)
    {ENDLESS[call]}
except KeyboardInterrupt:
    print("interrupted")
print(validator.validate_csv(b"a,b\\n1,x\\n").total_rows)
"""
    (tmp_path / "a.csv").write_text("a,b\n" + "1,x\n" * 10_000)
    process = run_python(PREAMBLE + code, str(tmp_path / "fifo"), str(tmp_path / "a.csv"))
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    threading.Event().wait(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("interrupted\n1\n", "")


def test_forks_work(run_strictly: Callable[[str], str]) -> None:
    code = """
# Python warns of what is done here.
warnings.simplefilter("ignore", DeprecationWarning)
data = b"a,b\\n" + b"1,x\\n" * 300_000
started = threading.Event()
def slow():
    yield b"a,b\\n"
    started.set()
    for _ in range(20):
        time.sleep(0.01)
        yield b"1,x\\n"
other = threading.Thread(target=lambda: validator.validate_csv(slow()))
other.start()
validator.validate_csv(data)
started.wait()
child = os.fork()
if child == 0:
    print(validator.validate_csv(data).total_rows, validator.validate_csv(iter([data])).total_rows, flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
other.join()
"""
    assert run_strictly(code) == "300000 300000\n0\n"


def test_a_stream_stays_in_its_process(run_strictly: Callable[[str], str]) -> None:
    code = """
warnings.simplefilter("ignore", DeprecationWarning)
stream = StreamingValidator(schema, 1000).validate_csv_stream(itertools.islice(rows(), 100))
next(stream)
child = os.fork()
if child == 0:
    signal.alarm(20)
    try:
        next(stream)
    except RuntimeError as error:
        print(error, flush=True)
    stream.close()
    del stream
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), sum(batch.total_rows for batch in stream))
"""
    assert run_strictly(code).splitlines() == [
        "the stream was begun before this process was forked, and goes on in the other one",
        "0 989000",
    ]


@pytest.mark.parametrize("options", ["", ", progress=lambda info: None"])
def test_an_interpreter_may_end_in_the_middle(run_strictly: Callable[[str], str], options: str) -> None:
    code = f"""
threading.Thread(target=lambda: validator.validate_csv(rows(){options}), daemon=True).start()
time.sleep(0.2)
print("the end")
"""
    assert run_strictly(code) == "the end\n"


def test_objects_may_be_used_while_the_interpreter_ends(run_strictly: Callable[[str], str]) -> None:
    code = """
import atexit, builtins
class Last:
    check = validator
    def __del__(self):
        print(len(self.check.validate_csv(b"a,b\\n10,y\\n").errors))
builtins.last = Last()
atexit.register(lambda: print(validator.validate_csv(b"a,b\\n1,x\\n")))
"""
    assert run_strictly(code) == "<ValidationResult valid: 1 row, 1 valid, 0 invalid>\n2\n"


def test_another_interpreter_is_refused(run_strictly: Callable[[str], str]) -> None:
    code = """
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
other = interpreters.create()
failed = interpreters.run_string(other, '''
try:
    import tamis
    print("imported")
except ImportError as error:
    print("refused")
''')
interpreters.destroy(other)
print(validator.validate_csv(b"a,b\\n1,x\\n").total_rows)
del sys.modules["tamis._tamis"]
import tamis._tamis
"""
    assert run_strictly(code) == "refused\n1\n"


def limited_to(bytes: int) -> str:
    """Code that lets the process have so much more memory, of which a thread takes 1 GiB for its stack."""
    return f"""
import resource
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + {bytes}, size + {bytes}))
"""


def test_fewer_threads_than_wanted_will_do(run_strictly: Callable[..., str]) -> None:
    code = """
data = b"a,b\\n" + b"1,x\\n" * 2_000_000
print(Validator(schema, threads=16).validate_csv(data).total_rows)
"""
    # Room for the thread behind the call and for two or three workers.
    assert run_strictly(limited_to(7 << 29) + code, RUST_MIN_STACK=str(1 << 30)) == "2000000\n"


def test_without_any_thread_there_is_an_error(run_strictly: Callable[..., str]) -> None:
    code = """
try:
    validator.validate_csv(b"a,b\\n1,x\\n")
except RuntimeError as error:
    print(str(error).partition(":")[0])
"""
    said = run_strictly(limited_to(1 << 29) + code, RUST_MIN_STACK=str(1 << 30))
    assert said == "cannot start a thread\n"

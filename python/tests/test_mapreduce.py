"""Goal: parts of a file, checked anywhere and merged in any order and tree, give `Validator`'s result."""

from __future__ import annotations

import gzip
import os
import pickle
import random
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas
import polars
import pyarrow
import pytest
from extent import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis import (
    Field,
    InputError,
    InputNotFoundError,
    MapReduceValidator,
    PartialError,
    Schema,
    UnsupportedError,
    Validator,
)
from tamis.mapreduce import InputRange, Partial, PlannedRange, Scan

RULES = {
    "id": Field(str, required=True, pattern="^[a-z]"),
    "amount": Field(float, min=0, max=100),
    "note": Field(str, max_length=9),
}
SCHEMA = Schema(RULES)
UNIQUE_SCHEMA = Schema({**RULES, "id": Field(str, required=True, unique=True)}, unique=[("amount", "note")])

LINES = st.sampled_from(
    [
        "a,1,fine\n",
        'b,99.5,"two\nlines"\r\n',
        '"c ""quoted""",1,x\n',
        "UP,1,x\n",
        "a,-3,fine\n",
        "d,1e3,far too long\n",
        ",many,\n",
        "\n",
        "short\n",
        'e,5" nail,x\n',
        "é,1,ü\r\n",
        'open,"1,x\n',
    ]
)
CSVS = st.builds(
    lambda header, lines, is_cut: (header + "".join(lines)).rstrip("\n" if is_cut else "").encode(),
    st.sampled_from(["id,amount,note\n", "id,amount,note\r\n", 'note,"id",other,amount\n', "\n\nid\n"]),
    st.lists(LINES, max_size=25),
    st.booleans(),
)


def travel(partial: Partial) -> Partial:
    copy = pickle.loads(pickle.dumps(partial))
    assert copy == partial
    return copy


def merge_as(partials: list[Partial], choose: random.Random) -> Partial:
    """Merges by a random tree: each step joins two neighbours."""
    partials = list(partials)
    while len(partials) > 1:
        at = choose.randrange(len(partials) - 1)
        partials[at : at + 2] = [travel(partials[at].merge(partials[at + 1]))]
    return partials[0]


@settings(max_examples=examples(30), deadline=None)
@given(
    files=st.lists(CSVS, min_size=1, max_size=3),
    chunk_bytes=st.integers(1, 200),
    is_unique=st.booleans(),
    max_errors=st.sampled_from([0, 1, 5, 1000]),
    seed=st.integers(0, 2**32),
)
def test_any_order_and_tree_is_the_whole(
    files: list[bytes], chunk_bytes: int, is_unique: bool, max_errors: int, seed: int
) -> None:
    schema = UNIQUE_SCHEMA if is_unique else SCHEMA
    choose = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as spill_dir:
        paths = [Path(folder, f"{index}.csv") for index in range(len(files))]
        for path, data in zip(paths, files, strict=True):
            path.write_bytes(data)
        expected = Validator(schema, max_errors=max_errors).validate_csv(paths)
        validator = MapReduceValidator(
            schema, max_errors=max_errors, spill_dir=spill_dir if is_unique else None
        )
        validator = pickle.loads(pickle.dumps(validator))
        planned = validator.plan(paths, chunk_bytes)
        choose.shuffle(planned)
        partials = [travel(validator.map_validate_chunk(chunk)) for chunk in planned]
        merged = merge_as(partials, choose)
        assert len(merged.ranges) == len(files)
        assert merged.rows == expected.total_rows
        result = validator.reduce_results([merged])
        assert os.listdir(spill_dir) == []
        assert result == expected
        assert result.metrics == expected.metrics
        assert [one["rows"] for one in result.inputs] == [one["rows"] for one in expected.inputs]


def test_both_passes_run_in_other_processes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f'r{index},{index % 120},"two\nlines"' for index in range(2000)] + ["r7,1,x"]
    path.write_text("id,amount,note\n" + "\n".join(rows))
    spill_dir = tmp_path / "keys"
    spill_dir.mkdir()
    expected = Validator(UNIQUE_SCHEMA).validate_csv(path)
    assert {"unique", "maximum"} <= expected.errors_by_rule.keys()
    validator = MapReduceValidator(UNIQUE_SCHEMA, spill_dir=spill_dir)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        planned = validator.plan(path, chunk_bytes=5000, map=executor.map)
        assert len(planned) > 5
        partials = list(executor.map(validator.map_validate_chunk, planned))
    assert len(list(spill_dir.iterdir())) == len(planned)
    assert validator.reduce_results(reversed(partials)) == expected


def test_steps_of_a_plan_travel_and_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'id,amount,note\na,1,"x\n' + b"y,1,\n" * 20 + b'"\nb,2,\n')
    validator = MapReduceValidator(SCHEMA)
    ranges = validator.split(path, chunk_bytes=10)
    scans = [validator.scan(one) for one in ranges]
    for one in [*ranges, *scans]:
        assert pickle.loads(pickle.dumps(one)) == one
        assert hash(pickle.loads(pickle.dumps(one))) == hash(one)
    planned = validator.join(ranges[::-1], scans[::-1])
    assert planned == validator.plan(path, 10)
    assert isinstance(ranges[0], InputRange)
    assert isinstance(scans[0], Scan)
    assert isinstance(planned[0], PlannedRange)
    first = planned[0]
    assert (first.input, first.input_index, first.ordinal, first.is_stream) == (str(path), 0, 0, False)
    assert first.byte_range == (15, 25)
    assert repr(first) == f"<PlannedRange 0 of {path}: bytes 15 to 25>"
    assert len({one.plan for one in planned}) == 1
    with pytest.raises(PartialError, match="missing: 0"):
        validator.join(ranges, scans[1:])
    with pytest.raises(PartialError, match="was given twice"):
        validator.join([*ranges, ranges[1]], scans)


def test_json_lines_and_compressed_files(tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    lines.write_bytes(b'{"id": "a", "amount": 5}\n{"id": 1}\nno json\n' * 30)
    archive = tmp_path / "b.jsonl.gz"
    archive.write_bytes(gzip.compress(lines.read_bytes()))
    expected = Validator(SCHEMA).validate_jsonl([lines, archive])
    validator = MapReduceValidator(SCHEMA)
    planned = validator.plan([lines, archive], chunk_bytes=50)
    assert [one.is_stream for one in planned] == [False] * (len(planned) - 1) + [True]
    partials = [validator.map_validate_chunk(one) for one in planned]
    assert validator.reduce_results(partials) == expected


def test_what_has_no_name_of_its_format_is_read_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    path.write_bytes(gzip.compress(b"id,amount,note\na;b,1,x;y;z\n"))
    validator = MapReduceValidator(SCHEMA)
    planned = validator.plan(path, format="csv")
    result = validator.reduce_results([validator.map_validate_chunk(one) for one in planned])
    assert result == Validator(SCHEMA).validate_csv(path)
    assert result.is_valid()


def test_bytes_count_in_the_order_given(tmp_path: Path) -> None:
    validator = MapReduceValidator(UNIQUE_SCHEMA, spill_dir=tmp_path)
    chunks = [
        b"id,amount,note\na,1,\nB,2,\n",
        bytearray(b'{"id": "a", "amount": -1}\n'),
        b"id,amount,note\na,5,\n",
    ]
    partials = [travel(validator.map_validate_chunk(chunk)) for chunk in chunks]
    assert [partial.chunks for partial in partials] == [1, 1, 1]
    assert (partials[0].plan, partials[0].ranges) == (None, [])
    assert repr(partials[1]) == "<Partial: 1 row, 1 invalid, of 0 ranges and 1 chunk>"
    result = validator.reduce_results(partials)
    assert (result.total_rows, result.valid_count, result.invalid_count) == (4, 2, 2)
    found = [(error.row, error.column, error.rule) for error in result.errors]
    assert found == [(3, "id", "unique"), (3, "amount", "minimum"), (4, "id", "unique")]
    again = [validator.map_validate_chunk(chunk) for chunk in reversed(chunks)]
    found = [(error.row, error.column, error.rule) for error in validator.reduce_results(again).errors]
    assert found == [(2, "id", "unique"), (2, "amount", "minimum"), (3, "id", "unique")]


@pytest.mark.parametrize("make", [list, iter, pandas.DataFrame, polars.DataFrame, pyarrow.Table.from_pylist])
def test_rows_count_in_the_order_given(tmp_path: Path, make: Callable[[list[dict[str, str]]], Any]) -> None:
    rows = [{"id": f"i{n % 7}", "amount": str(n * 9), "note": "fine"} for n in range(20)]
    chunks = [rows[:8], rows[8:9], rows[9:]]
    validator = MapReduceValidator(UNIQUE_SCHEMA, spill_dir=tmp_path)
    partials = [travel(validator.map_validate_chunk(make(chunk))) for chunk in chunks]
    result = validator.reduce_results(partials)
    assert result == Validator(UNIQUE_SCHEMA).validate(make(rows))
    assert result.errors_by_rule == {"unique": 13, "maximum": 8}
    assert (result.errors[0].row, result.errors[0].line) == (8, None)
    assert os.listdir(tmp_path) == []


def test_unique_rules_need_a_shared_folder() -> None:
    with pytest.raises(UnsupportedError, match="pass a folder that all workers and the reducer share"):
        MapReduceValidator(UNIQUE_SCHEMA)


def test_missing_and_doubled_ranges_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,amount,note\na,1,\nb,1,\nc,1,\n")
    validator = MapReduceValidator(SCHEMA)
    partials = [validator.map_validate_chunk(one) for one in validator.plan(path, 5)]
    with pytest.raises(PartialError, match=r"a range of input `.*a\.csv` missing: 1"):
        validator.reduce_results([partials[0], partials[2]])
    with pytest.raises(PartialError, match=r"range 1 of input `.*a\.csv` was given twice"):
        validator.reduce_results([*partials, partials[1]])
    with pytest.raises(PartialError, match="was given twice"):
        partials[0].merge(partials[0])
    with pytest.raises(PartialError, match="there are no partials"):
        validator.reduce_results([])
    with pytest.raises(PartialError, match="was made with contract"):
        MapReduceValidator(Schema({"id": Field(str)})).reduce_results(partials)
    with pytest.raises(PartialError, match="`max_errors` is 1000 in one and 7 in the other"):
        partials[0].merge(MapReduceValidator(SCHEMA, max_errors=7).map_validate_chunk(b"id,amount,note\n"))


def test_damaged_bytes_are_an_error_never_a_crash() -> None:
    data = MapReduceValidator(SCHEMA).map_validate_chunk(b"id,amount,note\na,1,\n").to_bytes()
    assert Partial.from_bytes(data).rows == 1
    for at in range(len(data)):
        with pytest.raises(PartialError):
            Partial.from_bytes(data[:at])
        with pytest.raises(PartialError):
            Partial.from_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    for other in [InputRange, Scan, PlannedRange]:
        with pytest.raises(PartialError):
            other.from_bytes(data)
    with pytest.raises(PartialError, match="version 3, this build reads version 2"):
        Partial.from_bytes(data.replace(b'"version":2', b'"version":3'))


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,amount,note\na,1,\nb,1,\n")
    validator = MapReduceValidator(SCHEMA)
    planned = validator.plan(path, 5)
    path.write_bytes(b"id,amount,note\na,1,\nb,1,\nc,1,\n")
    with pytest.raises(InputError, match="plan it again"):
        validator.map_validate_chunk(planned[1])
    path.unlink()
    with pytest.raises(InputNotFoundError):
        validator.map_validate_chunk(planned[1])


def test_keys_that_are_gone_are_an_error(tmp_path: Path) -> None:
    validator = MapReduceValidator(UNIQUE_SCHEMA, spill_dir=tmp_path)
    partial = validator.map_validate_chunk(b"id,amount,note\na,1,\n")
    assert validator.reduce_results([partial]).is_valid()
    with pytest.raises(InputError, match="it is not there"):
        validator.reduce_results([partial])


def test_wrong_arguments_are_told(tmp_path: Path) -> None:
    validator = MapReduceValidator(SCHEMA)
    with pytest.raises(InputNotFoundError):
        validator.plan(tmp_path / "nowhere.csv")
    for wrong in ["-", b"id\n", 7, [b"id\n"]]:
        with pytest.raises(TypeError, match="expected a path"):
            validator.plan(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`chunk_bytes` is at least 1"):
        validator.plan(tmp_path / "a.csv", 0)
    with pytest.raises(TypeError, match="'a.csv' is no chunk: `plan` cuts files"):
        validator.map_validate_chunk("a.csv")
    with pytest.raises(TypeError, match="expected a table .* or an iterable of dicts, not `int`"):
        validator.map_validate_chunk(7)
    with pytest.raises(TypeError, match="row 2 is no dict but `str`"):
        validator.map_validate_chunk([{"id": "a"}, "b"])
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,amount,note\n")
    with pytest.raises(TypeError, match="not planned yet"):
        validator.map_validate_chunk(validator.split(path)[0])
    with pytest.raises(TypeError, match="expected a Schema"):
        MapReduceValidator({"id": Field(str)})  # type: ignore[arg-type]


def test_partials_are_merged_as_they_come() -> None:
    validator = MapReduceValidator(SCHEMA, max_errors=3)
    partials = (validator.map_validate_chunk([{"id": "a", "amount": 101 - n}]) for n in range(100))
    result = validator.reduce_results(partials)
    assert (result.total_rows, [error.row for error in result.errors]) == (100, [1])

    def failing() -> Iterator[Partial]:
        yield validator.map_validate_chunk([{"id": "a"}])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        validator.reduce_results(failing())
    with pytest.raises(TypeError, match="Partial"):
        validator.reduce_results(["ab", "cd"])  # type: ignore[list-item]

"""Goal: dicts are judged by their values' types, text among them as in a CSV, and what is no dict is named."""

from __future__ import annotations

import csv
import datetime
import decimal
import enum
import fractions
import io
import json
import uuid
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import tamis
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis import Field, Schema, Validator
from test_arrow import SCHEMA, VALIDATOR, as_csv, texts, verdict

FIELDS = st.tuples(
    st.sampled_from(["a", "b", "abc", "abcd", "", "é"]),
    st.sampled_from(["1", "1.0", "0.5", "1e3", "x", "1001", ""]),
    st.sampled_from(["2024-02-29", "2023-02-29", ""]),
    st.sampled_from(["fine", "ten or more, said", "ééééééééé", 'a "quote"', "two\nlines", ""]),
)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(FIELDS, max_size=40))
def test_text_is_judged_as_in_a_csv(rows: list[tuple[str, ...]]) -> None:
    text = as_csv(texts(rows))
    expected = verdict(VALIDATOR.validate_csv(text))
    reader = csv.DictReader(io.StringIO(text.decode(), newline=""))
    assert verdict(VALIDATOR.validate(list(reader))) == expected
    # A generator is read once and answers the same.
    assert (
        verdict(VALIDATOR.validate(dict(zip(SCHEMA.columns, row, strict=True)) for row in rows)) == expected
    )


def test_none_is_shown_as_none_and_an_empty_text_as_it_stands() -> None:
    rows = [{"id": None, "amount": 5}, {"id": "", "amount": 5}]
    found = VALIDATOR.validate(rows).errors
    assert [(e.row, e.rule, e.value) for e in found] == [(1, "required", None), (2, "required", "")]


def errors(field: Field, *values: Any) -> list[tuple[int | None, str]]:
    result = Validator(Schema({"x": field})).validate([{"x": value} for value in values])
    return [(error.row, error.rule) for error in result.errors]


def test_values_have_types_of_their_own() -> None:
    assert errors(Field(int), 1, "1", 1.0, 10**30, numpy.int64(5), decimal.Decimal(1), None) == []
    assert errors(Field(int), True, 1.5, "x", [1], datetime.date(2024, 1, 1)) == [
        (n, "type") for n in range(1, 6)
    ]
    assert errors(Field(float, max=10**18), 10**18, 10**18 + 1, float("nan"), numpy.float32(1.5)) == [
        (2, "maximum"),
        (3, "type"),
    ]
    assert errors(Field(bool), True, "true", 1, numpy.bool_(True)) == [(3, "type")]
    assert errors(Field(str), "x", 1, True) == [(2, "type"), (3, "type")]
    day, at = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 10, 20, tzinfo=datetime.UTC)
    assert errors(Field(datetime.date), day, "2024-02-29", at, 20240229) == [(3, "type"), (4, "type")]
    assert errors(Field(datetime.datetime), at, at.isoformat(), day) == [(3, "type")]
    assert errors(
        Field(decimal.Decimal, max=decimal.Decimal("0.1")), decimal.Decimal("0.1"), 0.1, "0.11"
    ) == [(3, "maximum")]


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 9


class Name(str):
    __slots__ = ()


def test_values_of_other_classes() -> None:
    stamp = "2024-02-29T10:20:00"
    assert (
        errors(Field(str, choices=["red"]), Name("red"), numpy.str_("red"), enum.StrEnum("E", "red").red)
        == []
    )
    assert errors(Field(int, max=8), Size.LARGE, numpy.uint8(9), numpy.int64(8)) == [
        (1, "maximum"),
        (2, "maximum"),
    ]
    assert errors(Field(float, max=8), numpy.float64(9), numpy.float16(9), fractions.Fraction(18, 2)) == [
        (1, "maximum"),
        (2, "maximum"),
        (3, "maximum"),
    ]
    assert errors(Field(datetime.datetime), pandas.Timestamp(stamp), numpy.datetime64(stamp), pandas.NaT) == [
        (3, "type")
    ]
    # What is neither a text, a number, a moment nor a boolean is no value of any type.
    unknown = [
        Colour.RED,
        uuid.UUID(int=5),
        b"red",
        {1, 2},
        object(),
        1j,
        numpy.array([1, 2]),
        pandas.NA,
        {"a": 1},
    ]
    for type_ in (str, int, float, bool, datetime.date, datetime.datetime, decimal.Decimal):
        assert errors(Field(type_), *unknown) == [(n, "type") for n in range(1, len(unknown) + 1)]
    result = Validator(Schema({"x": Field(str)})).validate([{"x": value} for value in unknown[:3]])
    assert [e.value for e in result.errors] == ["<Colour.RED: 'red'>", str(unknown[1].__repr__()), "b'red'"]


def test_numbers_of_any_size() -> None:
    huge = 10**5000
    limit = Field(int, min=-(10**30), max=10**30)
    assert errors(limit, huge, -huge, 10**30, 2**63, -(2**64)) == [(1, "maximum"), (2, "minimum")]
    assert errors(Field(float), float("inf"), -float("inf"), float("nan"), 1e308, 5e-324) == [
        (n, "type") for n in (1, 2, 3)
    ]
    exact = Field(decimal.Decimal, max=decimal.Decimal("0.1"))
    assert errors(exact, decimal.Decimal("0.1000000000000000000000000000001"), decimal.Decimal("NaN")) == [
        (1, "maximum"),
        (2, "type"),
    ]


def test_a_value_that_raises_is_named() -> None:
    raised = LookupError("no such thing")

    class Broken:
        def __index__(self) -> int:
            raise raised

    class Unseen:
        def __repr__(self) -> str:
            raise raised

    for value in (Broken(), Unseen()):
        with pytest.raises(LookupError) as caught:
            Validator(Schema({"x": Field(int)})).validate([{"x": 1}, {"x": value}])
        assert caught.value is raised
        assert raised.__notes__.pop() == "row 2, `x`"


def test_members_of_nested_dicts(tmp_path: Path) -> None:
    path = tmp_path / "nested.odcs.yaml"
    path.write_bytes(NESTED)
    schema = Schema.from_file(path)
    rows: list[dict[str, Any]] = [
        {"customer": {"city": "Bonn", "age": 5}},
        {"customer": {"city": "B", "age": -1}},
        {"customer": {"city": "Bonn"}},
        {"customer": None},
        {"customer": "Bonn"},
        {},
    ]
    found = [(e.row, e.column, e.rule) for e in Validator(schema).validate(rows).errors]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    assert found == [(e.row, e.column, e.rule) for e in Validator(schema).validate_jsonl(text).errors]
    assert (2, "customer.city", "minLength") in found


NESTED = b"""
apiVersion: v3.1.0
kind: DataContract
id: nested
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: customer
        logicalType: object
        required: true
        properties:
          - {name: city, logicalType: string, required: true, logicalTypeOptions: {minLength: 2}}
          - {name: age, logicalType: integer, logicalTypeOptions: {minimum: 0}}
"""


def test_null_and_absent() -> None:
    schema = Schema(
        {
            "must": Field(str, required=True),
            "there": Field(str, required=True, nullable=True),
            "may": Field(str, nullable=False),
        }
    )
    rows: list[dict[str, Any]] = [{"must": "x", "there": None}, {"must": None, "may": None}]
    found = [(e.row, e.column, e.rule) for e in Validator(schema).validate(rows).errors]
    assert found == [(2, "must", "required"), (2, "there", "missingColumn"), (2, "may", "required")]


def test_other_keys() -> None:
    rows = [{"x": 1, 'the "other"': 2}, {"x": 1, 3: 4}]
    assert Validator(Schema({"x": Field(int)})).validate(rows).is_valid()
    strict = Validator(Schema({"x": Field(int)}, strict=True)).validate(rows * 2000)
    assert strict.errors_by_rule == {"extraColumn": 4000}
    assert [(e.row, e.column) for e in strict.errors[:2]] == [(1, 'the "other"'), (2, "3")]


def test_what_is_no_dict_is_named() -> None:
    validator = Validator(Schema({"x": Field(int)}))
    with pytest.raises(TypeError, match="row 5001 is no dict but `list`"):
        validator.validate([{"x": 1}] * 5000 + [[1]])
    with pytest.raises(TypeError, match="expected a table .* not `int`"):
        validator.validate(5)
    with pytest.raises(TypeError, match="expected a table .* not `dict`"):
        validator.validate({"x": 1})
    with pytest.raises(TypeError, match="expected a table .* not `str`"):
        validator.validate("rows.csv")
    with pytest.raises(tamis.FormatError, match="row 2, `x`: .* no Unicode text"):
        validator.validate([{"x": 1}, {"x": "\ud800"}])
    assert validator.validate([OrderedDict(x="1")]).is_valid()
    assert validator.validate([]).total_rows == 0
    assert validator.validate(iter(())).total_rows == 0


def test_what_an_iterable_raises_comes_out() -> None:
    raised = LookupError("no more rows")

    def rows() -> Any:
        yield {"x": 1}
        raise raised

    with pytest.raises(LookupError) as caught:
        Validator(Schema({"x": Field(int)})).validate(rows())
    assert caught.value is raised


def test_rows_are_numbered_over_batches() -> None:
    rows = [{"x": number % 5000} for number in range(20_000)]
    validator = Validator(Schema({"x": Field(int, max=4998, unique=True)}), threads=2, max_errors=3)
    result = validator.validate(rows)
    assert (result.total_rows, result.invalid_count) == (20_000, 15_001)
    assert result.errors_by_rule == {"unique": 15_000, "maximum": 4}
    assert [(e.row, e.rule, e.value) for e in result.errors] == [
        (5000, "maximum", "4999"),
        (5001, "unique", "0"),
        (5002, "unique", "1"),
    ]


def test_progress_is_told() -> None:
    told: list[dict[str, Any]] = []
    VALIDATOR.validate([{"id": "a", "amount": 1}] * 10, progress=told.append)
    assert told[-1]["rows"] == 10

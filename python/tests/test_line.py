"""Goal: a record alone is judged as in a file, whatever it is, from any number of threads, and nothing panics."""

from __future__ import annotations

import csv
import gc
import io
import json
import pickle
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis import Field, LineProcessor, Schema, SchemaError, ValidationError, Validator

TRANSACTIONS = Schema(
    {
        "id": Field(str, required=True, pattern=r"^TX\d{10}$"),
        "amount": Field(float, required=True, min=0.01, max=1_000_000),
        "at": Field(datetime, required=True),
        "account": Field(str, required=True, min_length=8, max_length=20),
    }
)
GOOD = {"id": "TX0123456789", "amount": 12.5, "at": "2024-02-29T10:20:30", "account": "ACC1234567"}


def rules(found: tuple[bool, list[ValidationError]]) -> list[tuple[str | None, str]]:
    is_valid, errors = found
    assert is_valid == (not errors)
    return [(error.column, error.rule) for error in errors]


def one_field(*arguments: Any, strict: bool = False, **keywords: Any) -> LineProcessor:
    return LineProcessor(Schema({"x": Field(*arguments, **keywords)}, strict=strict))


def judge(processor: LineProcessor, value: object) -> list[str]:
    return [rule for _, rule in rules(processor.process_line({"x": value}))]


def test_a_good_record_has_no_errors() -> None:
    processor = LineProcessor(TRANSACTIONS)
    assert processor.process_line(GOOD) == (True, [])
    assert processor.process_line(json.dumps(GOOD)) == (True, [])
    assert processor.process_line(json.dumps(GOOD).encode() + b"\n") == (True, [])
    assert processor.process_line("TX0123456789,12.5,2024-02-29T10:20:30,ACC1234567") == (True, [])
    assert processor.process_line(bytearray(b"TX0123456789,12.5,2024-02-29 10:20:30,ACC1234567")) == (
        True,
        [],
    )


def test_errors_say_what_and_where() -> None:
    processor = LineProcessor(TRANSACTIONS)
    bad = GOOD | {"id": "TX1", "amount": 1e7, "account": None}
    is_valid, errors = processor.process_line(bad)
    assert not is_valid
    assert [(error.column, error.rule, error.value) for error in errors] == [
        ("id", "pattern", "TX1"),
        ("amount", "maximum", "10000000.0"),
        ("account", "required", None),
    ]
    assert errors[1].message == "must be at most 1000000"
    assert (errors[0].row, errors[0].row_index, errors[0].line, errors[0].byte_offset) == (1, 0, None, None)
    del bad["account"]
    found = processor.process_line(bad)[1][2]
    assert (found.rule, found.value) == ("required", None)


def test_every_call_has_a_list_of_its_own() -> None:
    processor = LineProcessor(TRANSACTIONS)
    processor.process_line(GOOD)[1].append(None)  # type: ignore[arg-type]
    assert processor.process_line(GOOD) == (True, [])


def test_numbers_are_compared_exactly() -> None:
    tenth = one_field(float, min=Decimal("0.1"), max=Decimal("0.3"))
    assert judge(tenth, 0.1) == judge(tenth, 0.3) == []
    assert judge(tenth, 0.1 + 0.2) == ["maximum"]
    assert judge(tenth, Decimal("0.1")) == []
    assert judge(tenth, Decimal("0.09999999999999999999999999")) == ["minimum"]
    odd = one_field(int, max=2**53 + 1)
    assert judge(odd, 2**53 + 1) == []
    assert judge(odd, 2**53 + 2) == ["maximum"]
    assert judge(one_field(int), 5.0) == []
    assert judge(one_field(int), 5.5) == ["type"]
    assert judge(one_field(int), Decimal("1E+3")) == []


def test_huge_integers() -> None:
    huge = 10**5000
    assert judge(one_field(int), 2**70) == []
    assert judge(one_field(int, max=2**70), 2**70 + 1) == ["maximum"]
    assert judge(one_field(int, min=-(2**70)), -(2**70)) == []
    assert judge(one_field(int), huge) == []
    assert judge(one_field(int, max=9), huge) == ["maximum"]
    assert judge(one_field(str), huge) == ["type"]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), Decimal("NaN"), Decimal("Infinity")]
)
def test_what_is_no_number_is_none(value: object) -> None:
    assert judge(one_field(float), value) == ["type"]
    assert judge(one_field(int, min=0), value) == ["type"]


def test_types_are_those_of_the_values() -> None:
    class Level(IntEnum):
        LOW = 3

    class Text(str):
        pass

    assert judge(one_field(int, max=2), Level.LOW) == ["maximum"]
    assert judge(one_field(str, max_length=2), Text("abc")) == ["maxLength"]
    assert judge(one_field(int), True) == ["type"]
    assert judge(one_field(bool), True) == judge(one_field(bool), "false") == []
    assert judge(one_field(bool), 1) == ["type"]
    assert judge(one_field(str), 5) == ["type"]
    assert judge(one_field(float), "5.5") == [], "text is read as the column's type, as in CSV"
    assert judge(one_field(float), "five") == ["type"]
    assert judge(one_field(float, required=True), "") == ["required"]
    assert judge(one_field(float, max=1), Fraction(3, 2)) == ["maximum"]
    for value in ([1], (1,), {"a": 1}, {1}, object(), b"x", 1j, range(3)):
        assert judge(one_field(str), value) == ["type"]
        assert judge(one_field(float), value) == ["type"]


def test_dates_and_times() -> None:
    assert judge(one_field(datetime), datetime(2024, 2, 29, 1, 2, 3, 4)) == []
    assert judge(one_field(datetime), datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=2)))) == []
    assert judge(one_field(datetime), date(2024, 2, 29)) == ["type"]
    assert judge(one_field(date), date(2024, 2, 29)) == []
    assert judge(one_field(date), datetime(2024, 2, 29)) == ["type"]
    assert judge(one_field(date, max=date(2024, 1, 1)), date(2024, 2, 29)) == ["maximum"]
    assert judge(one_field(date), time(1, 2)) == ["type"]
    assert judge(one_field(date), "2023-02-29") == ["type"]


def test_absence_and_null() -> None:
    schema = Schema(
        {
            "there": Field(str, required=True, nullable=True),
            "not_null": Field(str, nullable=False),
            "any": Field(str),
            "both": Field(str, required=True),
        }
    )
    processor = LineProcessor(schema)
    assert rules(processor.process_line({"there": None, "both": "x"})) == []
    assert rules(processor.process_line({"not_null": None, "any": None, "both": "x"})) == [
        ("there", "missingColumn"),
        ("not_null", "required"),
    ]
    assert rules(processor.process_line({})) == [("there", "missingColumn"), ("both", "required")]


def test_extra_keys() -> None:
    lenient, strict = one_field(int), one_field(int, strict=True)
    record: dict[Any, Any] = {"x": 1, "y": 2, 3: 4, None: 5, ("a",): 6}
    assert rules(lenient.process_line(record)) == []
    expected = [
        ("y", "extraColumn"),
        ("3", "extraColumn"),
        ("None", "extraColumn"),
        ("('a',)", "extraColumn"),
    ]
    assert rules(strict.process_line(record)) == expected
    assert rules(strict.process_line({"y": 2})) == [("y", "extraColumn")]
    assert rules(strict.process_line({"x": 1})) == []
    assert rules(strict.process_line('{"x": 1, "y": 2}')) == [("y", "extraColumn")]
    assert rules(strict.process_line({"x": "no", "\ud800": 1})) == [
        ("\ufffd\ufffd\ufffd", "extraColumn"),
        ("x", "type"),
    ]


def test_surrogates_are_violations() -> None:
    processor = one_field(str, pattern="^a")
    is_valid, [error] = processor.process_line({"x": "a\ud800"})
    assert not is_valid
    assert (error.column, error.rule, error.message) == ("x", "encoding", "must be valid UTF-8")
    assert [rule for _, rule in rules(processor.process_line('{"x": "a\ud800"}'))] == ["encoding"]
    assert [rule for _, rule in rules(processor.process_line("a\udfff"))] == ["encoding"]
    assert [rule for _, rule in rules(processor.process_line(b"a\xff"))] == ["encoding"]


def test_odd_dicts() -> None:
    class Loud(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise AssertionError("a dict is read as a dict")

        def __missing__(self, key: str) -> Any:
            raise AssertionError("what is missing is missing")

    processor = LineProcessor(TRANSACTIONS)
    for kind in (OrderedDict, Loud):
        assert processor.process_line(kind(GOOD)) == (True, [])
    counting = defaultdict(list, GOOD)
    assert processor.process_line(counting) == (True, [])
    assert rules(processor.process_line(defaultdict(str))) == [(name, "required") for name in GOOD]
    nested: dict[str, Any] = {}
    for _ in range(10_000):
        nested = {"x": nested}
    assert judge(one_field(object_type()), None) == []
    deep = one_field(str)
    with pytest.raises(RecursionError):
        deep.process_line({"x": nested})


def object_type() -> Any:
    return str


def test_a_raising_key_or_value_raises() -> None:
    class Angry:
        def __repr__(self) -> str:
            raise ZeroDivisionError("angry")

        def __hash__(self) -> int:
            return hash("x")

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError("angry")

    processor = one_field(str, strict=True)
    with pytest.raises(ZeroDivisionError):
        processor.process_line({"x": Angry()})
    with pytest.raises(ZeroDivisionError):
        processor.process_line({Angry(): 1})


@pytest.mark.parametrize("record", [None, 5, ["x"], ("x",), object(), {"x"}, memoryview(b"x")])
def test_other_records_are_type_errors(record: Any) -> None:
    with pytest.raises(TypeError, match="a record is a dict, str or bytes, not"):
        one_field(str).process_line(record)


def test_text_that_is_no_record() -> None:
    processor = one_field(str, strict=True)
    for text in ("", "\n", '{"x": "a"}\n{"x": "b"}', '{"x":', "a,b", 'x,"'):
        is_valid, errors = processor.process_line(text)
        assert not is_valid and len(errors) == 1 and errors[0].column is None


def test_rules_about_all_records_are_refused() -> None:
    schema = Schema({"x": Field(int, unique=True, max=5)})
    with pytest.raises(SchemaError, match=r"`unique` of `records.x`.*unchecked=\"allow\""):
        LineProcessor(schema)
    processor = LineProcessor(schema, unchecked="allow")
    assert [processor.process_line({"x": value})[0] for value in (5, 5, 6)] == [True, True, False]
    with pytest.raises(ValueError, match="unchecked"):
        LineProcessor(schema, unchecked="ignore")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Schema, not `dict`"):
        LineProcessor({"x": int})  # type: ignore[arg-type]


EXPRESSIONS = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: price, logicalType: number}
      - {name: count, logicalType: integer}
      - {name: ordered, logicalType: date}
    quality:
      - {type: custom, engine: tamis, name: small, implementation: "price * double(count) < 100.0"}
      - {type: custom, engine: tamis, implementation: "count > 0 || ordered < date('2024-01-01')"}
"""


def test_expressions_over_several_columns(tmp_path: Path) -> None:
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(EXPRESSIONS)
    processor = LineProcessor(Schema.from_file(path))

    def broken(record: dict[str, Any] | str) -> list[str]:
        return [error.rule for error in processor.process_line(record)[1]]

    day = date(2024, 5, 1)
    assert broken({"price": 9.5, "count": 10, "ordered": day}) == []
    assert broken({"price": Decimal("10.5"), "count": "10"}) == ["expression: small"]
    assert broken({"count": 0, "ordered": day}) == ["expression"]
    assert broken({"count": None, "ordered": day}) == []
    assert broken({"price": -1, "count": "many", "ordered": day}) == ["type"]
    assert broken("10.5,10,2024-05-01") == ["expression: small"]
    assert broken('{"price": 10.5, "count": 0, "ordered": "2024-05-01"}') == ["expression"]
    (error,) = processor.process_line({"price": 10.5, "count": 10})[1]
    assert (error.value, error.row) == ("10.5, 10", 1)


def test_process_many_is_lazy_and_numbers_its_rows() -> None:
    taken = []

    def records() -> Iterator[dict[str, Any] | str]:
        for value in (1, 7, 2, 8):
            taken.append(value)
            yield {"x": value} if value % 2 else json.dumps({"x": value})
        raise KeyError("the end")

    results = one_field(int, max=5).process_many(records())
    assert taken == []
    assert next(results) == (True, [])
    assert taken == [1]
    is_valid, [error] = next(results)
    assert not is_valid and error.row == 2
    assert next(results)[0]
    assert next(results)[1][0].row == 4
    with pytest.raises(KeyError, match="the end"):
        next(results)
    with pytest.raises(TypeError):
        one_field(int).process_many(5)  # type: ignore[arg-type]
    assert list(one_field(int).process_many([])) == []


def test_a_generator_that_holds_its_own_results_is_collected() -> None:
    class Witness:
        pass

    def start() -> weakref.ref[Witness]:
        witness, results = Witness(), list[Iterator[Any]]()

        def records() -> Iterator[dict[str, Any]]:
            while witness and results is not None:
                yield {}

        results.append(LineProcessor(Schema({"n": Field(int)})).process_many(records()))
        next(results[0])
        return weakref.ref(witness)

    witness = start()
    for _ in range(100):
        # Does nothing while another thread collects.
        gc.collect()
        if witness() is None:
            break
        Event().wait(0.01)
    assert witness() is None


def test_a_processor_can_be_pickled() -> None:
    schema = Schema({"x": Field(int, unique=True)})
    processor = pickle.loads(pickle.dumps(LineProcessor(schema, unchecked="allow")))
    assert processor.schema == schema
    assert processor.process_line({"x": "a"})[0] is False


def test_threads_share_one_processor() -> None:
    processor = LineProcessor(TRANSACTIONS)

    def work(thread: int) -> int:
        bad = 0
        for number in range(1500):
            record = GOOD | {"amount": number, "id": f"TX{number:010}" if number % 3 else f"T{thread}"}
            as_dict = rules(processor.process_line(record))
            assert as_dict == rules(processor.process_line(json.dumps(record)))
            assert as_dict == (
                [] if number % 3 else [("id", "pattern")] + [("amount", "minimum")] * (number == 0)
            )
            bad += bool(as_dict)
        return bad

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [500] * 8


FIELDS = st.sampled_from(
    [
        Field(str, pattern="^a"),
        Field(str, required=True, min_length=1, max_length=3),
        Field(str, choices=["a", "bb"]),
        Field(int, min=-5, max=5),
        Field(float, required=True, max=2.5),
        Field(Decimal, min=Decimal("0.1")),
        Field(bool),
        Field(date, nullable=False),
        Field(datetime, required=True, nullable=True),
    ]
)
TEXTS = st.sampled_from(
    ["", "a", "ab", "abcd", "bb", "5", "5.0", "0.1", "2.5", "true", "2024-02-29", "2024-02-29T00:00:00Z"]
)
VALUES = st.one_of(
    TEXTS,
    st.text(max_size=5),
    st.none(),
    st.booleans(),
    st.integers(-(2**66), 2**66),
    st.integers(-7, 7),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.1, 2.5, 2.6, -0.0, [], {}]),
)


def details(errors: list[ValidationError]) -> list[tuple[Any, ...]]:
    return [(e.row, e.column, e.rule, e.severity, e.value, e.message) for e in errors]


@settings(max_examples=300, deadline=None)
@given(FIELDS, st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES), st.booleans())
def test_json_is_judged_as_by_the_validator(field: Field, record: dict[str, Any], strict: bool) -> None:
    schema = Schema({"x": field, "y": Field(int)}, strict=strict)
    text = json.dumps(record)
    is_valid, errors = LineProcessor(schema).process_line(text)
    result = Validator(schema, parallel=False).validate_jsonl(text.encode())
    assert details(errors) == details(result.errors)
    assert is_valid == result.is_valid()


@settings(max_examples=300, deadline=None)
@given(
    FIELDS, TEXTS | st.text(alphabet=st.characters(codec="utf-8", exclude_characters='\0\r\n"'), max_size=6)
)
def test_text_is_judged_as_by_the_validator(field: Field, value: str) -> None:
    schema = Schema({"x": field, "y": Field(int)})
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([value, "7"])
    processor = LineProcessor(schema)
    result = Validator(schema, parallel=False).validate_csv(b"x,y\n" + line.getvalue().encode())
    assert details(processor.process_line({"x": value, "y": "7"})[1]) == details(result.errors)
    if not line.getvalue().lstrip().startswith("{"):
        assert details(processor.process_line(line.getvalue())[1]) == details(result.errors)

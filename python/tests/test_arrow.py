"""Goal: a table gets the answer of the same rows in a CSV, whoever made it and however it lies in memory."""

from __future__ import annotations

import datetime
import decimal
import io
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.csv
import pytest
import tamis
from hypothesis import given, settings
from hypothesis import strategies as st
from tamis import Field, Schema, ValidationResult, Validator

SCHEMA = Schema(
    {
        "id": Field(str, required=True, pattern=r"^[a-z]{1,3}$", unique=True),
        "amount": Field(float, required=True, min=1, max=1000),
        "day": Field(datetime.date),
        "memo": Field(str, max_length=14),
    }
)
VALIDATOR = Validator(SCHEMA)


def verdict(result: ValidationResult) -> tuple[Any, ...]:
    """Everything but where the rows lie. A null in a column of texts is shown as the empty one, as in a CSV."""
    errors = [(e.row, e.column, e.rule, e.value, e.message, e.severity) for e in result.errors]
    counts = (result.total_rows, result.valid_count, result.invalid_count, result.error_count)
    return counts, result.errors_by_column, errors


def as_csv(table: pyarrow.Table) -> bytes:
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()


def texts(rows: list[tuple[str | None, ...]]) -> pyarrow.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 4
    return pyarrow.table(
        {
            name: pyarrow.array(column, pyarrow.string())
            for name, column in zip(SCHEMA.columns, columns, strict=True)
        }
    )


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "abc", "abcd", "", "é", None]),
        st.sampled_from(["1", "1.0", "0.5", "1e3", "x", "1001", "", None]),
        st.sampled_from(["2024-02-29", "2023-02-29", "", None]),
        st.sampled_from(["fine", "ten or more, said", "ééééééééé", 'a "quote"', "two\nlines", "", None]),
    ),
    max_size=40,
)


def layouts(table: pyarrow.Table) -> dict[str, Any]:
    """The same text in every layout that Arrow knows for it."""

    def cast(data_type: pyarrow.DataType) -> pyarrow.Table:
        return table.cast(pyarrow.schema([(name, data_type) for name in table.column_names]))

    rows = table  # noqa: F841 (DuckDB finds it by its name)
    batches = table.to_batches(max_chunksize=7)
    padding = texts([("zz", "1", None, "hidden")] * 3)
    return {
        "string": table,
        "large_string": cast(pyarrow.large_string()),
        "string_view": cast(pyarrow.string_view()),
        "dictionary": cast(pyarrow.dictionary(pyarrow.int16(), pyarrow.string())),
        "sliced": pyarrow.concat_tables([padding, table, padding]).combine_chunks().slice(3, table.num_rows),
        "batches": pyarrow.Table.from_batches(batches, table.schema),
        "reader": pyarrow.RecordBatchReader.from_batches(table.schema, batches),
        "structs": pyarrow.chunked_array([table.to_struct_array().combine_chunks()])
        if table.num_rows
        else table,
        "polars": polars.DataFrame(table),
        "duckdb": duckdb.sql("from rows"),
    }


@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_text_is_judged_as_in_a_csv(rows: list[tuple[str | None, ...]]) -> None:
    table = texts(rows)
    expected = verdict(VALIDATOR.validate_csv(as_csv(table)))
    for name, data in layouts(table).items():
        assert verdict(VALIDATOR.validate(data)) == expected, name


TYPED = pyarrow.table(
    {
        "id": ["a", "b", "b", None, "toolong"],
        "amount": [1.5, float("nan"), 1e6, None, 12.0],
        "day": pyarrow.array([datetime.date(2024, 2, 29), None, None, None, None], pyarrow.date32()),
        "memo": ["x", None, "", "ü" * 15, "y"],
    }
)
TYPED_ERRORS = [
    (2, "amount", "type"),
    (3, "id", "unique"),
    (3, "amount", "maximum"),
    (4, "id", "required"),
    (4, "amount", "required"),
    (4, "memo", "maxLength"),
    (5, "id", "pattern"),
]


@pytest.mark.parametrize("make", [pyarrow.table, polars.DataFrame, lambda table: table.slice(0, 9)])
def test_typed_columns(make: Any) -> None:
    result = VALIDATOR.validate(make(TYPED))
    assert [(e.row, e.column, e.rule) for e in result.errors] == TYPED_ERRORS
    assert [(e.line, e.byte_offset) for e in result.errors] == [(None, None)] * len(TYPED_ERRORS)
    assert (result.total_rows, result.valid_count) == (5, 1)
    # A null that is no text is shown as such.
    values = {(e.row, e.column, e.rule): e.value for e in result.errors}
    assert values[4, "amount", "required"] is None
    assert values[3, "amount", "maximum"] is not None


def test_pandas_and_duckdb() -> None:
    frame = pandas.DataFrame(
        {"id": ["a", "b"], "amount": [1.5, None], "day": ["2024-02-29", "x"], "memo": "m"}
    )
    errors = VALIDATOR.validate(frame).errors
    assert [(e.row, e.rule) for e in errors] == [(2, "required"), (2, "type")]
    relation = duckdb.sql(
        "select 'a' as id, 5::decimal(9,2) as amount, date '2024-02-29' as day, 'm' as memo"
    )
    assert VALIDATOR.validate(relation).is_valid()


def test_a_record_batch_and_a_struct_array() -> None:
    batch = TYPED.to_batches()[0]
    for data in [batch, batch.to_struct_array(), batch.slice(1).to_struct_array()]:
        assert VALIDATOR.validate(data).total_rows == len(data)
    null = pyarrow.array([None], pyarrow.struct(TYPED.schema))
    assert VALIDATOR.validate(null).errors_by_rule == {"required": 2}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (Field(int, max=9), pyarrow.array([9], pyarrow.int8()), pyarrow.array([10], pyarrow.uint64())),
        (Field(float, max=9), pyarrow.array([9], pyarrow.float32()), pyarrow.array([9.5], pyarrow.float64())),
        (
            Field(decimal.Decimal, max=decimal.Decimal("9.99")),
            pyarrow.array([decimal.Decimal("9.99")], pyarrow.decimal128(5, 2)),
            pyarrow.array([decimal.Decimal("9.991")], pyarrow.decimal256(50, 3)),
        ),
        (Field(bool), pyarrow.array([True]), pyarrow.array([1])),
        (
            Field(datetime.datetime, max=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
            pyarrow.array([0], pyarrow.timestamp("ns", "UTC")),
            pyarrow.array([2_000_000_000], pyarrow.timestamp("s", "+02:00")),
        ),
        (
            Field(datetime.date),
            pyarrow.array([1], pyarrow.date64()),
            pyarrow.array([1], pyarrow.timestamp("us")),
        ),
        (Field(str), pyarrow.array(["1"]), pyarrow.array([1])),
    ],
)
def test_types_of_their_own(field: Field, good: pyarrow.Array, bad: pyarrow.Array) -> None:
    validator = Validator(Schema({"x": field}))
    assert validator.validate(pyarrow.table({"x": good})).is_valid()
    result = validator.validate(pyarrow.table({"x": bad}))
    assert (result.invalid_count, result.error_count) == (1, 1), result.errors
    null = pyarrow.table({"x": pyarrow.nulls(1, bad.type)})
    assert validator.validate(null).is_valid()


def test_every_type_is_read_or_refused_by_name() -> None:
    text = ["2024-02-29", None]
    readable = [
        pyarrow.nulls(2),
        pyarrow.array([True, None]),
        *[pyarrow.array([1, None], data_type) for data_type in INTEGERS],
        *[pyarrow.array([1.5, None], data_type) for data_type in FLOATS],
        pyarrow.array([decimal.Decimal("1.5"), None], pyarrow.decimal32(5, 2)),
        pyarrow.array([decimal.Decimal("1.5"), None], pyarrow.decimal64(5, 2)),
        pyarrow.array([decimal.Decimal("1.5"), None], pyarrow.decimal128(38, 2)),
        pyarrow.array([decimal.Decimal("1.5"), None], pyarrow.decimal256(76, 2)),
        pyarrow.array([1, None], pyarrow.date32()),
        pyarrow.array([86_400_000, None], pyarrow.date64()),
        *[pyarrow.array([1, None], pyarrow.time32(unit)) for unit in ("s", "ms")],
        *[pyarrow.array([1, None], pyarrow.time64(unit)) for unit in ("us", "ns")],
        *[
            pyarrow.array([1, None], pyarrow.timestamp(unit, zone))
            for unit in ("s", "ms", "us", "ns")
            for zone in (None, "UTC", "+02:00", "Europe/Berlin", "Mars/Phobos")
        ],
        pyarrow.array(text, pyarrow.string()),
        pyarrow.array(text, pyarrow.large_string()),
        pyarrow.array(text, pyarrow.string_view()),
        pyarrow.array(text).dictionary_encode(),
        pyarrow.array([b"x", None], pyarrow.binary()),
        pyarrow.array([b"x", None], pyarrow.large_binary()),
        pyarrow.array([b"x", None], pyarrow.binary_view()),
        pyarrow.array([b"x", None], pyarrow.binary(1)),
        *[pyarrow.array([1, None], pyarrow.duration(unit)) for unit in ("s", "ms", "us", "ns")],
        pyarrow.array([b"x", None]).dictionary_encode(),
        pyarrow.RunEndEncodedArray.from_arrays(
            pyarrow.array([1, 2], pyarrow.int32()), pyarrow.array(["x", None])
        ),
    ]
    nested = [
        pyarrow.array([{"y": 1}, None]),
        pyarrow.array([[1], None]),
        pyarrow.array([[1], None], pyarrow.large_list(pyarrow.int8())),
        pyarrow.array([[1], None], pyarrow.list_(pyarrow.int8(), 1)),
        pyarrow.array([[1], None], pyarrow.list_view(pyarrow.int8())),
        pyarrow.array([[1], None], pyarrow.large_list_view(pyarrow.int8())),
        pyarrow.array([[("k", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int8())),
    ]
    refused = [
        pyarrow.array([(1, 2, 3), None], pyarrow.month_day_nano_interval()),
        pyarrow.UnionArray.from_sparse(
            pyarrow.array([0, 1], pyarrow.int8()), [pyarrow.array([1, 2]), pyarrow.array(["x", None])]
        ),
        pyarrow.UnionArray.from_dense(
            pyarrow.array([0, 1], pyarrow.int8()),
            pyarrow.array([0, 0], pyarrow.int32()),
            [pyarrow.array([1]), pyarrow.array(["x"])],
        ),
    ]
    types = (str, int, float, bool, datetime.date, datetime.datetime, decimal.Decimal)
    validators = [Validator(Schema({"x": Field(type_, required=True)})) for type_ in types]
    for column in readable:
        results = [validator.validate(pyarrow.table({"x": column})) for validator in validators]
        assert all(result.errors_by_rule["required"] >= 1 for result in results), column.type
        # The value is of one of the types, or at least of none of the others.
        wrong = [result.errors_by_rule.get("type", 0) for result in results]
        assert sum(wrong) < len(types) or pyarrow.types.is_time(column.type), column.type
    for column in refused + nested:
        table = pyarrow.table({"x": column})
        for validator in validators:
            with pytest.raises(
                tamis.UnsupportedError, match=r"column `x` holds .* values, which cannot be checked"
            ):
                validator.validate(table)
        other = Validator(Schema({"y": Field(int)}))
        assert other.validate(pyarrow.table({"x": column, "y": [1, 2]})).is_valid()


INTEGERS = [
    data_type()
    for data_type in (
        pyarrow.int8,
        pyarrow.int16,
        pyarrow.int32,
        pyarrow.int64,
        pyarrow.uint8,
        pyarrow.uint16,
        pyarrow.uint32,
        pyarrow.uint64,
    )
]
FLOATS = [pyarrow.float16(), pyarrow.float32(), pyarrow.float64()]


def test_members_of_structs_and_odd_tables() -> None:
    customers = pyarrow.array([{"city": "Bonn", "age": 5}, {"city": "B", "age": None}, None])
    schema = Schema({"customer.city": Field(str, required=True, min_length=2), "customer.age": Field(int)})
    found = Validator(schema).validate(pyarrow.table({"customer": customers})).errors
    assert [(e.row, e.column, e.rule) for e in found] == [
        (2, "customer.city", "minLength"),
        (3, "customer.city", "required"),
    ]
    # Rows without columns are rows; two columns of one name are a fault of the names.
    bare = pyarrow.table({"x": [1, 2]}).select([])
    assert Validator(Schema({"x": Field(int)})).validate(bare).total_rows == 2
    twice = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], ["x", "x"])
    result = Validator(Schema({"x": Field(int)})).validate(twice)
    assert [(e.row, e.column, e.rule) for e in result.errors] == [(None, "x", "duplicateColumn")]


def test_names_are_held_to_the_schema() -> None:
    table = pyarrow.table({"id": ["a"], "more": [1]})
    result = Validator(Schema({"id": Field(str), "n": Field(int, required=True)}, strict=True)).validate(
        table
    )
    assert [(e.row, e.line, e.column, e.rule) for e in result.errors] == [
        (None, None, "n", "missingColumn"),
        (None, None, "more", "extraColumn"),
    ]


# 1 GiB of addresses that nobody may read, as the values of two columns, and the verdict on a third.
UNREADABLE = """
import ctypes, mmap, sys
import pyarrow
from tamis import Field, Schema, Validator

rows, size = 100_000, 1 << 30
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
address = libc.mmap(None, ctypes.c_size_t(size), 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_size_t(0))
values = pyarrow.foreign_buffer(address, size)
offsets = pyarrow.array([row * (size // rows) for row in range(rows + 1)], pyarrow.int32()).buffers()[1]
table = pyarrow.table(
    {
        "id": pyarrow.array([str(row) for row in range(rows)]),
        "text": pyarrow.StringArray.from_buffers(rows, offsets, values),
        "number": pyarrow.Array.from_buffers(pyarrow.int64(), rows, [None, values]),
    }
)
fields = {"id": Field(str, required=True, max_length=9), "text": Field(str), sys.argv[1]: Field(int, max=5)}
print(Validator(Schema(fields)).validate(table).total_rows)
"""


def test_columns_without_rules_are_not_read(run_python: Callable[..., subprocess.Popen[str]]) -> None:
    # What is not read is not copied. `text` has a type and nothing else, which every string is of.
    process = run_python(UNREADABLE, "other")
    assert process.communicate() == ("100000\n", "")
    # Whoever does read it falls.
    process = run_python(UNREADABLE, "number")
    process.communicate()
    assert process.returncode == -signal.SIGSEGV


def test_a_table_is_let_go() -> None:
    before = pyarrow.total_allocated_bytes()
    table = pyarrow.table({"id": pyarrow.array(["a"] * 1000), "amount": pyarrow.array([1.0] * 1000)})
    VALIDATOR.validate(table)
    VALIDATOR.validate(table.to_batches()[0])
    del table
    assert pyarrow.total_allocated_bytes() <= before


def test_what_a_producer_raises_is_an_input_error() -> None:
    def batches() -> Any:
        yield TYPED.to_batches()[0]
        raise RuntimeError("the cable is out")

    reader = pyarrow.RecordBatchReader.from_batches(TYPED.schema, batches())
    with pytest.raises(tamis.InputError, match="the cable is out"):
        VALIDATOR.validate(reader)


def test_what_is_no_table() -> None:
    with pytest.raises(TypeError, match="expected a table or an array of structs, not an array of Int64"):
        VALIDATOR.validate(pyarrow.array([1, 2]))

    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise LookupError("no stream today")

    with pytest.raises(LookupError, match="no stream today"):
        VALIDATOR.validate(Broken())


def test_errors_go_out_as_a_table() -> None:
    result = VALIDATOR.validate(TYPED)
    errors = result.to_arrow()
    assert len(errors) == len(result.errors)
    table = pyarrow.table(errors)
    assert table.column_names == errors.column_names
    # 32-bit offsets end at 2 GiB, which long values reach.
    texts = [field.type for field in table.schema if field.type != pyarrow.uint64()]
    assert texts == [pyarrow.large_string()] * 6
    assert table["rule"].to_pylist() == [e.rule for e in result.errors]
    assert polars.DataFrame(errors).height == len(errors)
    assert list(pandas.DataFrame.from_arrow(errors)["column"]) == [e.column for e in result.errors]
    assert duckdb.sql("select count(*) from errors").fetchall() == [(len(errors),)]
    # Twice, since a stream is read once and the table is not.
    assert pyarrow.table(errors).equals(table)
    assert pyarrow.schema(errors) == table.schema
    clean = VALIDATOR.validate(TYPED.slice(0, 1)).to_arrow()
    assert pyarrow.table(clean).num_rows == 0


def test_many_rows_on_many_threads() -> None:
    rows = 300_000
    ids = pyarrow.array([str(number) for number in range(rows)])
    amounts = pyarrow.array([float(number % 1000) for number in range(rows)])
    validator = Validator(
        Schema({"id": Field(str, unique=True), "amount": Field(float, min=1)}), threads=3, max_errors=5
    )
    result = validator.validate(pyarrow.table({"id": ids, "amount": amounts}))
    assert result.errors_by_rule == {"minimum": 300}
    assert [e.row for e in result.errors] == [1, 1001, 2001, 3001, 4001]
    twice = pyarrow.concat_tables([pyarrow.table({"id": ids, "amount": amounts})] * 2)
    result = validator.validate(twice)
    assert result.errors_by_rule == {"unique": rows, "minimum": 600}
    assert result.invalid_count == rows + 300

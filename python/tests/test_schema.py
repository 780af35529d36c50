"""Fields and schemas: what is taken, what is refused, and that a contract says the same."""

from __future__ import annotations

import pickle
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tamis import Field, InputError, InputNotFoundError, Schema, SchemaError, TamisError, Validator

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
  - name: customers
    properties:
      - {name: name, logicalType: string}
"""


def rules(field: Field, *values: str) -> list[str | None]:
    """The rule that each of these CSV values breaks, if any."""
    text = "v\n" + "".join(f'"{value}"\n' for value in values)
    errors = Validator(Schema({"v": field})).validate_csv(text.encode()).errors
    broken = {error.row: error.rule for error in errors}
    return [broken.get(row + 1) for row in range(len(values))]


@pytest.mark.parametrize(
    ("field", "good", "bad", "rule"),
    [
        (Field(str, min_length=2), "ab", "é", "minLength"),
        (Field(str, max_length=2), "éé", "abc", "maxLength"),
        (Field(str, pattern=r"^\d+$"), "12", "12a", "pattern"),
        (Field(str, pattern=re.compile("ab", re.IGNORECASE)), "xABx", "b", "pattern"),
        (Field(str, choices=["a", "b"]), "a", "c", "enum"),
        (Field(str, format="email"), "a@b.org", "a", "format"),
        (Field(int), "12", "1.5", "type"),
        (Field(int, min=-3), "-3", "-4", "minimum"),
        (Field(int, choices=[1, 2]), "2", "3", "enum"),
        (Field(int, format="i8"), "127", "128", "format"),
        (Field(float, max=0.1), "0.1", "0.10000000000000000001", "maximum"),
        (Field(float, min=1e300), "1e301", "9e299", "minimum"),
        (Field(Decimal, min=Decimal("0.01")), "0.01", "0.009", "minimum"),
        (Field(Decimal, choices=[Decimal("1.50")]), "1.5", "1.51", "enum"),
        (Field(bool), "True", "1", "type"),
        (Field(date), "2024-02-29", "2023-02-29", "type"),
        (Field(date, min=date(2024, 1, 1)), "2024-01-01", "2023-12-31", "minimum"),
        (Field(date, format="dd.MM.yyyy"), "31.12.2024", "2024-12-31", "format"),
        (Field(date, choices=[date(2024, 1, 1)]), "2024-01-01", "2024-01-02", "enum"),
        (Field(datetime), "2024-01-01T10:00:00Z", "10:00", "type"),
        (
            Field(datetime, max=datetime(2024, 1, 1, tzinfo=UTC)),
            "2024-01-01T00:00:00Z",
            "2024-01-01T00:00:01Z",
            "maximum",
        ),
        (Field(datetime, max=date(2024, 1, 1)), "2024-01-01T00:00:00", "2024-01-01T00:00:01", "maximum"),
        (Field(str, nullable=False), "x", "", "required"),
        (Field(str, unique=True), "x", "y", None),
    ],
)
def test_every_rule_takes_the_good_and_finds_the_bad(
    field: Field, good: str, bad: str, rule: str | None
) -> None:
    assert rules(field, good, bad) == [None, rule]


@pytest.mark.parametrize(
    ("field", "header", "cell", "found"),
    [
        (Field(str, required=True), "other", "x", "missingColumn"),
        (Field(str, required=True), "v", "", "required"),
        (Field(str, required=True, nullable=True), "other", "x", "missingColumn"),
        (Field(str, required=True, nullable=True), "v", '""', None),
        (Field(str, nullable=False), "other", "x", None),
        (Field(str, nullable=False), "v", '""', "required"),
        (Field(str), "other", "x", None),
        (Field(str), "v", '""', None),
    ],
)
def test_required_is_about_the_column_and_nullable_about_its_values(
    field: Field, header: str, cell: str, found: str | None
) -> None:
    # A second column keeps an empty cell from being a blank line.
    text = f"{header},pad\n{cell},x\n".encode()
    result = Validator(Schema({"v": field})).validate_csv(text)
    assert list(result.errors_by_rule) == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        (Field("str"), "type"),  # type: ignore[arg-type]
        (Field(list), "type"),  # type: ignore[arg-type]
        (Field([]), "type"),  # type: ignore[arg-type]
        (Field(str, required="yes"), "required"),  # type: ignore[arg-type]
        (Field(str, nullable=0), "nullable"),  # type: ignore[arg-type]
        (Field(str, unique=1), "unique"),  # type: ignore[arg-type]
        (Field(str, min=1), "min"),
        (Field(bool, max=1), "max"),
        (Field(int, min="ten"), "min"),  # type: ignore[arg-type]
        (Field(int, min=True), "min"),
        (Field(int, min=3, max=2.5), "min"),
        (Field(date, min=date(2025, 1, 1), max=date(2024, 12, 31)), "min"),
        (Field(str, min_length=2, max_length=1), "min_length"),
        (Field(float, max=float("nan")), "max"),
        (Field(float, max=float("inf")), "max"),
        (Field(Decimal, max=Decimal("sNaN")), "max"),
        (Field(Decimal, max=Decimal("1e999999")), "max"),
        (Field(int, max=10**5000), "max"),
        (Field(str, pattern="\ud800"), "pattern"),
        (Field(str, choices=["\ud800"]), "choices"),
        (Field(str, description="\ud800"), "description"),
        (Field(datetime, min=datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=61)))), "min"),
        (Field(date, min=datetime(2024, 1, 1)), "min"),
        (Field(date, min=3), "min"),
        (Field(datetime, min="2024"), "min"),  # type: ignore[arg-type]
        (Field(str, min_length=1.5), "min_length"),  # type: ignore[arg-type]
        (Field(str, min_length=-1), "min_length"),
        (Field(str, max_length=2**70), "max_length"),
        (Field(int, max_length=3), "max_length"),
        (Field(str, pattern=7), "pattern"),  # type: ignore[arg-type]
        (Field(str, pattern="("), "pattern"),
        (Field(str, pattern="(?=x)"), "pattern"),
        (Field(str, pattern=re.compile(b"x")), "pattern"),  # type: ignore[arg-type]
        (Field(str, pattern=re.compile("x", re.DOTALL | re.MULTILINE)), "pattern"),
        (Field(int, pattern="x"), "pattern"),
        (Field(str, choices="abc"), "choices"),
        (Field(str, choices=[]), "choices"),
        (Field(str, choices=["a", 1]), "choices"),
        (Field(int, choices=[1.5]), "choices"),
        (Field(bool, choices=[True]), "choices"),
        (Field(datetime, choices=[datetime(2024, 1, 1)]), "choices"),
        (Field(str, choices=3), "choices"),  # type: ignore[arg-type]
        (Field(str, format="phone"), "format"),
        (Field(int, format="email"), "format"),
        (Field(bool, format="x"), "format"),
        (Field(date, format="%Y-%m-%d"), "format"),
        (Field(date, format="QQQQQQQ"), "format"),
        (Field(str, format=3), "format"),  # type: ignore[arg-type]
        (Field(str, description=3), "description"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_field_is_named_with_its_argument(field: Field, argument: str) -> None:
    with pytest.raises(SchemaError, match=rf"^field `age`: `{argument}`: ") as raised:
        Schema({"age": field})
    assert isinstance(raised.value, TamisError)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "a dict"),
        ({1: Field(str)}, "names of columns"),
        ({"": Field(str)}, "empty"),
        ({"\ud800": Field(str)}, "no Unicode text"),
        ({"a": str}, "field `a`: expected a `Field`, not `type`"),
    ],
)
def test_what_is_no_dict_of_fields_is_refused(fields: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Schema(fields)


@pytest.mark.parametrize("unique", ["a", 3, [3], [()], [("a", 3)], ["b"], [("a", "b")], [("a", "a")]])
def test_unique_names_columns_that_are_there(unique: Any) -> None:
    with pytest.raises(SchemaError, match="`unique`"):
        Schema({"a": Field(str)}, unique=unique)


def test_keys_of_one_column_and_of_several() -> None:
    fields = {"a": Field(str), "b": Field(int)}
    data = b"a,b\nx,1\nx,2\ny,1\nx,1.0\n"
    one = Validator(Schema(fields, unique=["a"])).validate_csv(data)
    assert [(error.row, error.column) for error in one.errors] == [(2, "a"), (4, "a")]
    both = Validator(Schema(fields, unique=[("a", "b")])).validate_csv(data)
    assert [(error.row, error.column) for error in both.errors] == [(4, "a, b")]


def test_strict_refuses_columns_that_the_schema_does_not_name() -> None:
    fields = {"a": Field(str)}
    assert Validator(Schema(fields)).validate_csv(b"a,b\n1,2\n").is_valid()
    result = Validator(Schema(fields, strict=True)).validate_csv(b"a,b\n1,2\n")
    assert result.errors_by_column == {"b": {"extraColumn": 1}}
    assert result.errors[0].row is None
    lines = b'{"a":"1"}\n{"a":"1","b":2}\n'
    assert Validator(Schema(fields)).validate_jsonl(lines).is_valid()
    assert Validator(Schema(fields, strict=True)).validate_jsonl(lines).errors_by_rule == {"extraColumn": 1}
    with pytest.raises(SchemaError, match="`strict`"):
        Schema(fields, strict=1)  # type: ignore[arg-type]


def test_the_choices_may_be_any_iterable_and_are_read_once() -> None:
    schema = Schema({"a": Field(str, choices=(word for word in ["x", "y"]))})
    assert Validator(schema).validate_csv(b"a\nz\n").errors[0].message == "must be one of x, y"


FULL = Schema(
    {
        "id": Field(str, required=True, pattern=r"^\w+$", unique=True, description="the key: it's one"),
        "amount": Field(Decimal, min=Decimal("0.10"), max=10**30),
        "when": Field(datetime, nullable=False, min=datetime(2024, 1, 1), format="dd.MM.yyyy HH:mm"),
        "kind": Field(str, required=True, nullable=True, choices=["yes", "1", "null"]),
        "yes": Field(bool),
    },
    unique=[("kind", "amount")],
    strict=True,
)


def test_a_schema_survives_its_contract(tmp_path: Path) -> None:
    path = tmp_path / "schema.odcs.yaml"
    text = FULL.to_odcs(path)
    assert path.read_text() == text
    read = Schema.from_file(path)
    assert read == FULL
    assert (hash(read), read.fingerprint) == (hash(FULL), FULL.fingerprint)
    assert read.columns == FULL.columns == ["id", "amount", "when", "kind", "yes"]
    assert read.fields == {}
    assert repr(read) == "<Schema of `records`: id, amount, when, kind, yes>"


def test_a_schema_survives_pickling() -> None:
    for schema in (FULL, Schema.infer(b"a,b\n1,x\n")):
        again = pickle.loads(pickle.dumps(schema))
        assert again == schema
        assert (again.fields, again.notes, repr(again)) == (schema.fields, schema.notes, repr(schema))
    validator = pickle.loads(pickle.dumps(Validator(FULL, max_errors=1)))
    assert len(validator.validate_csv(b"id\n!\n!\n").errors) == 1


def test_schemas_differ_when_their_rules_do() -> None:
    assert Schema({"a": Field(int, max=1)}) == Schema({"a": Field(int, max=1)})
    assert Schema({"a": Field(int, max=1)}) != Schema({"a": Field(int, max=2)})
    assert Schema({"a": Field(int)}) != Schema({"a": Field(int)}, strict=True)
    assert Schema({"a": Field(int)}) != "a"
    assert Field(int, max=1) == Field(int, max=1)
    assert Field(int, max=1) != Field(int)


def test_repr_is_the_code() -> None:
    field = Field(str, required=True, min_length=1, choices=["a"], nullable=False, description="d")
    code = "Field(str, required=True, min_length=1, choices=('a',), nullable=False, description='d')"
    assert repr(field) == code
    schema = Schema({"a": field, "b": Field(int)}, unique=["a", ("a", "b")], strict=True)
    assert repr(schema) == f"Schema({{'a': {code}, 'b': Field(int)}}, unique=['a', ('a', 'b')], strict=True)"
    assert eval(repr(schema)) == schema


def test_a_field_does_not_change_under_its_schema() -> None:
    field = Field(int, max=1)
    with pytest.raises(AttributeError):
        field.max = 2  # type: ignore[misc]
    one, other = ({"b", "a", "c"}, {"c", "a", "b"})
    assert Schema({"x": Field(str, choices=one)}) == Schema({"x": Field(str, choices=other)})


def test_a_contract_with_several_objects_needs_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(CONTRACT)
    assert Schema.from_file(path, object="customers").columns == ["name"]
    with pytest.raises(SchemaError, match=r"choose one with `object=`: `orders`, `customers`"):
        Schema.from_file(path)
    with pytest.raises(SchemaError, match="no object `invoices`"):
        Schema.from_file(path, object="invoices")


def test_a_wrong_contract_is_told_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(CONTRACT.replace("required", "requierd"))
    with pytest.raises(SchemaError, match=r"shop.yaml:9:\d+: error: unknown key .*did you mean `required`"):
        Schema.from_file(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemaError, match="not UTF-8"):
        Schema.from_file(path)


def test_a_contract_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError) as raised:
        Schema.from_file(tmp_path / "none.yaml")
    assert isinstance(raised.value, FileNotFoundError)
    with pytest.raises(InputError):
        Schema.from_file(tmp_path)


def test_what_is_inferred_is_kept_by_its_own_data(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("name,born,height\nAda,1815-12-10,NA\nAlan,1912-06-23,1.78\n")
    schema = Schema.infer(path)
    assert schema.columns == ["name", "born", "height"]
    assert any("`NA` is null" in note for note in schema.notes)
    assert Validator(schema).validate_csv(path).is_valid()
    assert not Validator(schema).validate_csv(b"name,born,height\nKurt,soon,1\n").is_valid()
    assert Schema.infer(b'{"a": 1}\n', format="jsonl").columns == ["a"]
    with pytest.raises(InputNotFoundError):
        Schema.infer(tmp_path / "none.csv")

"""Pydantic models: the rules are taken over, and what cannot be is said."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal, NewType, Optional
from uuid import UUID

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, StringConstraints, create_model
from pydantic import Field as PydanticField
from tamis import Schema, SchemaError, Validator


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


UserId = NewType("UserId", int)


def broken(annotation: Any, *cells: str, default: Any = ...) -> list[list[str]]:
    """The rules that each value of a column with this annotation breaks."""
    schema = Schema.from_pydantic(create_model("Model", v=(annotation, default)))
    text = "v,pad\n" + "".join(f'"{cell}",x\n' for cell in cells)
    errors = Validator(schema).validate_csv(text.encode()).errors
    return [[error.rule for error in errors if error.row == row + 1] for row in range(len(cells))]


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "rule"),
    [
        (str, "x", "", "required"),
        (int, "1", "x", "type"),
        (float, "1.5", "nan", "type"),
        (bool, "true", "yes", "type"),
        (date, "2024-01-01", "today", "type"),
        (datetime, "2024-01-01T00:00:00", "2024", "type"),
        (Optional[int], "", "x", "type"),  # noqa: UP045
        (int | None, "", "x", "type"),
        (Annotated[int, PydanticField(ge=3)], "3", "2", "minimum"),
        (Annotated[int, PydanticField(gt=3)], "4", "3", "exclusiveMinimum"),
        (Annotated[float, PydanticField(le=0.5)], "0.5", "0.51", "maximum"),
        (Annotated[float, PydanticField(lt=0.5)], "0.49", "0.5", "exclusiveMaximum"),
        (Annotated[int, PydanticField(multiple_of=5)], "10", "11", "multipleOf"),
        (Annotated[Decimal, PydanticField(decimal_places=2)], "1.25", "1.255", "multipleOf"),
        (Annotated[str, PydanticField(min_length=2)], "ab", "a", "minLength"),
        (Annotated[str, StringConstraints(max_length=2)], "ab", "abc", "maxLength"),
        (Annotated[str, PydanticField(pattern="^a")], "ab", "ba", "pattern"),
        (Annotated[date, PydanticField(gt=date(2024, 1, 1))], "2024-01-02", "2024-01-01", "exclusiveMinimum"),
        (Optional[Annotated[int, PydanticField(ge=3)]], "", "2", "minimum"),  # noqa: UP045
        (Annotated[pydantic.PositiveInt, PydanticField(ge=0, le=5)], "1", "0", "exclusiveMinimum"),
        (Annotated[pydantic.PositiveInt, PydanticField(ge=3)], "3", "2", "minimum"),
        (pydantic.StrictInt, "3", "x", "type"),
        (Literal["a", "b"], "b", "c", "enum"),
        (Literal["a", None], "", "c", "enum"),  # noqa: PYI061
        (Literal[1, 2], "2", "3", "enum"),
        (Colour, "red", "green", "enum"),
        (Level, "1", "3", "enum"),
        (UserId, "3", "x", "type"),
        (UUID, "00000000-0000-0000-0000-000000000000", "x", "format"),
        (IPv4Address, "127.0.0.1", "127.0.0.256", "format"),
        (pydantic.AnyUrl, "https://a.b/c", "nothing", "format"),
        (Annotated[float, pydantic.AllowInfNan(False)], "1", "inf", "type"),
        (Annotated[int, pydantic.PlainSerializer(str), "a note"], "1", "x", "type"),
    ],
)
def test_rules_are_taken_over(annotation: Any, good: str, bad: str, rule: str) -> None:
    assert broken(annotation, good, bad) == [[], [rule]]
    if rule not in ("required", "type") and "float" not in str(annotation):
        # Pydantic means the same.
        adapter = pydantic.TypeAdapter(annotation)
        number = {"1", "2", "3"}
        adapter.validate_python(
            int(good) if annotation in (Literal[1, 2], Level) and good in number else good or None
        )
        with pytest.raises(pydantic.ValidationError):
            adapter.validate_python(bad)


@pytest.mark.parametrize(
    ("annotation", "named"),
    [
        (list[int], "list"),
        (dict[str, int], "dict"),
        (int | str, "union"),
        (Any, "Any"),
        (bytes, "bytes"),
        (Literal["a", 1], "Literal"),
        (Literal[True], "Literal"),
        (pydantic.HttpUrl, "HttpUrl"),
        (pydantic.PastDate, "PastDate"),
        (pydantic.SecretStr, "SecretStr"),
        (pydantic.Json[int], "Json"),
        (Annotated[str, pydantic.AfterValidator(str.strip)], "AfterValidator"),
        (Annotated[int, pydantic.BeforeValidator(int)], "BeforeValidator"),
        (Annotated[str, StringConstraints(strip_whitespace=True)], "strip_whitespace"),
        (Annotated[str, StringConstraints(to_upper=True)], "to_upper"),
        (Annotated[float, pydantic.AllowInfNan(True)], "allow_inf_nan"),
        (Annotated[Decimal, PydanticField(max_digits=3)], "max_digits"),
        (Optional[Annotated[str, pydantic.AfterValidator(str)]], "AfterValidator"),  # noqa: UP045
    ],
)
def test_what_cannot_be_expressed_is_named(annotation: Any, named: str) -> None:
    model = create_model("Model", column=(annotation, ...))
    with pytest.raises(SchemaError, match=f"field `column`: .*{named}"):
        Schema.from_pydantic(model)


def test_a_pattern_of_another_dialect_is_named() -> None:
    class Model(BaseModel):
        model_config = ConfigDict(regex_engine="python-re")
        column: str = PydanticField(pattern="(?=a)b")

    with pytest.raises(SchemaError, match="field `column`: `pattern`: "):
        Schema.from_pydantic(Model)


def test_code_is_refused() -> None:
    class Checked(BaseModel):
        a: int

        @pydantic.field_validator("a")
        @classmethod
        def positive(cls, value: int) -> int:
            return value

    class Whole(BaseModel):
        a: int

        @pydantic.model_validator(mode="after")
        def together(self) -> Whole:
            return self

    class Custom(BaseModel):
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            return handler(source)

    for model, name in ((Checked, "positive"), (Whole, "together"), (Custom, "__get_pydantic_core_schema__")):
        with pytest.raises(SchemaError, match=f"`{name}`"):
            Schema.from_pydantic(model)
    with pytest.raises(SchemaError, match="root model"):
        Schema.from_pydantic(pydantic.RootModel[int])
    for nothing in (int, None, Checked(a=1)):
        with pytest.raises(SchemaError, match="expected a pydantic model"):
            Schema.from_pydantic(nothing)


def test_aliases_defaults_and_configuration() -> None:
    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid", str_max_length=3)

        identifier: str = PydanticField(alias="Id", description="the key")
        amount: int = PydanticField(5, validation_alias="Amount", ge=0)

    schema = Schema.from_pydantic(Model)
    assert schema.columns == ["Id", "Amount"]
    assert "the key" in schema.to_odcs()
    validator = Validator(schema)
    assert validator.validate_csv(b"Id\nabc\n").is_valid()
    assert validator.validate_csv(b"Id,x\nabcd,1\n").errors_by_rule == {"maxLength": 1, "extraColumn": 1}
    assert validator.validate_csv(b"Amount\n1\n").errors_by_rule == {"missingColumn": 1}

    class Stripped(BaseModel):
        model_config = ConfigDict(str_strip_whitespace=True)
        a: str

    with pytest.raises(SchemaError, match="str_strip_whitespace"):
        Schema.from_pydantic(Stripped)

    class Choice(BaseModel):
        a: str = PydanticField(validation_alias=pydantic.AliasChoices("x", "y"))

    with pytest.raises(SchemaError, match="AliasChoices"):
        Schema.from_pydantic(Choice)

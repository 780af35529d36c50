"""Fields in the words of the contract.

A :class:`tamis.Field` is what the user wrote. Here its arguments are read, one by one; what is wrong with one is a
``SchemaError`` that names the field and the argument. Patterns and formats are compiled in Rust.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypedDict

from tamis._pydantic import Column
from tamis.errors import SchemaError
from tamis.field import Field

__all__ = ["FieldSpec", "is_unicode", "spec_of", "spec_of_pydantic", "type_name"]

#: The types of a field, with the contract's word for each.
_LOGICAL_TYPES: dict[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    Decimal: "number",
    bool: "boolean",
    date: "date",
    datetime: "timestamp",
}


class FieldSpec(TypedDict):
    """A field in the words of the contract: what the extension module takes. Numbers and dates are exact texts."""

    name: str
    logical_type: str
    optional: bool
    required: bool
    minimum: tuple[str, bool] | None
    maximum: tuple[str, bool] | None
    multiple_of: str | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    choices: list[str] | None
    unique: bool
    format: str | None
    description: str | None


def spec_of(name: object, field: object) -> FieldSpec:
    """A field in the words of the contract."""
    if not isinstance(name, str):
        raise SchemaError(f"names of columns are strings, not `{type_name(name)}` ({name!r})")
    if not name or not is_unicode(name):
        raise SchemaError(f"{name!r} is no name of a column: it is empty, or no Unicode text")
    if not isinstance(field, Field):
        raise SchemaError(f"field `{name}`: expected a `Field`, not `{type_name(field)}`")
    reader = _Reader(name, field)
    try:
        logical_type = _LOGICAL_TYPES.get(field.type)
    except TypeError:
        logical_type = None
    if logical_type is None:
        known = ", ".join(known.__name__ for known in _LOGICAL_TYPES)
        raise reader.fault("type", f"expected one of {known}, not {field.type!r}")
    required = reader.flag("required")
    nullable = not required if field.nullable is None else reader.flag("nullable")
    spec: FieldSpec = {
        "name": name,
        "logical_type": logical_type,
        "optional": not required,
        "required": not nullable,
        "minimum": reader.limit("min"),
        "maximum": reader.limit("max"),
        "multiple_of": None,
        "min_length": reader.length("min_length"),
        "max_length": reader.length("max_length"),
        "pattern": reader.pattern(),
        "choices": reader.choices(),
        "unique": reader.flag("unique"),
        "format": reader.format(),
        "description": reader.text("description"),
    }
    reader.ordered("min", "max")
    reader.ordered("min_length", "max_length")
    return spec


def spec_of_pydantic(column: Column) -> FieldSpec:
    """A column of a pydantic model in the words of the contract."""
    field = column.field()
    spec = spec_of(column.name, field)
    for end, limit in (("minimum", column.lower), ("maximum", column.upper)):
        text = spec[end]  # type: ignore[literal-required]
        if limit is not None and text is not None:
            spec[end] = (text[0], limit[1])  # type: ignore[literal-required]
    if column.multiple_of is not None:
        reader = _Reader(column.name, field)
        reader.only_for("multiple_of", int, float, Decimal)
        spec["multiple_of"] = reader.number("multiple_of", column.multiple_of)
    return spec


class _Reader:
    """Reads the arguments of one field; every fault names the field and the argument."""

    def __init__(self, name: str, field: Field) -> None:
        self.name = name
        self.field = field

    def fault(self, argument: str, message: str) -> SchemaError:
        return SchemaError(f"field `{self.name}`: `{argument}`: {message}")

    def flag(self, argument: str) -> bool:
        value = getattr(self.field, argument)
        if not isinstance(value, bool):
            raise self.fault(argument, f"expected a bool, not `{type_name(value)}`")
        return value

    def text(self, argument: str) -> str | None:
        value = getattr(self.field, argument)
        if value is not None and not isinstance(value, str):
            raise self.fault(argument, f"expected a string, not `{type_name(value)}`")
        return None if value is None else self.unicode(argument, value)

    def unicode(self, argument: str, text: str) -> str:
        """A plain string that can be written as UTF-8: lone surrogates cannot."""
        if not is_unicode(text):
            raise self.fault(argument, f"{text!r} is no Unicode text")
        return str.__str__(text)

    def length(self, argument: str) -> int | None:
        value = getattr(self.field, argument)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(argument, f"expected an int, not `{type_name(value)}`")
        if not 0 <= value < 2**63:
            raise self.fault(argument, "expected a number of characters")
        self.only_for(argument, str)
        return value

    def only_for(self, argument: str, *types: type) -> None:
        if self.field.type not in types:
            instead = "; use `min` and `max`" if "length" in argument else ""
            names = " and ".join(f"`{known.__name__}`" for known in types)
            raise self.fault(argument, f"applies to {names}, not to `{self.field.type.__name__}`{instead}")

    def limit(self, argument: str) -> tuple[str, bool] | None:
        value = getattr(self.field, argument)
        if value is None:
            return None
        kind = self.field.type
        if kind in (int, float, Decimal):
            return self.number(argument, value), False
        if kind is date:
            if not isinstance(value, date) or isinstance(value, datetime):
                raise self.fault(argument, f"expected a date, not `{type_name(value)}`")
            return value.isoformat(), False
        if kind is datetime:
            if not isinstance(value, date):
                raise self.fault(argument, f"expected a datetime, not `{type_name(value)}`")
            moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
            if (moment.utcoffset() or timedelta()) % timedelta(minutes=1):
                raise self.fault(argument, f"an offset has whole minutes, not {moment.utcoffset()}")
            return moment.isoformat(), False
        instead = "; use `min_length` and `max_length`" if kind is str else ""
        raise self.fault(argument, f"does not apply to `{kind.__name__}`{instead}")

    def ordered(self, low: str, high: str) -> None:
        """Refuses limits that no value keeps; they are of the right types already."""
        lowest, highest = getattr(self.field, low), getattr(self.field, high)
        if lowest is None or highest is None:
            return
        try:
            is_empty = lowest > highest
        except TypeError:
            return  # A date and a datetime, or moments with and without an offset, have no order in Python.
        if is_empty:
            raise self.fault(low, f"{lowest!r} is above `{high}`, which is {highest!r}: no value keeps both")

    def number(self, argument: str, value: object) -> str:
        """The exact text of a number."""
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise self.fault(argument, f"expected a number, not `{type_name(value)}`")
        if isinstance(value, int):
            try:
                return int.__repr__(value)
            except ValueError:
                raise self.fault(argument, "the number has more digits than Python writes") from None
        is_finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        if not is_finite:
            raise self.fault(argument, f"expected a finite number, not {value}")
        # Subclasses (numpy's floats) print themselves in ways of their own.
        return str(value) if isinstance(value, Decimal) else float.__repr__(value)

    def pattern(self) -> str | None:
        value = self.field.pattern
        if value is None:
            return None
        if isinstance(value, re.Pattern):
            value = self.source_of(value)
        elif not isinstance(value, str):
            raise self.fault("pattern", f"expected a string or a compiled pattern, not `{type_name(value)}`")
        self.only_for("pattern", str)
        return self.unicode("pattern", value)

    def source_of(self, pattern: re.Pattern[Any]) -> str:
        """The text of a compiled pattern, if that text alone says what it matches."""
        source = pattern.pattern
        if not isinstance(source, str):
            raise self.fault("pattern", "expected a pattern of text, not of bytes")
        # UNICODE is there unless ASCII is; for `\d` and `\w` the pattern's dialect takes ASCII in any case.
        flags = re.RegexFlag(pattern.flags) & ~(re.UNICODE | re.ASCII)
        if flags == re.IGNORECASE:
            return f"(?i:{source})"
        if flags:
            named = [flag.name or "" for flag in flags]
            raise self.fault(
                "pattern",
                f"the flags {' and '.join(named)} cannot be expressed; write them out in the pattern",
            )
        return source

    def format(self) -> str | None:
        value = self.text("format")
        if value is not None and "%" in value and self.field.type in (date, datetime):
            raise self.fault(
                "format", f"`{value}` is written for strptime; here it is letters, such as `dd.MM.yyyy HH:mm`"
            )
        return value

    def choices(self) -> list[str] | None:
        values = self.field.choices
        if values is None:
            return None
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise self.fault("choices", f"expected a list of values, not `{type_name(values)}`")
        kind = self.field.type
        if kind in (bool, datetime):
            raise self.fault(
                "choices", f"does not apply to `{kind.__name__}`: such values are written in several ways"
            )
        texts = [self.choice(value) for value in values]
        if not texts:
            raise self.fault("choices", "is empty: no value would be allowed")
        return texts

    def choice(self, value: object) -> str:
        kind = self.field.type
        if kind in (int, float, Decimal):
            text = self.number("choices", value)
            if kind is int and Decimal(text) % 1:
                raise self.fault("choices", f"{value!r} is not a whole number")
            return text
        if kind is date and isinstance(value, date) and not isinstance(value, datetime):
            if self.field.format is not None:
                raise self.fault("choices", "cannot be combined with `format`: choices are dates in ISO 8601")
            return value.isoformat()
        if kind is str and isinstance(value, str):
            return self.unicode("choices", value)
        raise self.fault("choices", f"expected values of type `{kind.__name__}`, not {value!r}")


def type_name(value: object) -> str:
    return type(value).__name__


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

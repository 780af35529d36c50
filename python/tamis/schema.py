"""What records must look like: :class:`Field` and :class:`Schema`."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from tamis import _pydantic
from tamis._arguments import THREADS_MAX, whole_number
from tamis._tamis import Contract
from tamis.errors import InputError, InputNotFoundError, SchemaError

__all__ = ["Field", "Schema"]

FieldType: TypeAlias = (
    type[str] | type[int] | type[float] | type[bool] | type[date] | type[datetime] | type[Decimal]
)
Limit: TypeAlias = int | float | Decimal | date | datetime
Choice: TypeAlias = str | int | float | Decimal | date

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


@dataclass(frozen=True, slots=True, repr=False)
class Field:
    """The rules of one column.

    Parameters
    ----------
    type:
        ``str``, ``int``, ``float``, ``bool``, ``datetime.date``, ``datetime.datetime`` or ``Decimal``. In CSV a value is read
        as that type: dates in ISO 8601 unless ``format`` says otherwise, numbers exactly (``float`` and ``Decimal`` are
        both decimal numbers, never rounded).
    required:
        The column must be there, and no value may be null. An empty CSV cell is null.
    min, max:
        Smallest and largest value allowed, for numbers, dates and datetimes.
    min_length, max_length:
        Shortest and longest text allowed, in Unicode characters, for ``str``.
    pattern:
        A regular expression that must match somewhere in the text (anchor it with ``^`` and ``$``), for ``str``. ``\\d`` and
        ``\\w`` are ASCII. A compiled ``re.Pattern`` is taken if its flags mean nothing else here.
    choices:
        The only values allowed.
    unique:
        No value may occur twice.
    format:
        A syntax: ``email``, ``uri``, ``uuid``, ``hostname``, ``ipv4``, ``ipv6`` for ``str``; ``i8`` ... ``u128`` for ``int``; ``f32`` or ``f64``
        for numbers; how dates are written for dates and datetimes, such as ``dd.MM.yyyy HH:mm``.
    nullable:
        Whether null is allowed; by default just where the column is not ``required``. ``required=True,
        nullable=True``: the column must be there, its values may be null. ``nullable=False`` without ``required``: the
        column may be missing, but where it is there, values must not be null.
    description:
        For people; goes into contracts.

    What is wrong with a field is said when a :class:`Schema` is made of it, because only there it has a name.

    >>> Field(float, required=True, min=0.01, max=1_000_000)
    Field(float, required=True, min=0.01, max=1000000)
    """

    type: FieldType
    required: bool = False
    min: Limit | None = None
    max: Limit | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | re.Pattern[str] | None = None
    choices: Iterable[Choice] | None = None
    unique: bool = False
    format: str | None = None
    nullable: bool | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        values = self.choices
        if isinstance(values, AbstractSet):
            # Equal sets must make equal schemas.
            values = sorted(values, key=repr)
        if isinstance(values, Iterable) and not isinstance(values, str | bytes):
            object.__setattr__(self, "choices", tuple(values))

    def __repr__(self) -> str:
        arguments = [getattr(self.type, "__name__", repr(self.type))]
        for name in ("required", "min", "max", "min_length", "max_length", "pattern", "choices", "unique"):
            value = getattr(self, name)
            if value is not None and value is not False:
                arguments.append(f"{name}={value!r}")
        for name in ("format", "nullable", "description"):
            if getattr(self, name) is not None:
                arguments.append(f"{name}={getattr(self, name)!r}")
        return f"Field({', '.join(arguments)})"


class Schema:
    """What records must look like.

    Parameters
    ----------
    fields:
        For each column its rules. The names are those of the CSV header or the keys of JSON records, case and all.
    unique:
        Keys that must not occur twice: names of columns, or tuples of names for keys of several columns.
    strict:
        Whether a column or key that the schema does not name is an error. By default it is not looked at.

    Raises ``SchemaError``, which names the field and the argument at fault.

    >>> schema = Schema({"id": Field(str, required=True), "day": Field(str), "n": Field(int)}, unique=[("id", "day")])
    >>> schema.columns
    ['id', 'day', 'n']
    """

    __slots__ = ("_contract", "_fields", "_notes", "_strict", "_unique")

    def __init__(
        self,
        fields: Mapping[str, Field],
        unique: Iterable[str | Sequence[str]] = (),
        strict: bool = False,
    ) -> None:
        if not isinstance(fields, Mapping):
            raise SchemaError(
                f"a schema is made of a dict of names and fields, not of `{_type_name(fields)}`"
            )
        if not isinstance(strict, bool):
            raise SchemaError(f"`strict`: expected a bool, not `{_type_name(strict)}`")
        specs = [_spec(name, field) for name, field in fields.items()]
        keys = _keys(unique, fields)
        self._contract = Contract.from_fields(specs, keys, extra_columns=not strict)
        self._fields: dict[str, Field] | None = dict(fields)
        self._unique = [key[0] if len(key) == 1 else tuple(key) for key in keys]
        self._strict = strict
        self._notes: tuple[str, ...] = ()

    @classmethod
    def _of(cls, contract: Contract, notes: Iterable[str] = ()) -> Schema:
        schema = cls.__new__(cls)
        schema._contract = contract
        schema._fields = None
        schema._unique = []
        schema._strict = False
        schema._notes = tuple(notes)
        return schema

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], object: str | None = None) -> Schema:
        """Reads a data contract (ODCS v3, YAML); ``object`` chooses one of its schema objects if it has several.

        Raises ``InputNotFoundError`` and ``InputError`` if it cannot be read, ``SchemaError`` for what is wrong with it, with
        line and column.
        """
        name = os.fsdecode(path)
        try:
            text = Path(name).read_bytes()
        except FileNotFoundError as error:
            raise InputNotFoundError(error.errno, error.strerror, name) from None
        except OSError as error:
            raise InputError(error.errno, error.strerror, name) from None
        except ValueError as error:  # A NUL in the path.
            raise InputError(f"cannot open {name!r}: {error}") from None
        return cls._of(Contract.from_odcs(text, name=name, object=object))

    @classmethod
    def infer(
        cls,
        path: Any,
        *,
        format: Literal["csv", "jsonl"] | None = None,
        threads: int | None = None,
    ) -> Schema:
        """The schema that all records of a file keep, and narrow: a draft, to be read and corrected.

        Every record is read. ``path`` is whatever ``Validator.validate_csv`` takes, one input; ``format`` is told by its
        name, then by its content, unless given. What was decided without being told is in ``notes``.
        """
        if threads is not None:
            threads = whole_number("threads", threads, 1, THREADS_MAX)
        contract, notes = Contract.infer(path, format=format, threads=threads)
        return cls._of(contract, notes)

    @classmethod
    def from_pydantic(cls, model: Any) -> Schema:
        """The rules of a pydantic model (version 2): one column for each of its fields, by its alias if it has one.

        Taken are the types of :class:`Field`, ``Optional``, ``Literal``, enumerations, ``UUID``, IP addresses, ``EmailStr``,
        ``AnyUrl``; ``gt``, ``ge``, ``lt``, ``le``, ``multiple_of``, ``decimal_places``, ``min_length``, ``max_length``, ``pattern``; whether
        a field has a default; ``extra="forbid"``. Everything else that decides over values (validators, nested models,
        unions) is a ``SchemaError`` that names it. Conversions are not taken over: a value is read as its type.
        """
        specs = [_pydantic_spec(column) for column in _pydantic.columns(model)]
        extra_columns = not _pydantic.is_strict(model)
        return cls._of(Contract.from_fields(specs, [], extra_columns=extra_columns))

    def to_odcs(self, path: str | os.PathLike[str] | None = None) -> str:
        """The schema as a data contract (ODCS 3.2, YAML); written to ``path`` as well, if one is given.

        What is written reads back, by ``from_file`` or the ``tamis`` command, as an equal schema.
        """
        text = self._contract.to_odcs()
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    @property
    def fields(self) -> dict[str, Field]:
        """The fields it was made of; empty for a schema that was read from a contract or inferred."""
        return dict(self._fields or {})

    @property
    def columns(self) -> list[str]:
        """The columns, by the names they have in the data."""
        return self._contract.columns

    @property
    def notes(self) -> tuple[str, ...]:
        """What ``infer`` decided without being told, in sentences."""
        return self._notes

    @property
    def fingerprint(self) -> str:
        """A hash of everything the schema says, in hexadecimal; equal schemas have equal ones."""
        return self._contract.fingerprint

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._fields is not None:
            return Schema, (self._fields, self._unique, self._strict)
        return _unpickled, (self.to_odcs().encode(), self._contract.object_name, self._notes)

    def __repr__(self) -> str:
        if self._fields is None:
            return f"<Schema of `{self._contract.object_name}`: {', '.join(self.columns)}>"
        fields = ", ".join(f"{name!r}: {field!r}" for name, field in self._fields.items())
        unique = f", unique={self._unique!r}" if self._unique else ""
        strict = ", strict=True" if self._strict else ""
        return f"Schema({{{fields}}}{unique}{strict})"


def _unpickled(text: bytes, name: str, notes: tuple[str, ...]) -> Schema:
    return Schema._of(Contract.from_odcs(text, name="a pickled schema", object=name), notes)


def _type_name(value: object) -> str:
    return type(value).__name__


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _keys(unique: Iterable[str | Sequence[str]], fields: Mapping[str, Field]) -> list[list[str]]:
    """The keys that must be unique, each as a list of columns that are there."""
    if isinstance(unique, str) or not isinstance(unique, Iterable):
        raise SchemaError("`unique`: expected a list of column names, or of tuples of them")
    keys: list[list[str]] = []
    for key in unique:
        columns = [key] if isinstance(key, str) else list(key) if isinstance(key, Sequence) else []
        if not columns or not all(isinstance(column, str) for column in columns):
            raise SchemaError(f"`unique`: expected a column name or a tuple of them, not {key!r}")
        for column in columns:
            if column not in fields:
                raise SchemaError(f"`unique`: the schema has no column `{column}`")
        if len(set(columns)) < len(columns):
            raise SchemaError(f"`unique`: {key!r} names a column twice")
        keys.append(columns)
    return keys


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
            raise self.fault(argument, f"expected a bool, not `{_type_name(value)}`")
        return value

    def text(self, argument: str) -> str | None:
        value = getattr(self.field, argument)
        if value is not None and not isinstance(value, str):
            raise self.fault(argument, f"expected a string, not `{_type_name(value)}`")
        return None if value is None else self.unicode(argument, value)

    def unicode(self, argument: str, text: str) -> str:
        """A plain string that can be written as UTF-8: lone surrogates cannot."""
        if not _is_unicode(text):
            raise self.fault(argument, f"{text!r} is no Unicode text")
        return str.__str__(text)

    def length(self, argument: str) -> int | None:
        value = getattr(self.field, argument)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(argument, f"expected an int, not `{_type_name(value)}`")
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
                raise self.fault(argument, f"expected a date, not `{_type_name(value)}`")
            return value.isoformat(), False
        if kind is datetime:
            if not isinstance(value, date):
                raise self.fault(argument, f"expected a datetime, not `{_type_name(value)}`")
            moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
            if (moment.utcoffset() or timedelta()) % timedelta(minutes=1):
                raise self.fault(argument, f"an offset has whole minutes, not {moment.utcoffset()}")
            return moment.isoformat(), False
        instead = "; use `min_length` and `max_length`" if kind is str else ""
        raise self.fault(argument, f"does not apply to `{kind.__name__}`{instead}")

    def number(self, argument: str, value: object) -> str:
        """The exact text of a number."""
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise self.fault(argument, f"expected a number, not `{_type_name(value)}`")
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
            raise self.fault("pattern", f"expected a string or a compiled pattern, not `{_type_name(value)}`")
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
            raise self.fault("choices", f"expected a list of values, not `{_type_name(values)}`")
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


def _spec(name: object, field: object) -> FieldSpec:
    """A field in the words of the contract."""
    if not isinstance(name, str):
        raise SchemaError(f"names of columns are strings, not `{_type_name(name)}` ({name!r})")
    if not name or not _is_unicode(name):
        raise SchemaError(f"{name!r} is no name of a column: it is empty, or no Unicode text")
    if not isinstance(field, Field):
        raise SchemaError(f"field `{name}`: expected a `Field`, not `{_type_name(field)}`")
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
    return {
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


def _pydantic_spec(column: _pydantic.Column) -> FieldSpec:
    """A column of a pydantic model in the words of the contract."""
    field = column.field()
    spec = _spec(column.name, field)
    for end, limit in (("minimum", column.lower), ("maximum", column.upper)):
        text = spec[end]  # type: ignore[literal-required]
        if limit is not None and text is not None:
            spec[end] = (text[0], limit[1])  # type: ignore[literal-required]
    if column.multiple_of is not None:
        reader = _Reader(column.name, field)
        reader.only_for("multiple_of", int, float, Decimal)
        spec["multiple_of"] = reader.number("multiple_of", column.multiple_of)
    return spec

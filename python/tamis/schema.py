"""What records must look like: :class:`Schema`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tamis import _pydantic
from tamis._arguments import THREADS_MAX, whole_number
from tamis._field_spec import spec_of, spec_of_pydantic, type_name
from tamis._tamis import Contract
from tamis.errors import InputError, InputNotFoundError, SchemaError
from tamis.field import Field

__all__ = ["Field", "Schema"]


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
            raise SchemaError(f"a schema is made of a dict of names and fields, not of `{type_name(fields)}`")
        if not isinstance(strict, bool):
            raise SchemaError(f"`strict`: expected a bool, not `{type_name(strict)}`")
        specs = [spec_of(name, field) for name, field in fields.items()]
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
        specs = [spec_of_pydantic(column) for column in _pydantic.columns(model)]
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

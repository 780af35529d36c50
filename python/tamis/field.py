"""The rules of one column: :class:`Field`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

__all__ = ["Choice", "Field", "FieldType", "Limit"]

FieldType: TypeAlias = (
    type[str] | type[int] | type[float] | type[bool] | type[date] | type[datetime] | type[Decimal]
)
Limit: TypeAlias = int | float | Decimal | date | datetime
Choice: TypeAlias = str | int | float | Decimal | date


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

"""What Tamis raises. Faults in the *data* are no exceptions: they are in the ``ValidationResult``.

::

    TamisError
    ├── SchemaError (ValueError)        a wrong Field, an unknown column, a contract that cannot be used
    ├── InputError (OSError)            an input cannot be read, or changed while it was
    │   └── InputNotFoundError (FileNotFoundError)
    ├── FormatError (ValueError)        an input is not what it should be: damaged, in another encoding
    ├── PartialError (ValueError)       partial results that do not go together: one is missing, or there twice
    ├── UnsupportedError                something that Tamis does not do
    ├── ValidationFailed                ``ValidationResult.raise_for_errors()``
    ├── WorkerError                     a worker process or task was lost and could not be replaced
    ├── CacheError                      a cache folder cannot be used
    ├── BrokerError                     a broker cannot start, or not end in order
    └── InternalError                   a bug in Tamis

Wrong types of arguments are ``TypeError`` and ``ValueError`` as everywhere in Python, and what your own iterators, file
objects and callbacks raise comes out as it is.

>>> import tamis
>>> try:
...     tamis.Schema({"age": tamis.Field(int, min="ten")})
... except tamis.SchemaError as error:
...     print(error)
field `age`: `min`: expected a number, not `str`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tamis._tamis import ValidationResult

__all__ = [
    "BrokerError",
    "CacheError",
    "FormatError",
    "InputError",
    "InputNotFoundError",
    "InternalError",
    "PartialError",
    "SchemaError",
    "TamisError",
    "UnsupportedError",
    "ValidationFailed",
    "WorkerError",
]


class TamisError(Exception):
    """The base of everything that Tamis raises."""


class SchemaError(TamisError, ValueError):
    """A schema or contract that cannot be used; the message names the field and the argument."""


class InputError(TamisError, OSError):
    """An input that cannot be read to its end, or changed while it was read."""


class InputNotFoundError(InputError, FileNotFoundError):
    """An input that is not there."""


class FormatError(TamisError, ValueError):
    """An input whose bytes are not what they should be: damaged, or in an encoding nobody declared."""


class PartialError(TamisError, ValueError):
    """Partial results that do not go together: a range is missing or there twice, another schema, damaged bytes."""


class UnsupportedError(TamisError):
    """Something that Tamis does not do; the message says what does it instead, if anything."""


class ValidationFailed(TamisError):
    """The data does not keep the schema; ``result`` says how."""

    result: ValidationResult

    def __init__(self, result: ValidationResult) -> None:
        self.result = result
        super().__init__(result)

    def __str__(self) -> str:
        rows = f"{self.result.invalid_count:,} of {self.result.total_rows:,} rows are invalid"
        first = next(iter(self.result.errors), None)
        return rows if first is None else f"{rows}; the first error: {first}"


class WorkerError(TamisError):
    """A worker process or task was lost, and its work could not be done again."""


class CacheError(TamisError):
    """A cache folder that cannot be used."""


class BrokerError(TamisError):
    """A broker that cannot start, or did not end in order; the message says what is in its way."""


class InternalError(TamisError):
    """A bug in Tamis. Please report it."""

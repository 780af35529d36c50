"""Tamis: the gate for data. Checks records against a schema at memory speed.

>>> import io
>>> from tamis import Field, Schema, Validator
>>> schema = Schema({"id": Field(str, required=True, pattern=r"^TX\\d+$"), "amount": Field(float, min=0)})
>>> result = Validator(schema).validate_csv(io.BytesIO(b"id,amount\\nTX1,5\\nTX2,-7.5\\n"))
>>> result
<ValidationResult invalid: 2 rows, 1 valid, 1 invalid, 1 error>
>>> print(result.errors[0])
row 2, `amount`: must be at least 0 (found `-7.5`)
"""

from __future__ import annotations

from tamis._tamis import LineProcessor, ValidationError, ValidationResult, __version__
from tamis.cached import CachedValidator
from tamis.distributed import DistributedValidator
from tamis.errors import (
    BrokerError,
    CacheError,
    FormatError,
    InputError,
    InputNotFoundError,
    InternalError,
    PartialError,
    SchemaError,
    TamisError,
    UnsupportedError,
    ValidationFailed,
    WorkerError,
)
from tamis.field import Field
from tamis.mapreduce import MapReduceValidator
from tamis.schema import Schema
from tamis.streaming import StreamingValidator, ValidationStream
from tamis.validator import Validator

__all__ = [
    "BrokerError",
    "CacheError",
    "CachedValidator",
    "DistributedValidator",
    "Field",
    "FormatError",
    "InputError",
    "InputNotFoundError",
    "InternalError",
    "LineProcessor",
    "MapReduceValidator",
    "PartialError",
    "Schema",
    "SchemaError",
    "StreamingValidator",
    "TamisError",
    "UnsupportedError",
    "ValidationError",
    "ValidationFailed",
    "ValidationResult",
    "ValidationStream",
    "Validator",
    "WorkerError",
    "__version__",
]

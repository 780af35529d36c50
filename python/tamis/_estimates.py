"""What a file will take, guessed from its size and its schema: nothing is read."""

from __future__ import annotations

import math
import os
from datetime import date, datetime
from decimal import Decimal

from tamis.schema import Schema

__all__ = ["file_bytes", "processing_seconds", "record_bytes"]

#: What a value of each type takes in CSV, its delimiter included, in bytes.
_VALUE_BYTES: dict[type, int] = {str: 13, int: 8, float: 9, Decimal: 9, bool: 6, date: 11, datetime: 21}

#: What `Validator` checks in a second on each core, of plain CSV with six columns and a rule or two on each, from memory: measured
#: as 1.2 GB for a second of processor time, and rounded down.
_BYTES_PER_SECOND_AND_CORE = 1e9
#: What is left of it for batches that are counted one by one, and for chunks of files that are read twice: the slower of
#: the two, measured as 0.9 GB.
_SHARE_OF_VALIDATOR = 0.8


def file_bytes(file_size_gb: float) -> float:
    """A size in gigabytes (10**9 bytes) as bytes.

    Raises ``TypeError`` for what is no number, ``ValueError`` for what is no size.
    """
    size = float(file_size_gb)
    if not 0 <= size < math.inf:
        raise ValueError(f"expected a size in gigabytes, not {size}")
    return size * 1e9


def record_bytes(schema: Schema) -> int:
    """About how long a record of CSV is, by the types of its fields; texts, where those are not known."""
    types = [field.type for field in schema.fields.values()] or [str] * len(schema.columns)
    return max(1, sum(_VALUE_BYTES[type] for type in types))


def processing_seconds(size_bytes: float, workers: int) -> float:
    """How long so many bytes take in batches or in chunks, on so many workers: as many of them as there are cores help."""
    cores = min(workers, os.cpu_count() or 1)
    return size_bytes / (_BYTES_PER_SECOND_AND_CORE * _SHARE_OF_VALIDATOR * cores)

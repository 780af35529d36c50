"""Arguments that many functions take, and what is said about wrong ones."""

from __future__ import annotations

import operator
from typing import SupportsIndex

__all__ = ["THREADS_MAX", "whole_number"]

#: More worker threads are a mistake: each has buffers of its own.
THREADS_MAX = 1024


def whole_number(name: str, value: SupportsIndex, least: int, most: int | None = None) -> int:
    """An argument that is a number of something.

    Raises ``TypeError`` for what is no whole number, ``ValueError`` for one that is too small or too large.
    """
    try:
        # `True` counts as 1 in Python, and means something else here.
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"`{name}` is a whole number, not `{type(value).__name__}`")
    if number < least or (most is not None and number > most):
        raise ValueError(
            f"`{name}` is at least {least}" if most is None else f"`{name}` is {least} to {most}"
        )
    return number

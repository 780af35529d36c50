"""The folder for keys that do not fit in memory: there and writable, or an error that says which folder it was."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TypeVar

from tamis.errors import InputError, InputNotFoundError

__all__ = ["check_folder", "make_in"]

Made = TypeVar("Made")


def check_folder(spill_dir: str | os.PathLike[str] | None) -> None:
    """Raises ``InputNotFoundError`` if there is no such folder, ``InputError`` if it is none or cannot be written to.

    Without it, that would come out when memory is full: hours later, or never with small files.
    """
    if spill_dir is None:
        return
    folder = os.fspath(spill_dir)
    try:
        os.stat(os.path.join(folder, ""))  # With a slash, which only the names of folders may end in.
    except OSError as error:
        raise _unusable(error, folder) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), folder)


def make_in(spill_dir: str | os.PathLike[str] | None, make: Callable[[], Made]) -> Made:
    """What ``make`` makes in ``spill_dir``; its ``OSError`` is one of ours."""
    try:
        return make()
    except OSError as error:
        if spill_dir is None:
            raise InputError(error.errno, error.strerror, error.filename) from None
        raise _unusable(error, os.fspath(spill_dir)) from None


def _unusable(error: OSError, folder: str) -> InputError:
    kind = InputNotFoundError if isinstance(error, FileNotFoundError) else InputError
    return kind(error.errno, f"`spill_dir` cannot be used: {error.strerror}", folder)

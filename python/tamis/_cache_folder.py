"""The files of a cache: written whole or not at all, and removed when room is short.

Reading never fails, and writing warns: a cache that cannot be used any more must not cost anybody a result.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeAlias

from tamis.errors import CacheError

__all__ = ["CacheFile", "CacheFolder", "Stamp"]

#: Device, inode, size, modification and change time: what tells the states of a file apart.
Stamp: TypeAlias = tuple[int, int, int, int, int]

_ENTRY_NAME = re.compile(r"[0-9a-f]{40}\.json")
#: The entry's age is near its beginning, so it can be had without reading all.
_MADE = re.compile(rb'"entry":\{"made_ns":(-?\d+),')
_HEAD_BYTES = 160
#: Nobody takes this long to write an entry: the process that began it is gone.
_ABANDONED_SECONDS = 3600.0
#: What tools for backups look for (https://bford.info/cachedir/).
_CACHE_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n# Results of validations, kept by tamis.CachedValidator.\n"
)


class CacheFile(NamedTuple):
    """A file of the cache."""

    path: str
    is_result: bool
    size_bytes: int
    used_ns: int
    written_ns: int

    def made_ns(self) -> int:
        """When the entry was made: what it says itself, because copies of a folder are written anew."""
        with contextlib.suppress(OSError), open(self.path, "rb") as file:
            if made := _MADE.search(file.read(_HEAD_BYTES)):
                return int(made[1])
        return self.written_ns

    def remove(self) -> bool:
        try:
            os.unlink(self.path)
        except OSError:
            return False  # Another process was faster, or we may not.
        return True


class CacheFolder:
    """The results and stamps in a folder."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path.absolute()
        self.max_bytes = max_bytes
        # Written since all files were looked at, and how much that may be before they are again.
        self._written_bytes = 0
        self._free_bytes = 0
        self._results = self.path / "results"
        self._stamps = self.path / "stamps"
        try:
            self._make()
        except OSError as error:
            raise CacheError(f"cannot make the cache folder `{path}`: {error.strerror}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        # Made, if it is not there.
        return CacheFolder, (self.path, self.max_bytes)

    def read_result(self, name: str) -> bytes | None:
        return _read(self._results / name)

    def write_result(self, name: str, text: bytes) -> None:
        # Larger than all there may be: it would only push out the others and then go itself.
        if len(text) <= self.max_bytes:
            self._write(self._results / name, text)

    def read_stamp(self, name: str, stamp: Stamp) -> str | None:
        """The digest of the file that has this stamp now."""
        text = _read(self._stamps / name)
        try:
            known = json.loads(text or b"null")
            is_same = tuple(known["stamp"]) == stamp
            digest = known["digest"]
        except (ValueError, TypeError, LookupError):
            return None
        if not is_same or not isinstance(digest, str):
            return None
        _note_use(self._stamps / name)
        return digest

    def write_stamp(self, name: str, stamp: Stamp, digest: str) -> None:
        self._write(self._stamps / name, json.dumps({"stamp": stamp, "digest": digest}).encode())

    def note_use(self, name: str) -> None:
        _note_use(self._results / name)

    def files(self) -> list[CacheFile]:
        """All files that are ours."""
        return [*self._files_in(self._results, True), *self._files_in(self._stamps, False)]

    def _files_in(self, folder: Path, is_result: bool) -> Iterator[CacheFile]:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    stat = entry.stat(follow_symlinks=False)
                    if _ENTRY_NAME.fullmatch(entry.name):
                        yield CacheFile(
                            entry.path, is_result, stat.st_size, stat.st_atime_ns, stat.st_mtime_ns
                        )
                    elif entry.name.endswith(".tmp") and stat.st_mtime < time.time() - _ABANDONED_SECONDS:
                        os.unlink(entry.path)

    def _make(self) -> None:
        for folder in (self._results, self._stamps):
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("CACHEDIR.TAG", _CACHE_TAG), (".gitignore", "*\n")):
            # A courtesy: a folder that may only be read is as good without.
            with contextlib.suppress(OSError):
                if not (self.path / name).exists():
                    (self.path / name).write_text(text, encoding="utf-8")

    def _write(self, path: Path, text: bytes) -> None:
        try:
            if not path.parent.is_dir():
                self._make()  # Somebody removed the folder meanwhile.
            self._replace(path, text)
            self._written_bytes += len(text)
            if self._written_bytes > self._free_bytes:
                self._evict()
        except OSError as error:
            message = f"cannot write to the cache `{self.path}`: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=1 + _frames_of_ours())

    def _replace(self, path: Path, text: bytes) -> None:
        file, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        try:
            with open(file, "wb") as stream:
                stream.write(text)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _evict(self) -> None:
        """Makes room: what was not used for longest goes first.

        Looking at all files takes longer the more there are, so it must not be done for each of them: when the folder is
        full, an eighth of it goes, and while it is not, the next look is when it may be. Not much later than that, because
        other processes write as well.
        """
        files = sorted(self.files(), key=lambda file: file.used_ns)
        size_bytes = sum(file.size_bytes for file in files)
        if size_bytes > self.max_bytes:
            for file in files:
                if size_bytes <= self.max_bytes * 7 // 8:
                    break
                if file.remove():
                    size_bytes -= file.size_bytes
        self._written_bytes = 0
        self._free_bytes = min(max(self.max_bytes - size_bytes, 0), self.max_bytes // 16)


def _frames_of_ours() -> int:
    """How many calls up whoever called the package is: entries and stamps are written at different depths."""
    frame: FrameType | None = sys._getframe(1)
    count = 0
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "tamis":
        frame, count = frame.f_back, count + 1
    return count


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _note_use(path: Path) -> None:
    """The time of access says what goes last; by itself the file system notes it seldom or never."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))

"""Answers that are kept: :class:`CachedValidator`.

A folder holds one JSON file for each answer, named after everything that the answer depends on: the bytes of the
input, the rules, the version of the rule engine and the options that show in a result. Change any of these and the
answer is looked for under another name, so nothing has to be invalidated, and an entry is right for ever::

    .validation_cache/
    ├── results/<key>.json      a whole ValidationResult, with its errors
    └── stamps/<file>.json      the digest of a file, as long as the file system vouches for it (verify="stat")

What holds:

* **An entry that is not as it was written is a miss.** Each carries a checksum and its key, so that entries cut short by a
  crash, damaged on disk or put there by somebody else are not believed.
* **Several processes may share a folder.** An entry is written to a file of its own, which then takes the name, so a
  reader finds the old one or the new one, whole. It is *not* synced to disk first: what a power cut leaves behind may
  be empty, which the checksum finds, and losing an entry costs one validation, while a sync costs milliseconds each
  time.
* **A folder that cannot be written to any more** (a full disk) costs the entry and a ``RuntimeWarning``, never the result.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from tamis._cache_folder import CacheFolder, Stamp
from tamis._pickled import Pickled
from tamis._tamis import ValidationResult, cache_key, entry_from_json, entry_to_json, file_digest
from tamis.errors import InputError, InputNotFoundError
from tamis.progress import Progress
from tamis.validator import Validator

__all__ = ["CachedValidator", "ResultCache"]

if TYPE_CHECKING:
    _Format: TypeAlias = Literal["csv", "jsonl"]
    _Hash: TypeAlias = Literal["blake3", "sha256"]
    _Verify: TypeAlias = Literal["content", "stat"]


class CachedValidator(Pickled):
    """A :class:`~tamis.Validator` that remembers what it found.

    Parameters
    ----------
    validator:
        The validator that does the work when there is no answer yet.
    cache_dir:
        The folder, made if it is not there. Several processes may share it.
    ttl:
        After how many seconds (or which ``timedelta``) an answer is not believed any more; by default never: it
        depends on nothing that time changes.
    max_size_mb:
        How large the folder may grow, in millions of bytes. Entries go that were not used for longest.
    hash:
        ``"blake3"``, on all cores, or ``"sha256"`` for those who must, on one.
    verify:
        How to tell that a file is the same. ``"content"`` reads and hashes it each time. ``"stat"`` trusts the file system: the file
        was hashed before, and device, inode, size, modification and change time are what they were then. A file that
        had been changed within two seconds before it was hashed is hashed again, because a later change might not
        have shown. Not for files that others write through a memory map, which moves these times late.
    ttl_hours:
        ``ttl`` in hours.

    Raises ``CacheError`` if the folder cannot be made.

    >>> import tempfile, pathlib
    >>> from tamis import Field, Schema, Validator
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "data.csv").write_text("n\\n1\\n10\\n")
    >>> cached = CachedValidator(Validator(Schema({"n": Field(int, max=9)})), folder / "cache")
    >>> cached.validate_csv(folder / "data.csv") == cached.validate_csv(folder / "data.csv")
    True
    >>> stats = cached.get_cache_stats()
    >>> stats["hits"], stats["misses"], stats["entries"]
    (1, 1, 1)
    """

    # Hits and misses are those of one object, and stay with it.
    _made: ClassVar = frozenset({"_lock", "_hits", "_misses"})

    def __init__(
        self,
        validator: Validator,
        cache_dir: str | os.PathLike[str] = ".validation_cache",
        ttl: float | timedelta | None = None,
        max_size_mb: float = 512,
        *,
        hash: _Hash = "blake3",
        verify: _Verify = "content",
        ttl_hours: float | None = None,
    ) -> None:
        if not isinstance(validator, Validator):
            raise TypeError(f"expected a Validator, not `{type(validator).__name__}`")
        if hash not in ("blake3", "sha256"):
            raise ValueError(f'`hash` is "blake3" or "sha256", not {hash!r}')
        if verify not in ("content", "stat"):
            raise ValueError(f'`verify` is "content" or "stat", not {verify!r}')
        max_size_mb = _number("max_size_mb", max_size_mb)
        if not max_size_mb > 0:
            raise ValueError(f"`max_size_mb` is more than 0, not {max_size_mb}")
        self.validator = validator
        self.hash: _Hash = hash
        self.verify: _Verify = verify
        self._ttl_ns = _ttl_in_ns(ttl, ttl_hours)
        self._folder = CacheFolder(Path(cache_dir), int(min(max_size_mb * 1e6, sys.maxsize)))
        self._make()

    @property
    def cache(self) -> ResultCache:
        """The answers by file, without making new ones."""
        return ResultCache(self)

    def validate_csv(
        self,
        path: str | os.PathLike[str],
        use_cache: bool = True,
        *,
        progress: Progress = None,
    ) -> ValidationResult:
        """As :meth:`Validator.validate_csv <tamis.Validator.validate_csv>`, for one file; the answer may be an old one.

        An old answer equals a new one. Its ``performance`` is that of the run that made it, and ``progress`` is not called.
        ``use_cache=False`` neither looks for an answer nor keeps it.

        Raises what :class:`~tamis.Validator` raises.
        """
        return self._validate(path, "csv", use_cache, progress)

    def validate_jsonl(
        self,
        path: str | os.PathLike[str],
        use_cache: bool = True,
        *,
        progress: Progress = None,
    ) -> ValidationResult:
        """As :meth:`validate_csv`, for JSON lines."""
        return self._validate(path, "jsonl", use_cache, progress)

    def get_cache_stats(self) -> dict[str, Any]:
        """What the folder holds and how useful it was.

        ``entries``, ``bytes`` (the whole folder), ``hits`` and ``misses`` (of this object), ``oldest`` and ``newest`` (when the entries
        were made: datetimes in UTC, None without entries); and under other names ``cache_size_mb``, ``max_size_mb``, ``ttl_hours``
        (None: for ever), ``hit_rate`` (percent), ``cache_dir``.
        """
        files = self._folder.files()
        made = [file.made_ns() for file in files if file.is_result]
        size_bytes = sum(file.size_bytes for file in files)
        with self._lock:
            hits, misses = self._hits, self._misses
        return {
            "entries": len(made),
            "hits": hits,
            "misses": misses,
            "bytes": size_bytes,
            "oldest": _moment(min(made, default=None)),
            "newest": _moment(max(made, default=None)),
            "cache_size_mb": size_bytes / 1_000_000,
            "max_size_mb": self._folder.max_bytes / 1_000_000,
            "ttl_hours": None if self._ttl_ns is None else self._ttl_ns / 3_600_000_000_000,
            "hit_rate": 100.0 * hits / (hits + misses) if hits + misses else 0.0,
            "cache_dir": str(self._folder.path),
        }

    def clear(self) -> int:
        """Removes all entries; how many there were. Files that are not the cache's stay."""
        removed = [file.is_result for file in self._folder.files() if file.remove()]
        return sum(removed)

    def clear_expired(self) -> int:
        """Removes entries older than ``ttl``; how many there were."""
        expired = [
            file for file in self._folder.files() if file.is_result and self._is_expired(file.made_ns())
        ]
        return sum(file.remove() for file in expired)

    def _make(self) -> None:
        self._lock = threading.Lock()
        self._hits = 0
        self._misses = 0

    def __repr__(self) -> str:
        return f"CachedValidator({self.validator!r}, {str(self._folder.path)!r}, verify={self.verify!r})"

    def _validate(
        self, path: str | os.PathLike[str], format: _Format, use_cache: bool, progress: Progress | None
    ) -> ValidationResult:
        path = _path(path)
        if not use_cache:
            return self._run(path, format, progress)
        known = self._identify(path)
        key = self._key(path, format, known)
        result = self._load(key, path)
        with self._lock:
            self._hits += result is not None
            self._misses += result is None
        if result is None:
            result = self._run(path, format, progress)
            if self._is_unchanged(path, known):
                entry = entry_to_json(key, time.time_ns(), result)
                self._folder.write_result(_name(key), entry)
        return result

    def _run(self, path: str, format: _Format, progress: Progress) -> ValidationResult:
        if format == "csv":
            return self.validator.validate_csv(path, progress=progress)
        return self.validator.validate_jsonl(path, progress=progress)

    def _identify(self, path: str) -> _Known:
        """The digest of the file: remembered if the file system vouches for it and we may believe it, else made."""
        if self.verify == "stat":
            stamp = _stamp(path)
            digest = self._folder.read_stamp(_stamp_name(stamp, self.hash), stamp)
            if digest is not None:
                return _Known(digest, stamp, True)
        known = _Known(*file_digest(path, self.hash, threads=self._threads()))
        if self.verify == "stat" and known.is_settled:
            self._folder.write_stamp(_stamp_name(known.stamp, self.hash), known.stamp, known.digest)
        return known

    def _key(self, path: str, format: _Format, known: _Known) -> str:
        return cache_key(self.validator._check, path, format, self.hash, known.digest)

    def _is_unchanged(self, path: str, known: _Known) -> bool:
        """Whether what was just validated is what the digest is of."""
        try:
            if _stamp(path) != known.stamp:
                return False
            # A file changed this very moment may change again and show the same times.
            return (
                known.is_settled or file_digest(path, self.hash, threads=self._threads())[0] == known.digest
            )
        except InputError:
            return False

    def _load(self, key: str, path: str) -> ValidationResult | None:
        name = _name(key)
        text = self._folder.read_result(name)
        found = None if text is None else entry_from_json(text, key, path)
        if found is None:
            return None
        made_ns, result = found
        if self._is_expired(made_ns):
            return None
        self._folder.note_use(name)
        return result

    def _is_expired(self, made_ns: int) -> bool:
        # What was made in the future was made by a clock that was wrong, and would not expire for as long.
        return self._ttl_ns is not None and not 0 <= time.time_ns() - made_ns < self._ttl_ns

    def _threads(self) -> int:
        return self.validator._check.threads


class ResultCache:
    """What a :class:`CachedValidator` knows already; looking here makes nothing new and counts as no hit.

    ``has_result`` and ``load_result`` take the path of a data file and look for the answer to the bytes that it has now.
    """

    def __init__(self, cached: CachedValidator) -> None:
        self._cached = cached

    def has_result(self, path: str | os.PathLike[str], format: _Format = "csv") -> bool:
        """Whether the answer for this file is known."""
        return self.load_result(path, format) is not None

    def load_result(self, path: str | os.PathLike[str], format: _Format = "csv") -> ValidationResult | None:
        """The answer for this file, if it is known."""
        cached, name = self._cached, _path(path)
        known = cached._identify(name)
        return cached._load(cached._key(name, format, known), name)


class _Known(NamedTuple):
    """The digest of a file, the state of the file that it is of, and whether that state tells it from later ones."""

    digest: str
    stamp: Stamp
    is_settled: bool


def _name(key: str) -> str:
    return f"{hashlib.blake2b(key.encode(), digest_size=20).hexdigest()}.json"


def _stamp_name(stamp: Stamp, hash: _Hash) -> str:
    """One file has one place, whatever its state, so that an old stamp is written over."""
    return _name(json.dumps([*stamp[:2], hash]))


def _stamp(path: str) -> Stamp:
    try:
        stat = os.stat(path)
    except FileNotFoundError as error:
        raise InputNotFoundError(error.errno, error.strerror, path) from None
    except OSError as error:
        raise InputError(error.errno, error.strerror, path) from None
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _path(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, str | os.PathLike) or path == "-":
        what = "standard input" if path == "-" else f"`{type(path).__name__}`"
        raise TypeError(f"expected the path of a file, not {what}: only files can be told to be the same")
    return os.fspath(path)


def _ttl_in_ns(ttl: float | timedelta | None, ttl_hours: float | None) -> int | None:
    if ttl is not None and ttl_hours is not None:
        raise ValueError("`ttl` and `ttl_hours` are the same: give one of them")
    if ttl_hours is not None:
        ttl = _number("ttl_hours", ttl_hours) * 3600
    if ttl is None:
        return None
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else _number("ttl", ttl)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"`ttl` is a number of seconds, 0 or more, not {ttl!r}")
    return int(seconds * 1e9)


def _number(name: str, value: float) -> float:
    if isinstance(value, str):
        raise TypeError(f"`{name}` is a number, not a string")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _moment(time_ns: int | None) -> datetime | None:
    return None if time_ns is None else datetime.fromtimestamp(time_ns / 1e9, UTC)

"""Answers that are kept equal new ones, and what is not what it was is a miss."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tamis.cached
from tamis import (
    CachedValidator,
    CacheError,
    Field,
    InputError,
    InputNotFoundError,
    Schema,
    UnsupportedError,
    Validator,
)
from tamis._tamis import entry_from_json, entry_to_json

SCHEMA = Schema({"id": Field(str, required=True), "n": Field(int, min=0, max=9)})
DIRTY = 'id,n\na,1\n"b\nb",10\n,3\nc,x\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(DIRTY)
    return path


@pytest.fixture
def cached(tmp_path: Path) -> CachedValidator:
    return CachedValidator(Validator(SCHEMA), tmp_path / "cache")


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed; all of them pass for settled."""
    hashed: list[str] = []
    of_file = tamis.cached.file_digest

    def noting(path: str, *arguments: Any, **keywords: Any) -> Any:
        hashed.append(path)
        digest, stamp, _ = of_file(path, *arguments, **keywords)
        return digest, stamp, True

    monkeypatch.setattr(tamis.cached, "file_digest", noting)
    return hashed


def entries(cached: CachedValidator) -> list[Path]:
    return sorted((Path(cached.get_cache_stats()["cache_dir"]) / "results").glob("*.json"))


def counts(cached: CachedValidator) -> tuple[int, int, int]:
    stats = cached.get_cache_stats()
    return stats["hits"], stats["misses"], stats["entries"]


def test_an_old_answer_equals_a_new_one(cached: CachedValidator, data: Path) -> None:
    plain = Validator(SCHEMA).validate_csv(data)
    assert plain.invalid_count == 3
    for _ in range(3):
        result = cached.validate_csv(data)
        assert result == plain
        assert [str(error) for error in result.errors] == [str(error) for error in plain.errors]
        assert result.to_dict()["rows"] == plain.to_dict()["rows"]
    assert counts(cached) == (2, 1, 1)


def test_lines_of_json(cached: CachedValidator, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"id": "a", "n": 10}\n{"id": null, "n": 1}\n')
    plain = Validator(SCHEMA).validate_jsonl(path)
    assert plain.invalid_count == 2
    assert cached.validate_jsonl(path) == cached.validate_jsonl(path) == plain
    assert counts(cached) == (1, 1, 1)
    # The same bytes read as CSV are something else.
    assert cached.validate_csv(path) == Validator(SCHEMA).validate_csv(path) != plain


def test_entries_outlive_the_object(cached: CachedValidator, data: Path, tmp_path: Path) -> None:
    first = cached.validate_csv(data)
    again = CachedValidator(Validator(SCHEMA), tmp_path / "cache")
    assert again.validate_csv(data) == first
    assert counts(again) == (1, 0, 1)


def test_a_name_is_not_part_of_the_content(cached: CachedValidator, data: Path) -> None:
    cached.validate_csv(data)
    moved = data.rename(data.with_name("moved.csv"))
    result = cached.validate_csv(moved)
    assert counts(cached) == (1, 1, 1)
    assert {error.input for error in result.errors} == {str(moved)}
    assert result.inputs[0]["name"] == str(moved)


def test_the_delimiter_that_a_name_stands_for_is(cached: CachedValidator, data: Path) -> None:
    tabs = data.with_suffix(".tsv")
    tabs.write_text(DIRTY)
    assert cached.validate_csv(data) != cached.validate_csv(tabs)
    assert cached.validate_csv(tabs) == Validator(SCHEMA).validate_csv(tabs)


def test_compressed_files(cached: CachedValidator, data: Path) -> None:
    packed = data.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(DIRTY.encode()))
    assert cached.validate_csv(packed) == cached.validate_csv(packed) == Validator(SCHEMA).validate_csv(data)
    assert counts(cached) == (1, 1, 1)


@pytest.mark.parametrize(
    "other",
    [
        Validator(Schema({"id": Field(str, required=True), "n": Field(int, min=0, max=8)})),
        Validator(Schema({"id": Field(str), "n": Field(int, min=0, max=9)})),
        Validator(Schema({"id": Field(str, required=True), "n": Field(int, min=0, max=9)}, unique=["id"])),
        Validator(Schema({"id": Field(str, required=True), "n": Field(int, min=0, max=9)}, strict=True)),
        Validator(SCHEMA, max_errors=1),
    ],
    ids=["limit", "required", "unique", "strict", "max_errors"],
)
def test_other_rules_under_a_cache_are_other_answers(
    cached: CachedValidator, data: Path, tmp_path: Path, other: Validator
) -> None:
    cached.validate_csv(data)
    changed = CachedValidator(other, tmp_path / "cache")
    assert changed.validate_csv(data).to_dict()["samples"] == other.validate_csv(data).to_dict()["samples"]
    assert counts(changed) == (0, 1, 2)
    assert counts(cached) == (0, 1, 2)


def test_what_only_people_read_is_no_other_answer(
    cached: CachedValidator, data: Path, tmp_path: Path
) -> None:
    cached.validate_csv(data)
    fields = {"id": Field(str, required=True, description="who"), "n": Field(int, min=0, max=9)}
    described = CachedValidator(Validator(Schema(fields)), tmp_path / "cache")
    described.validate_csv(data)
    assert counts(described) == (1, 0, 1)


def test_threads_are_no_other_answer(cached: CachedValidator, data: Path, tmp_path: Path) -> None:
    cached.validate_csv(data)
    serial = CachedValidator(Validator(SCHEMA, parallel=False), tmp_path / "cache")
    serial.validate_csv(data)
    assert counts(serial) == (1, 0, 1)


@pytest.mark.parametrize("verify", ["content", "stat"])
@pytest.mark.parametrize("hash", ["blake3", "sha256"])
def test_a_change_that_keeps_size_and_time_is_seen(
    tmp_path: Path, data: Path, digests: list[str], verify: Any, hash: Any
) -> None:
    cached = CachedValidator(Validator(SCHEMA), tmp_path / "cache", verify=verify, hash=hash)
    assert cached.validate_csv(data) == cached.validate_csv(data)
    before = os.stat(data)
    time.sleep(0.03)  # A few ticks of the file system's clock.
    data.write_text(DIRTY.replace("a,1", "a,y"))
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(data)
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    result = cached.validate_csv(data)
    assert result.invalid_count == 4
    assert result == Validator(SCHEMA).validate_csv(data)
    assert counts(cached) == (1, 2, 2)


def test_stat_hashes_an_unchanged_file_once(tmp_path: Path, data: Path, digests: list[str]) -> None:
    trusting = CachedValidator(Validator(SCHEMA), tmp_path / "cache", verify="stat")
    for _ in range(3):
        trusting.validate_csv(data)
    assert len(digests) == 1
    assert counts(trusting) == (2, 1, 1)
    careful = CachedValidator(Validator(SCHEMA), tmp_path / "cache")
    careful.validate_csv(data)
    careful.validate_csv(data)
    assert len(digests) == 3


def test_stat_does_not_trust_a_file_that_was_just_written(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []
    of_file = tamis.cached.file_digest
    monkeypatch.setattr(tamis.cached, "file_digest", lambda *a, **k: (hashed.append(a), of_file(*a, **k))[1])
    cached = CachedValidator(Validator(SCHEMA), tmp_path / "cache", verify="stat")
    cached.validate_csv(data)
    # Before the answer was kept it was hashed once more, because it might have changed unseen.
    assert len(hashed) == 2
    cached.validate_csv(data)
    assert len(hashed) == 3
    time.sleep(2.1)
    cached.validate_csv(data)
    assert len(hashed) == 4
    cached.validate_csv(data)
    assert len(hashed) == 4
    assert counts(cached) == (3, 1, 1)


def test_a_file_that_changes_meanwhile_is_not_kept(
    cached: CachedValidator, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cached.validator.validate_csv

    def changing(*arguments: Any, **keywords: Any) -> Any:
        data.write_text(DIRTY + "d,4\n")
        return run(*arguments, **keywords)

    monkeypatch.setattr(cached.validator, "validate_csv", changing)
    assert cached.validate_csv(data).total_rows == 5
    assert counts(cached) == (0, 1, 0)
    data.write_text(DIRTY)
    monkeypatch.undo()
    assert cached.validate_csv(data).total_rows == 4


def damage_by(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "damage",
    [
        damage_by(lambda text: b""),
        damage_by(lambda text: text[:100]),
        damage_by(lambda text: text[: len(text) // 2]),
        damage_by(lambda text: text[:-1]),
        damage_by(lambda text: text + b"\n"),
        damage_by(lambda text: bytes(len(text))),
        damage_by(lambda text: b"null"),
        damage_by(lambda text: text.replace(b'"invalid":3', b'"invalid":0')),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["empty", "head", "half", "cut", "longer", "zeros", "null", "edited", "folder"],
)
def test_a_damaged_entry_is_a_miss(
    cached: CachedValidator, data: Path, damage: Callable[[Path], object]
) -> None:
    good = cached.validate_csv(data)
    (entry,) = entries(cached)
    damage(entry)
    assert not cached.cache.has_result(data)
    if entry.is_dir():
        with pytest.warns(RuntimeWarning, match="cannot write to the cache"):
            assert cached.validate_csv(data) == good
        return
    assert cached.validate_csv(data) == good
    assert counts(cached) == (0, 2, 1)
    assert cached.validate_csv(data) == good
    assert counts(cached) == (1, 2, 1)


def test_no_bit_of_an_entry_may_flip(cached: CachedValidator, data: Path) -> None:
    result = cached.validate_csv(data)
    (entry,) = entries(cached)
    text = bytearray(entry.read_bytes())
    key = json.dumps(json.loads(bytes(text))["entry"]["key"])
    found = entry_from_json(bytes(text), key, str(data))
    assert found is not None
    assert found[1] == result
    for byte in range(len(text)):
        text[byte] ^= 1 << byte % 8
        assert entry_from_json(bytes(text), key, str(data)) is None, f"byte {byte}"
        text[byte] ^= 1 << byte % 8


def test_an_entry_of_another_file_is_a_miss(cached: CachedValidator, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("id,n\na,1\n")
    cached.validate_csv(data)
    (entry,) = entries(cached)
    good = cached.validate_csv(other)
    (other_entry,) = set(entries(cached)) - {entry}
    other_entry.write_bytes(entry.read_bytes())
    assert cached.validate_csv(other) == good
    assert counts(cached) == (0, 3, 2)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"stamp": 1}', '{"stamp": [1, 2], "digest": "x"}', "\0" * 40]
)
def test_a_damaged_stamp_is_hashed_again(tmp_path: Path, data: Path, digests: list[str], text: str) -> None:
    cached = CachedValidator(Validator(SCHEMA), tmp_path / "cache", verify="stat")
    good = cached.validate_csv(data)
    (stamp,) = (tmp_path / "cache" / "stamps").iterdir()
    stamp.write_text(text)
    assert cached.validate_csv(data) == good
    assert len(digests) == 2
    assert counts(cached) == (1, 1, 1)


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.csv" for index in range(4)]
    for index, path in enumerate(paths):
        path.write_text(DIRTY + f"z,{index}\n")
    roomy = CachedValidator(Validator(SCHEMA), tmp_path / "cache")
    roomy.validate_csv(paths[0])
    entry_bytes = roomy.get_cache_stats()["bytes"]
    tight = CachedValidator(Validator(SCHEMA), tmp_path / "cache", max_size_mb=3.5 * entry_bytes / 1e6)
    for path in (*paths[:3], paths[0], paths[3]):
        time.sleep(0.01)
        tight.validate_csv(path)
    assert [tight.cache.has_result(path) for path in paths] == [True, False, True, True]
    assert tight.get_cache_stats()["bytes"] <= 3.5 * entry_bytes
    # One that would not fit by itself does not push out the others.
    tiny = CachedValidator(Validator(SCHEMA), tmp_path / "cache", max_size_mb=entry_bytes / 2e6)
    paths[1].write_text(DIRTY)
    tiny.validate_csv(paths[1])
    assert tiny.get_cache_stats()["entries"] == 3


def test_not_every_entry_looks_at_all_the_others(
    cached: CachedValidator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    files = tamis.cached.CacheFolder.files
    monkeypatch.setattr(tamis.cached.CacheFolder, "files", lambda folder: (looks.append(1), files(folder))[1])
    path = tmp_path / "data.csv"
    for index in range(30):
        path.write_text(DIRTY + f"z,{index}\n")
        cached.validate_csv(path)
    assert counts(cached) == (0, 30, 30)
    assert len(looks) < 5


def test_answers_expire(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = CachedValidator(Validator(SCHEMA), tmp_path / "cache", ttl=timedelta(minutes=5))
    cached.validate_csv(data)
    cached.validate_csv(data)
    assert cached.clear_expired() == 0
    assert counts(cached) == (1, 1, 1)
    later_ns = time.time_ns() + 5 * 60 * 10**9
    monkeypatch.setattr(tamis.cached.time, "time_ns", lambda: later_ns)
    assert not cached.cache.has_result(data)
    assert CachedValidator(Validator(SCHEMA), tmp_path / "cache").cache.has_result(data)
    assert cached.clear_expired() == 1
    assert counts(cached) == (1, 1, 0)


def test_an_answer_from_the_future_has_expired(tmp_path: Path, data: Path) -> None:
    cached = CachedValidator(Validator(SCHEMA), tmp_path / "cache", ttl_hours=1)
    result = cached.validate_csv(data)
    (entry,) = entries(cached)
    key = json.dumps(json.loads(entry.read_bytes())["entry"]["key"])
    entry.write_bytes(entry_to_json(key, time.time_ns() + 10**12, result))
    assert not cached.cache.has_result(data)
    assert cached.clear_expired() == 1


def test_clear_leaves_what_is_not_ours(cached: CachedValidator, data: Path, tmp_path: Path) -> None:
    cached.validate_csv(data)
    notes = tmp_path / "cache" / "results" / "notes.json"
    notes.write_text("{}")
    assert cached.clear() == 1
    assert cached.clear() == 0
    assert notes.exists()
    assert counts(cached) == (0, 1, 0)
    assert "*" in (tmp_path / "cache" / ".gitignore").read_text()


def test_what_a_killed_writer_left_goes_after_a_while(
    cached: CachedValidator, data: Path, tmp_path: Path
) -> None:
    old, new = (tmp_path / "cache" / "results" / f"{name}.tmp" for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    cached.validate_csv(data)
    assert not old.exists()
    assert new.exists()


def test_stats(cached: CachedValidator, data: Path) -> None:
    stats = cached.get_cache_stats()
    assert (stats["oldest"], stats["newest"], stats["bytes"], stats["hit_rate"]) == (None, None, 0, 0.0)
    cached.validate_csv(data)
    cached.validate_csv(data)
    stats = cached.get_cache_stats()
    assert isinstance(stats["oldest"], datetime)
    assert stats["oldest"] == stats["newest"]
    assert abs(stats["oldest"].timestamp() - time.time()) < 60
    (entry,) = entries(cached)
    assert stats["bytes"] == entry.stat().st_size
    assert stats["cache_size_mb"] == pytest.approx(stats["bytes"] / 1e6)
    assert stats["ttl_hours"] is None
    assert stats["hit_rate"] == 50.0


def test_looking_changes_nothing(cached: CachedValidator, data: Path) -> None:
    assert not cached.cache.has_result(data)
    assert cached.cache.load_result(data) is None
    assert counts(cached) == (0, 0, 0)
    result = cached.validate_csv(data, use_cache=False)
    assert counts(cached) == (0, 0, 0)
    cached.validate_csv(data)
    assert cached.cache.has_result(data)
    assert cached.cache.load_result(data) == result
    assert not cached.cache.has_result(data, "jsonl")
    assert counts(cached) == (0, 1, 1)


def test_inputs_that_cannot_be_cached(cached: CachedValidator, tmp_path: Path) -> None:
    for verify in ("content", "stat"):
        cached.verify = verify  # type: ignore[assignment]
        with pytest.raises(InputNotFoundError, match="missing"):
            cached.validate_csv(tmp_path / "missing.csv")
        with pytest.raises(InputError, match="it is a directory"):
            cached.validate_csv(tmp_path)
        with pytest.raises(UnsupportedError, match="regular file"):
            cached.validate_csv("/dev/null")
    for wrong in ("-", b"id,n\n", ["a.csv"], 3):
        with pytest.raises(TypeError, match="path of a file"):
            cached.validate_csv(wrong)  # type: ignore[arg-type]


def test_arguments(tmp_path: Path) -> None:
    validator = Validator(SCHEMA)
    for wrong in (
        {"hash": "md5"},
        {"verify": "mtime"},
        {"ttl": -1},
        {"ttl": 1, "ttl_hours": 1},
        {"max_size_mb": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            CachedValidator(validator, tmp_path, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Validator"):
        CachedValidator(SCHEMA, tmp_path)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="file"):
        CachedValidator(Validator(SCHEMA), tmp_path / "file")
    with pytest.raises(CacheError, match="cache"):
        CachedValidator(Validator(SCHEMA), tmp_path / "file" / "cache")


def test_a_full_disk_costs_the_entry_and_not_the_result(cached: CachedValidator, data: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.warns(RuntimeWarning, match="cannot write to the cache") as warned:
            result = cached.validate_csv(data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [warning.filename for warning in warned] == [__file__]
    assert result.invalid_count == 3
    assert list((Path(cached.get_cache_stats()["cache_dir"]) / "results").iterdir()) == []
    assert cached.validate_csv(data) == result
    assert counts(cached) == (0, 2, 1)


@pytest.mark.usefixtures("digests")
def test_a_warning_points_at_the_call(data: Path, tmp_path: Path) -> None:
    cached = CachedValidator(Validator(SCHEMA), tmp_path / "cache", verify="stat")
    for folder in ("results", "stamps"):
        (tmp_path / "cache" / folder).rmdir()
        (tmp_path / "cache" / folder).touch()
    calls: list[Callable[[Path], object]] = [
        cached.validate_csv,
        cached.validate_jsonl,
        cached.cache.has_result,
        cached.cache.load_result,
    ]
    for call in calls:
        with pytest.warns(RuntimeWarning, match="cannot write to the cache") as warned:
            call(data)
        assert {warning.filename for warning in warned} == {__file__}


def test_a_folder_that_is_removed_meanwhile_is_made_again(
    cached: CachedValidator, data: Path, tmp_path: Path
) -> None:
    cached.validate_csv(data)
    (tmp_path / "cache").rename(tmp_path / "gone")
    cached.validate_csv(data)
    assert counts(cached) == (0, 2, 1)


def test_threads_share_a_validator(cached: CachedValidator, data: Path) -> None:
    plain = Validator(SCHEMA).validate_csv(data)
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(cached.validate_csv(data) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(result == plain for result in results)
    hits, misses, _ = counts(cached)
    assert hits + misses == 80


def test_processes_share_a_folder(tmp_path: Path) -> None:
    """Four processes, files that change under other names, and a folder that is too small for all of them."""
    script = """
        import random, sys
        from pathlib import Path
        from tamis import CachedValidator, Field, Schema, Validator

        folder, seed = Path(sys.argv[1]), int(sys.argv[2])
        validator = Validator(Schema({"n": Field(int, max=9)}), parallel=False)
        cached = CachedValidator(validator, folder / "cache", max_size_mb=0.006, verify=sys.argv[3])
        rng = random.Random(seed)
        for step in range(150):
            rows = rng.randrange(1, 12)
            path = folder / f"{rows}-{seed % 2}.csv"
            result = cached.validate_csv(path)
            assert (result.total_rows, result.invalid_count) == (rows, rows - 1), (path, result)
            if step % 50 == 49:
                cached.clear()
        hits = cached.get_cache_stats()["hits"]
        assert hits > 0, "nothing was shared"
    """
    for rows in range(1, 12):
        for parity in range(2):
            text = "n\n" + "10\n" * (rows - 1) + "1\n"
            (tmp_path / f"{rows}-{parity}.csv").write_text(text)
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script), tmp_path, str(seed), verify],
            stderr=subprocess.PIPE,
        )
        for seed, verify in enumerate(["content", "content", "stat", "stat"])
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    left = {path.suffix for path in (tmp_path / "cache" / "results").iterdir()}
    assert left <= {".json"}

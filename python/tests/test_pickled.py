"""Validators that travel: subclasses of users arrive as what they were."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from tamis import (
    CachedValidator,
    DistributedValidator,
    Field,
    MapReduceValidator,
    Schema,
    StreamingValidator,
    Validator,
)

SCHEMA = Schema({"n": Field(int, max=2)})


class Plain(Validator):
    """Takes other arguments than its base."""

    def __init__(self, limit: int) -> None:
        super().__init__(SCHEMA, max_errors=limit)
        self.note = "mine"


class Streaming(StreamingValidator):
    note = "mine"


class Distributed(DistributedValidator):
    note = "mine"


class Cached(CachedValidator):
    note = "mine"


class Mapping(MapReduceValidator):
    note = "mine"


def travelled(one: Any) -> list[Any]:
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    return [*(pickle.loads(pickle.dumps(one, protocol)) for protocol in protocols), copy.copy(one)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "n.csv"
    path.write_text("n\n1\n3\n4\n5\n")
    return path


def test_subclasses_stay_what_they_are(path: Path, tmp_path: Path) -> None:
    made = [
        Plain(2),
        Streaming(SCHEMA, 3, False, max_errors=2),
        Distributed(SCHEMA, 2, 3, max_errors=2),
        Cached(Plain(2), tmp_path / "cache", 60, 10, hash="sha256"),
        Mapping(SCHEMA, max_errors=2),
    ]
    for one in made:
        for again in travelled(one):
            assert (type(again), again.note, repr(again)) == (type(one), "mine", repr(one))


def test_they_work_where_they_arrive(path: Path, tmp_path: Path) -> None:
    expected = Plain(2).validate_csv(path)
    assert (expected.invalid_count, len(expected.errors)) == (3, 2)
    for again in travelled(Plain(2)):
        assert again.validate_csv(path) == expected
        assert len(again.validate_dict({"n": 3})) == 1
    for again in travelled(Distributed(SCHEMA, 2, 1, max_errors=2)):
        assert again.validate_csv_parallel(path) == expected
    for again in travelled(Streaming(SCHEMA, 3, max_errors=2)):
        assert [batch.total_rows for batch in again.validate_csv_stream(path)] == [3, 1]
    for again in travelled(Mapping(SCHEMA, max_errors=2)):
        partials = [again.map_validate_chunk(chunk) for chunk in again.plan(path, 4)]
        assert again.reduce_results(partials) == expected
    cached = Cached(Plain(2), tmp_path / "cache")
    assert cached.validate_csv(path) == expected
    for again in travelled(cached):
        assert again.validate_csv(path) == expected
        assert [again.get_cache_stats()[name] for name in ("hits", "misses")] == [1, 0]
    assert cached.get_cache_stats()["hits"] == 0

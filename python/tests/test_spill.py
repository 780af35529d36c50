"""Folders for keys that cannot be used: one answer, from every validator, before any file is read."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tamis import (
    DistributedValidator,
    Field,
    InputError,
    InputNotFoundError,
    MapReduceValidator,
    Schema,
    StreamingValidator,
    Validator,
)

SCHEMA = Schema({"id": Field(int, unique=True)})
VALIDATORS = [Validator, StreamingValidator, DistributedValidator, MapReduceValidator]


@pytest.mark.parametrize("make", VALIDATORS)
def test_it_must_be_a_folder_that_can_be_written_to(
    make: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for name, kind, number in [("no", InputNotFoundError, errno.ENOENT), ("file", InputError, errno.ENOTDIR)]:
        with pytest.raises(InputError) as raised:
            make(SCHEMA, spill_dir=tmp_path / name)
        assert type(raised.value) is kind
        assert (raised.value.errno, raised.value.filename) == (number, str(tmp_path / name))
        assert "`spill_dir` cannot be used" in str(raised.value)
    make(SCHEMA, spill_dir=tmp_path)
    # Who may do everything may write here as well.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="`spill_dir` cannot be used: Permission denied"):
        make(SCHEMA, spill_dir=str(tmp_path))
    with pytest.raises(TypeError):
        make(SCHEMA, spill_dir=1)


def test_a_folder_that_is_gone_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("id\n1\n1\n")
    folder = tmp_path / "keys"
    folder.mkdir()
    distributed = DistributedValidator(SCHEMA, 2, spill_dir=folder)
    mapper = MapReduceValidator(SCHEMA, spill_dir=folder)
    planned = mapper.plan(tmp_path / "ids.csv")
    folder.rmdir()
    with pytest.raises(InputNotFoundError, match="`spill_dir`") as raised:
        distributed.validate_csv_parallel(tmp_path / "ids.csv")
    assert raised.value.filename == str(folder)
    with pytest.raises(InputNotFoundError) as raised:
        mapper.map_validate_chunk(planned[0])
    assert raised.value.filename == str(folder)
    assert str(raised.value).count(str(folder)) == 1

"""What the adapters for Ray, Dask and Spark share, on an engine that is a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tamis import Field, InputError, InputNotFoundError, MapReduceValidator, Schema, Validator, _engines

Task = TypeVar("Task")
Result = TypeVar("Result")

SCHEMA = Schema({"n": Field(int, max=2)})


def validate(paths: Any) -> Any:
    validator = MapReduceValidator(SCHEMA)

    def spread(
        function: Callable[[MapReduceValidator, Task], Result], tasks: Sequence[Task]
    ) -> Sequence[Result]:
        return [function(validator, task) for task in tasks]

    return _engines.validate_paths(validator, paths, 4, None, spread)


def test_paths_are_those_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n3\n")
    monkeypatch.chdir(tmp_path)
    result = validate(["a.csv", Path("a.csv")])
    assert result == Validator(SCHEMA).validate_csv(["a.csv", "a.csv"])
    assert {one["name"] for one in result.inputs} == {str(tmp_path / "a.csv")}


@pytest.mark.parametrize("paths", [5, None, [5], {"a.csv"}, b"n\n1\n", "-"])
def test_what_is_no_path_is_named(paths: Any) -> None:
    with pytest.raises(TypeError, match="expected a path"):
        validate(paths)


def test_the_folder_for_keys(tmp_path: Path) -> None:
    with _engines.keys_folder(tmp_path) as folder:
        assert folder is not None and Path(folder).parent == tmp_path
        (Path(folder) / "left").touch()
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(InputNotFoundError, match="`spill_dir`") as missing,
        _engines.keys_folder(tmp_path / "no"),
    ):
        pass
    assert missing.value.filename == str(tmp_path / "no")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="`spill_dir`"), _engines.keys_folder(tmp_path / "file"):
        pass

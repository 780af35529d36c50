"""Every example in a docstring and in docs/python.md is true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
import tamis
from documentation import run_guide

#: Adapters import their engines, which are extras.
ENGINES = {"ray", "dask", "spark"}
MODULES = ["tamis", *(f"tamis.{module.name}" for module in pkgutil.iter_modules(tamis.__path__))]


@pytest.mark.parametrize("name", [name for name in MODULES if name.rpartition(".")[2] not in ENGINES])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_guide()

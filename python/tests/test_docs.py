"""Every example in a docstring is true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
import tamis

#: Adapters import their engines, which are extras.
ENGINES = {"ray", "dask", "spark"}
MODULES = ["tamis", *(f"tamis.{module.name}" for module in pkgutil.iter_modules(tamis.__path__))]


@pytest.mark.parametrize("name", [name for name in MODULES if name.rpartition(".")[2] not in ENGINES])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0

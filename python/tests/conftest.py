"""What the tests share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tamis import Field, Schema


@pytest.fixture
def orders() -> Schema:
    """A small schema with a rule of most kinds."""
    return Schema(
        {
            "id": Field(str, required=True, pattern=r"^O-\d+$"),
            "amount": Field(float, min=0, max=1000),
            "status": Field(str, choices=["open", "paid"]),
        }
    )


@pytest.fixture
def orders_csv(tmp_path: Path) -> Path:
    """Four orders; the second breaks two rules, the last one."""
    path = tmp_path / "orders.csv"
    path.write_text('id,amount,status\nO-1,5,open\nX-2,-7.5,open\n"O-3",1e3,paid\nO-4,10,"lost\n"\n')
    return path


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts Python code in a process of its own, with its output in pipes."""

    def run(code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )

    return run

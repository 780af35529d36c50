"""Runs the Python blocks of docs/python.md, so that none of them can be wrong."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "python.md"

_FENCE = re.compile(
    r"^```python(?P<words>[^\n]*)\n(?P<code>.*?)^```$(?:\n\n?```text\n(?P<output>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
_SAID = re.compile(r"  # (?P<text>.*)$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code and what it prints: the block of text that follows, or comments behind calls of `print`."""

    line: int
    engine: str
    code: str
    printed: list[str]


def blocks(engine: str = "") -> Iterator[Block]:
    """The blocks whose fence names `engine` behind the language; without one, those of the package itself."""
    text = PAGE.read_text(encoding="utf-8")
    for fence in _FENCE.finditer(text):
        code = fence["code"]
        said = [
            said["text"] for line in code.splitlines() if "print(" in line for said in _SAID.finditer(line)
        ]
        printed = said if fence["output"] is None else fence["output"].splitlines()
        if fence["words"].strip() == engine:
            yield Block(text.count("\n", 0, fence.start()) + 2, engine, code, printed)


def run(block: Block, names: dict[str, Any]) -> None:
    """Runs a block with `names` as its globals, and compares what it prints."""
    output = io.StringIO()
    # Blank lines before it: the line numbers of a traceback are then those of the page.
    code = compile("\n" * (block.line - 1) + block.code, str(PAGE), "exec")
    with contextlib.redirect_stdout(output):
        exec(code, names)  # noqa: S102 (it is our own page)
    printed = output.getvalue()
    assert printed.splitlines() == block.printed, f"{PAGE.name}:{block.line} prints {printed}"


def run_guide(engine: str = "", **names: Any) -> None:
    """Runs the package's blocks of the page in order and in the current folder, and those of `engine` behind them.

    `names` are what the page takes for granted.
    """
    page = [*blocks(), *(blocks(engine) if engine else ())]
    assert {block.engine for block in page} == {"", engine}, "the page has blocks"
    variables: dict[str, Any] = {"__name__": "docs", **names}
    for block in page:
        run(block, variables)

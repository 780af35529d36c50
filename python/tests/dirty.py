"""Generated files with every kind of dirt that the validators must agree on."""

from __future__ import annotations

import csv
import io
from random import Random

from hypothesis import strategies as st
from tamis import Field, Schema

SCHEMA = Schema(
    {
        "id": Field(str, required=True, pattern=r"^[a-z]+$"),
        "amount": Field(float, required=True, min=0, max=100),
        "note": Field(str, max_length=12),
    }
)
"""Rules about rows alone."""

UNIQUE_SCHEMA = Schema(
    {
        "id": Field(str, required=True, unique=True),
        "amount": Field(float, min=0),
        "note": Field(str),
    }
)
"""A rule about the whole input."""

_IDS = st.sampled_from(["a", "bc", "def", "", "UP", "x\ny", 'quo"te'])
_AMOUNTS = st.sampled_from(["1", "99.5", "-3", "1000", "many", "", "1\n2"])
_NOTES = st.sampled_from(
    ["", "fine", "two\nlines", 'said "no", twice', "far too long a note", "\r\n", "é" * 12]
)


@st.composite
def csv_bytes(draw: st.DrawFn, max_rows: int = 60, are_ragged: bool = True) -> bytes:
    """CSV with quoted newlines, doubled quotes, wrong values, blank lines, ragged rows (if wanted) and either line end."""
    rows = draw(st.lists(st.tuples(_IDS, _AMOUNTS, _NOTES), max_size=max_rows))
    text = io.StringIO()
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(["id", "amount", "note"])
    for row in rows:
        dirt = draw(st.sampled_from([None] * 12 + ["blank", *(["short", "long"] if are_ragged else [])]))
        if dirt == "blank":
            text.write(line_end)
        writer.writerow(row[:2] if dirt == "short" else [*row, "extra"] if dirt == "long" else row)
    data = text.getvalue().encode()
    return data.rstrip(b"\r\n") if draw(st.booleans()) else data


def dirty_rows(count: int, seed: int) -> bytes:
    """`count` records of about 20 bytes under a header; a tenth of them bad, a seventh with a newline in quotes."""
    random = Random(seed)
    lines = ["id,amount,note"]
    for _ in range(count):
        name = "".join(random.choices("abcdef", k=6)) if random.random() > 0.05 else "BAD"
        amount = random.randrange(100) if random.random() > 0.05 else -1
        note = '"two\nlines"' if random.random() < 1 / 7 else "fine"
        lines.append(f"{name},{amount},{note}")
    return "\n".join(lines).encode()

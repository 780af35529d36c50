"""How much properties try: `cargo xtask soak` sets `TAMIS_SOAK`, the factor by which it wants more."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """`count`, as many times as is asked for."""
    return count * int(os.environ.get("TAMIS_SOAK", "1"))

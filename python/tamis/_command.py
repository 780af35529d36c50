"""The ``tamis`` command of the wheel: the same code as the binary."""

from __future__ import annotations

import sys

from tamis._tamis import run_command


def main() -> int:
    """Runs the command line in ``sys.argv`` and returns its exit code.

    0: good; 1: the data is bad; 2: usage or contract error; 3: I/O or internal error; 130: interrupted.
    """
    # However it was started: `python -m tamis` has a path there.
    return run_command(["tamis", *sys.argv[1:]])

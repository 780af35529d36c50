"""``python -m tamis``: the ``tamis`` command, wherever this Python is."""

from __future__ import annotations

import sys

from tamis._command import main

if __name__ == "__main__":
    sys.exit(main())

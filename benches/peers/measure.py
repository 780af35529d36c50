"""What the peers share: the command line, the clock, and the line of JSON that they print.

Every peer checks the same CSV file of generated transactions for the same rules, says how many rows
break at least one, and is timed from its first look at the file to that number. Starting Python and
importing the library is left out, which favours the peers.
"""

import json
import resource
import sys
import time
from collections.abc import Callable

# The rules of the contract that `tamis gen transactions` writes. `\d` would be Unicode in some peers.
ID_PATTERN = "^TX[0-9]{10}$"
AMOUNT_MINIMUM, AMOUNT_MAXIMUM = 0.01, 1_000_000
ACCOUNT_LENGTH_MINIMUM, ACCOUNT_LENGTH_MAXIMUM = 8, 20
COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "NL", "PL", "PT", "SE"]
MEMO_LENGTH_MAXIMUM = 200


def run(tool: str, version: str, check: Callable[[str], tuple[int, int]]) -> None:
    """Times `check`, which takes the file's name and returns its rows and how many are invalid."""
    (path,) = sys.argv[1:]
    start = time.perf_counter()
    rows, invalid = check(path)
    seconds = time.perf_counter() - start
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    report = {
        "tool": tool,
        "version": version,
        "rows": rows,
        "invalid": invalid,
        "seconds": seconds,
        "peak_rss_bytes": peak_rss,
    }
    print(json.dumps(report))

"""Data in a repository, checked at every push: files that did not change cost next to nothing.

::

    python ci_with_cache.py CONTRACT.odcs.yaml FILE... [--cache-dir .validation_cache]

Every file is checked against the data contract. The exit code is 0 if all are valid, 1 if not, as CI systems want it. Let
the CI system keep the cache folder from run to run (GitHub: `actions/cache` with the path `.validation_cache`): an entry is
named after the bytes, the rules and the version of Tamis, so it never needs to be thrown away for being old, and a change
of the contract makes every file new.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tamis import CachedValidator, Schema, TamisError, Validator


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contract", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--cache-dir", type=Path, default=Path(".validation_cache"))
    options = parser.parse_args()

    try:
        schema = Schema.from_file(options.contract)
        validator = CachedValidator(Validator(schema), options.cache_dir, max_size_mb=100)
        failed = 0
        for path in options.files:
            hits = validator.get_cache_stats()["hits"]
            start = time.perf_counter()
            result = validator.validate_csv(path)
            seconds = time.perf_counter() - start
            known = "known" if validator.get_cache_stats()["hits"] > hits else "new"
            verdict = "ok" if result.is_valid() else "FAILED"
            print(f"{verdict:7} {path}: {result.total_rows:,} records, {known}, {seconds * 1e3:.1f} ms")
            errors = [error for error in result.errors if error.severity == "error"]
            for error in errors[:5]:
                print(f"        {path}:{error.line}: {error.column}: {error.message}")
            for metric in result.metrics:
                if not metric["passed"]:
                    print(f"        {metric['metric']} is {metric['measured']} {metric['unit']}")
            failed += not result.is_valid()
    except TamisError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(options.files) - failed} of {len(options.files)} files valid")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

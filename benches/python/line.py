"""One record at a time: ``tamis.LineProcessor`` beside pydantic, in one process, in turns.

Four fields: a text of a pattern, a number in a range, a timestamp, a text of 8 to 20 characters. Every figure is the median of
rounds that alternate between the engines, so that both see the same machine; it includes the call and its loop.

    python benches/python/line.py [--rounds 15] [--calls 20000]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import pydantic
import tamis
from typing_extensions import TypedDict

GOOD = {"id": "TX0123456789", "amount": 12.5, "at": "2024-02-29T10:20:30", "account": "ACC1234567"}
BAD = GOOD | {"amount": 1e7}
GOOD_JSON = '{"id": "TX0123456789", "amount": 12.5, "at": "2024-02-29T10:20:30", "account": "ACC1234567"}'


class Transaction(TypedDict):
    id: Annotated[str, pydantic.StringConstraints(pattern=r"^TX\d{10}$")]
    amount: Annotated[float, pydantic.Field(ge=0.01, le=1_000_000)]
    at: datetime
    account: Annotated[str, pydantic.StringConstraints(min_length=8, max_length=20)]


def contenders() -> dict[str, Callable[[], object]]:
    adapter = pydantic.TypeAdapter(Transaction)
    schema = tamis.Schema(
        {
            "id": tamis.Field(str, required=True, pattern=r"^TX\d{10}$"),
            "amount": tamis.Field(float, required=True, min=0.01, max=1_000_000),
            "at": tamis.Field(datetime, required=True),
            "account": tamis.Field(str, required=True, min_length=8, max_length=20),
        }
    )
    process = tamis.LineProcessor(schema).process_line
    validate = adapter.validate_python

    def tamis_details() -> object:
        _, errors = process(BAD)
        return [(error.message, error.value, error.column) for error in errors]

    def pydantic_bad() -> object:
        try:
            return validate(BAD)
        except pydantic.ValidationError:
            return None

    def pydantic_details() -> object:
        try:
            return validate(BAD)
        except pydantic.ValidationError as error:
            return [(one["msg"], one["input"], one["loc"]) for one in error.errors(include_url=False)]

    assert process(GOOD)[0] and validate(GOOD) and not process(BAD)[0]
    assert tamis_details() and pydantic_details()
    return {
        "tamis, good dict": lambda: process(GOOD),
        "pydantic, good dict": lambda: validate(GOOD),
        "tamis, bad dict": lambda: process(BAD),
        "pydantic, bad dict": pydantic_bad,
        "tamis, bad dict, errors read": tamis_details,
        "pydantic, bad dict, errors read": pydantic_details,
        "tamis, good JSON": lambda: process(GOOD_JSON),
        "pydantic, good JSON": lambda: adapter.validate_json(GOOD_JSON),
    }


def microseconds_per_call(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=20_000)
    options = parser.parse_args()
    calls: dict[str, Any] = contenders()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            times[name].append(microseconds_per_call(call, options.calls))
    print(f"Python {sys.version.split()[0]}, pydantic {pydantic.VERSION}, tamis {tamis.__version__}")
    for name, found in times.items():
        print(f"{name:34} {statistics.median(found):6.2f} us  (fastest round {min(found):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One record at a time: ``tamis.LineProcessor`` beside pydantic and jsonschema-rs, as far as they are installed.

::

    python benches/python/line.py [--rounds 201] [--calls 500]

Four fields: a text of a pattern, a number in a range, a moment, a text of 8 to 20 characters. The bad record breaks one
rule. All tools are in one process and take turns. A round is shorter than what a busy machine lets a process run at a
time, and every figure is the median of many; the call and the loop around it are included. "Errors read" makes of every
error its message, its value and its place, which some of the tools only then put together.

Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from typing import Annotated, Any

import tamis

GOOD = {"id": "TX0123456789", "amount": 12.5, "at": "2024-02-29T10:20:30Z", "account": "ACC1234567"}
BAD = GOOD | {"amount": 1e7}
GOOD_JSON = json.dumps(GOOD)

ID_PATTERN = "^TX[0-9]{10}$"
AMOUNT_MINIMUM, AMOUNT_MAXIMUM = 0.01, 1_000_000
ACCOUNT_LENGTH_MINIMUM, ACCOUNT_LENGTH_MAXIMUM = 8, 20

#: What a tool is asked, and what it must say: whether a record is good, or its errors.
QUESTIONS: dict[str, Callable[[object], bool]] = {
    "a good dict": lambda answer: answer is True,
    "a bad dict": lambda answer: answer is False,
    "a bad dict, errors read": lambda answer: isinstance(answer, list) and len(answer) == 1,
    "a good record as JSON text": lambda answer: answer is True,
}

#: How a tool answers each of them.
Answers = dict[str, Callable[[], object]]


def tamis_answers() -> Answers:
    process = tamis.LineProcessor(
        tamis.Schema(
            {
                "id": tamis.Field(str, required=True, pattern=ID_PATTERN),
                "amount": tamis.Field(float, required=True, min=AMOUNT_MINIMUM, max=AMOUNT_MAXIMUM),
                "at": tamis.Field(datetime, required=True),
                "account": tamis.Field(
                    str, required=True, min_length=ACCOUNT_LENGTH_MINIMUM, max_length=ACCOUNT_LENGTH_MAXIMUM
                ),
            }
        )
    ).process_line

    def errors() -> object:
        _, found = process(BAD)
        return [(error.message, error.value, error.column) for error in found]

    return dict(
        zip(
            QUESTIONS,
            (
                lambda: process(GOOD)[0],
                lambda: process(BAD)[0],
                errors,
                lambda: process(GOOD_JSON)[0],
            ),
            strict=True,
        )
    )


def pydantic_answers() -> Answers:
    import pydantic
    from typing_extensions import TypedDict

    # Types that are made in a function are not found by their names.
    transaction = TypedDict(
        "transaction",
        {
            "id": Annotated[str, pydantic.StringConstraints(pattern=ID_PATTERN)],
            "amount": Annotated[float, pydantic.Field(ge=AMOUNT_MINIMUM, le=AMOUNT_MAXIMUM)],
            "at": datetime,
            "account": Annotated[
                str,
                pydantic.StringConstraints(
                    min_length=ACCOUNT_LENGTH_MINIMUM, max_length=ACCOUNT_LENGTH_MAXIMUM
                ),
            ],
        },
    )
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(transaction)
    validate, validate_json = adapter.validate_python, adapter.validate_json

    def is_good(record: object) -> bool:
        try:
            validate(record)
        except pydantic.ValidationError:
            return False
        return True

    def errors() -> object:
        try:
            return validate(BAD)
        except pydantic.ValidationError as error:
            return [(one["msg"], one["input"], one["loc"]) for one in error.errors(include_url=False)]

    return dict(
        zip(
            QUESTIONS,
            (
                lambda: is_good(GOOD),
                lambda: is_good(BAD),
                errors,
                lambda: bool(validate_json(GOOD_JSON)),
            ),
            strict=True,
        )
    )


def jsonschema_answers() -> Answers:
    import jsonschema_rs

    schema = {
        "type": "object",
        "required": list(GOOD),
        "properties": {
            "id": {"type": "string", "pattern": ID_PATTERN},
            "amount": {"type": "number", "minimum": AMOUNT_MINIMUM, "maximum": AMOUNT_MAXIMUM},
            "at": {"type": "string", "format": "date-time"},
            "account": {
                "type": "string",
                "minLength": ACCOUNT_LENGTH_MINIMUM,
                "maxLength": ACCOUNT_LENGTH_MAXIMUM,
            },
        },
    }
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)

    def errors() -> object:
        found = validator.iter_errors(BAD)
        return [(error.message, error.instance, error.instance_path) for error in found]

    return dict(
        zip(
            QUESTIONS,
            (
                lambda: validator.is_valid(GOOD),
                lambda: validator.is_valid(BAD),
                errors,
                lambda: validator.is_valid(json.loads(GOOD_JSON)),
            ),
            strict=True,
        )
    )


def tools() -> dict[str, Answers]:
    """The tools that are installed, ours first, by name and version."""
    found = {f"tamis {tamis.__version__}": tamis_answers()}
    peers = {
        "pydantic": ("pydantic", pydantic_answers),
        "jsonschema-rs": ("jsonschema_rs", jsonschema_answers),
    }
    for name, (module, make) in peers.items():
        try:
            importlib.import_module(module)
        except ImportError:
            continue
        found[f"{name} {version(name)}"] = make()
    for name, answers in found.items():
        for question, is_right in QUESTIONS.items():
            assert is_right(answers[question]()), f"{name}: {question}"
    return found


def microseconds_per_call(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=201)
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    found = tools()
    times: dict[tuple[str, str], list[float]] = {}
    # Collecting cycles would hit whoever is at work.
    gc.disable()
    for _ in range(options.rounds):
        for question in QUESTIONS:
            for name, answers in found.items():
                microseconds = microseconds_per_call(answers[question], options.calls)
                times.setdefault((question, name), []).append(microseconds)

    python = f"Python {sys.version.split()[0]}"
    print(f"| one record, 4 fields ({python}) | {' | '.join(found)} |")
    print("|---" * (len(found) + 1) + "|")
    for question in QUESTIONS:
        cells = (f"{statistics.median(times[question, name]):.2f} us" for name in found)
        print(f"| {question} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

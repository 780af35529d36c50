"""pydantic, row by row: what a Python pipeline does with csv.DictReader."""

import csv
from datetime import datetime
from typing import Annotated, Literal

import measure
import pydantic
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict


class Transaction(TypedDict):
    transaction_id: Annotated[str, Field(pattern=measure.ID_PATTERN)]
    amount: Annotated[float, Field(ge=measure.AMOUNT_MINIMUM, le=measure.AMOUNT_MAXIMUM)]
    timestamp: datetime
    account_id: Annotated[
        str, Field(min_length=measure.ACCOUNT_LENGTH_MINIMUM, max_length=measure.ACCOUNT_LENGTH_MAXIMUM)
    ]
    country: Literal[tuple(measure.COUNTRIES)]
    memo: Annotated[str, Field(max_length=measure.MEMO_LENGTH_MAXIMUM)]


def check(path: str) -> tuple[int, int]:
    validate = TypeAdapter(Transaction).validate_python
    rows = invalid = 0
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows += 1
            try:
                validate(row)
            except ValidationError:
                invalid += 1
    return rows, invalid


if __name__ == "__main__":
    measure.run("pydantic", pydantic.VERSION, check)

"""jsonschema-rs, row by row: csv.DictReader, the number made one by hand, and a compiled validator."""

import csv
from importlib.metadata import version

import jsonschema_rs
import measure

SCHEMA = {
    "type": "object",
    "required": ["transaction_id", "amount", "timestamp", "account_id", "country", "memo"],
    "properties": {
        "transaction_id": {"type": "string", "pattern": measure.ID_PATTERN},
        "amount": {
            "type": "number",
            "minimum": measure.AMOUNT_MINIMUM,
            "maximum": measure.AMOUNT_MAXIMUM,
        },
        "timestamp": {"type": "string", "format": "date-time"},
        "account_id": {
            "type": "string",
            "minLength": measure.ACCOUNT_LENGTH_MINIMUM,
            "maxLength": measure.ACCOUNT_LENGTH_MAXIMUM,
        },
        "country": {"enum": measure.COUNTRIES},
        "memo": {"type": "string", "maxLength": measure.MEMO_LENGTH_MAXIMUM},
    },
}


def check(path: str) -> tuple[int, int]:
    is_valid = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True).is_valid
    rows = invalid = 0
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows += 1
            try:
                row["amount"] = float(row["amount"])
            except ValueError:
                invalid += 1
                continue
            invalid += not is_valid(row)
    return rows, invalid


if __name__ == "__main__":
    measure.run("jsonschema-rs", version("jsonschema-rs"), check)

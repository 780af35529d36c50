"""frictionless: a table schema, row by row."""

import frictionless
import measure
from frictionless import Checklist, Resource, Schema, system

SCHEMA = {
    "fields": [
        {
            "name": "transaction_id",
            "type": "string",
            "constraints": {"required": True, "pattern": measure.ID_PATTERN.strip("^$")},
        },
        {
            "name": "amount",
            "type": "number",
            "constraints": {
                "required": True,
                "minimum": measure.AMOUNT_MINIMUM,
                "maximum": measure.AMOUNT_MAXIMUM,
            },
        },
        {"name": "timestamp", "type": "datetime", "constraints": {"required": True}},
        {
            "name": "account_id",
            "type": "string",
            "constraints": {
                "required": True,
                "minLength": measure.ACCOUNT_LENGTH_MINIMUM,
                "maxLength": measure.ACCOUNT_LENGTH_MAXIMUM,
            },
        },
        {
            "name": "country",
            "type": "string",
            "constraints": {"required": True, "enum": measure.COUNTRIES},
        },
        {
            "name": "memo",
            "type": "string",
            "constraints": {"maxLength": measure.MEMO_LENGTH_MAXIMUM},
        },
    ]
}


def check(path: str) -> tuple[int, int]:
    with system.use_context(trusted=True):
        resource = Resource(path=path, schema=Schema.from_descriptor(SCHEMA), encoding="utf-8")
        report = resource.validate(Checklist(), limit_errors=1_000_000)
    (task,) = report.tasks
    bad = {row for (row,) in report.flatten(["rowNumber"])}
    return task.stats["rows"], len(bad)


if __name__ == "__main__":
    measure.run("frictionless", frictionless.__version__, check)

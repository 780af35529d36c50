"""May this batch of payments be booked? A gate before a ledger.

::

    python financial_transactions.py [PAYMENTS.csv]

A partner sends payments once an hour. The batch is booked whole or not at all: not a single payment may break a rule,
and none may be booked twice. What is wrong goes back to the partner as a list that names line, column and reason. Without
a file, a small batch with faults is made up.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

from tamis import Field, Schema, ValidationFailed, ValidationResult, Validator

PAYMENTS = Schema(
    {
        "payment_id": Field(str, required=True, pattern=r"^P-\d{6}$"),
        "debtor_iban": Field(str, required=True, pattern=r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"),
        "creditor_iban": Field(str, required=True, pattern=r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"),
        # Decimal: read as it is written, never rounded, so 0.1 is 0.1 and the limit is the limit.
        "amount": Field(Decimal, required=True, min=Decimal("0.01"), max=Decimal("250000.00")),
        "currency": Field(str, required=True, choices=["EUR", "CHF", "GBP"]),
        "value_date": Field(date, required=True, min=date(2020, 1, 1)),
        "reference": Field(str, max_length=140),
    },
    # One payment is one number; and the same sum to the same account on the same day is a double.
    unique=["payment_id", ("creditor_iban", "amount", "value_date", "reference")],
    strict=True,
)

SAMPLE = """\
payment_id,debtor_iban,creditor_iban,amount,currency,value_date,reference
P-000001,DE89370400440532013000,FR1420041010050500013M02606,120.50,EUR,2026-11-20,Invoice 17
P-000002,DE89370400440532013000,GB29NWBK60161331926819,99.00,GBP,2026-11-20,"Rent,
November"
P-000003,DE89370400440532013000,FR1420041010050500013M02606,0.001,EUR,2026-11-20,Rounding
P-000004,DE89370400440532013000,FR1420041010050500013M02606,120.50,EUR,2026-11-20,Invoice 17
P-000005,CH9300762011623852957,FR1420041010050500013M02606,300000.00,CHF,2026-02-30,Machine
P-000002,CH9300762011623852957,GB29NWBK60161331926819,12.00,USD,2026-11-21,
"""


def write_rejections(result: ValidationResult, path: Path) -> None:
    """One line for each fault, for the partner."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["record", "line", "column", "rule", "value", "message"])
        for error in result.errors:
            writer.writerow([error.row, error.line, error.column, error.rule, error.value, error.message])


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            batch = Path(sys.argv[1])
        else:
            batch = Path(folder) / "payments.csv"
            batch.write_text(SAMPLE, encoding="utf-8")
        result = Validator(PAYMENTS).validate_csv(batch)
        try:
            result.raise_for_errors()
        except ValidationFailed as refusal:
            rejections = batch.with_suffix(".rejections.csv")
            write_rejections(refusal.result, rejections)
            print(f"refused: {refusal}\n")
            for column, rules in result.errors_by_column.items():
                print(
                    f"  {column or 'record'}: {', '.join(f'{rule} {count}' for rule, count in rules.items())}"
                )
            print(f"\n{rejections.name}:\n{rejections.read_text(encoding='utf-8')}")
            return 1
        print(f"booked: {result.total_rows} payments")
        return 0


if __name__ == "__main__":
    sys.exit(main())

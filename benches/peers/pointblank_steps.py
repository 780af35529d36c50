"""pointblank on Polars: one step for each rule, and the rows that fail any of them."""

import measure
import pointblank as pb
import polars as pl


def check(path: str) -> tuple[int, int]:
    # What is not a number or a moment becomes null, which the steps then refuse.
    frame = pl.read_csv(path, infer_schema=False).with_columns(
        pl.col("amount").cast(pl.Float64, strict=False),
        pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False),
        pl.col("account_id").str.len_chars().alias("account_length"),
        pl.col("memo").str.len_chars().alias("memo_length"),
    )
    steps = (
        pb.Validate(frame)
        .col_vals_not_null(["transaction_id", "amount", "timestamp", "account_id", "country"])
        .col_vals_regex("transaction_id", measure.ID_PATTERN, na_pass=True)
        .col_vals_between("amount", measure.AMOUNT_MINIMUM, measure.AMOUNT_MAXIMUM, na_pass=True)
        .col_vals_between(
            "account_length", measure.ACCOUNT_LENGTH_MINIMUM, measure.ACCOUNT_LENGTH_MAXIMUM, na_pass=True
        )
        # A country that is missing is in no set, and is counted by the first step too.
        .col_vals_in_set("country", measure.COUNTRIES)
        .col_vals_le("memo_length", measure.MEMO_LENGTH_MAXIMUM, na_pass=True)
        .interrogate(collect_extracts=False)
    )
    return len(frame), len(steps.get_sundered_data(type="fail"))


if __name__ == "__main__":
    measure.run("pointblank", pb.__version__, check)

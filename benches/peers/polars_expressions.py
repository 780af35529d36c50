"""Polars, by hand: one expression for each rule, counted by the streaming engine."""

import measure
import polars as pl


def violations() -> dict[str, pl.Expr]:
    """Rows that break each rule."""
    id_, amount, timestamp = pl.col("transaction_id"), pl.col("amount"), pl.col("timestamp")
    account, country, memo = pl.col("account_id"), pl.col("country"), pl.col("memo")
    number = amount.cast(pl.Float64, strict=False)
    moment = timestamp.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False)
    length = account.str.len_chars()
    return {
        "id_required": id_.is_null(),
        "id_pattern": ~id_.str.contains(measure.ID_PATTERN),
        "amount_required": amount.is_null(),
        "amount_type": amount.is_not_null() & number.is_null(),
        "amount_minimum": number < measure.AMOUNT_MINIMUM,
        "amount_maximum": number > measure.AMOUNT_MAXIMUM,
        "timestamp_required": timestamp.is_null(),
        "timestamp_type": timestamp.is_not_null() & moment.is_null(),
        "account_required": account.is_null(),
        "account_min_length": length < measure.ACCOUNT_LENGTH_MINIMUM,
        "account_max_length": length > measure.ACCOUNT_LENGTH_MAXIMUM,
        "country_required": country.is_null(),
        "country_values": ~country.is_in(measure.COUNTRIES),
        "memo_max_length": memo.str.len_chars() > measure.MEMO_LENGTH_MAXIMUM,
    }


def check(path: str) -> tuple[int, int]:
    rules = {name: broken.fill_null(False) for name, broken in violations().items()}
    frame = pl.scan_csv(path, infer_schema=False).select(**rules)
    counts = [pl.col(name).sum() for name in rules]
    total = frame.select(
        pl.len().alias("rows"), pl.any_horizontal(*rules).sum().alias("invalid"), *counts
    ).collect(engine="streaming")
    return total["rows"].item(), total["invalid"].item()


if __name__ == "__main__":
    measure.run("polars", pl.__version__, check)

"""pandera on Polars: a lazy schema, so that all violations are collected and not the first one only."""

import measure
import pandera.polars as pa
import polars as pl
from pandera import __version__
from pandera.errors import SchemaErrors

SCHEMA = pa.DataFrameSchema(
    {
        "transaction_id": pa.Column(str, pa.Check.str_matches(measure.ID_PATTERN)),
        "amount": pa.Column(float, pa.Check.in_range(measure.AMOUNT_MINIMUM, measure.AMOUNT_MAXIMUM)),
        "timestamp": pa.Column(pl.Datetime("us")),
        "account_id": pa.Column(
            str, pa.Check.str_length(measure.ACCOUNT_LENGTH_MINIMUM, measure.ACCOUNT_LENGTH_MAXIMUM)
        ),
        "country": pa.Column(str, pa.Check.isin(measure.COUNTRIES)),
        "memo": pa.Column(str, pa.Check.str_length(0, measure.MEMO_LENGTH_MAXIMUM), nullable=True),
    }
)


def check(path: str) -> tuple[int, int]:
    # What is not a number or a moment becomes null, which the schema then refuses.
    frame = pl.read_csv(path, infer_schema=False).with_columns(
        pl.col("amount").cast(pl.Float64, strict=False),
        pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False),
    )
    try:
        SCHEMA.validate(frame, lazy=True)
    except SchemaErrors as error:
        return len(frame), error.failure_cases["index"].drop_nulls().n_unique()
    return len(frame), 0


if __name__ == "__main__":
    measure.run("pandera", __version__, check)

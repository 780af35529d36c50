"""great_expectations on pandas: one expectation for each rule, and the rows that fail any of them."""

import warnings

import great_expectations as gx
import great_expectations.expectations as gxe
import measure
import pandas as pd

COMPLETE = {"result_format": "COMPLETE", "include_unexpected_rows": False}


def expectations() -> list[gxe.Expectation]:
    required = ["transaction_id", "amount", "timestamp", "account_id", "country"]
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=column) for column in required),
        gxe.ExpectColumnValuesToMatchRegex(column="transaction_id", regex=measure.ID_PATTERN),
        gxe.ExpectColumnValuesToBeBetween(
            column="amount", min_value=measure.AMOUNT_MINIMUM, max_value=measure.AMOUNT_MAXIMUM
        ),
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="account_id",
            min_value=measure.ACCOUNT_LENGTH_MINIMUM,
            max_value=measure.ACCOUNT_LENGTH_MAXIMUM,
        ),
        gxe.ExpectColumnValuesToBeInSet(column="country", value_set=measure.COUNTRIES),
        gxe.ExpectColumnValueLengthsToBeBetween(column="memo", max_value=measure.MEMO_LENGTH_MAXIMUM),
    ]


def check(path: str) -> tuple[int, int]:
    frame = pd.read_csv(path, dtype=str)
    # What is not a number or a moment becomes null, which the expectations then refuse.
    frame["amount"] = pd.to_numeric(frame["amount"], errors="coerce")
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], format="%Y-%m-%dT%H:%M:%SZ", errors="coerce")
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("bench").add_dataframe_asset("transactions")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite("transactions", expectations=expectations())
    outcome = batch.validate(suite, result_format=COMPLETE)
    bad: set[int] = set()
    for result in outcome.results:
        bad.update(result.result["unexpected_index_list"] or ())
    return len(frame), len(bad)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    measure.run("great_expectations", gx.__version__, check)

"""DuckDB, by hand: one predicate for each rule, over columns read as text."""

import os

import duckdb
import measure

COUNTRIES = ", ".join(f"'{country}'" for country in measure.COUNTRIES)

RULES = {
    "id_required": "transaction_id IS NULL",
    "id_pattern": f"NOT regexp_matches(transaction_id, '{measure.ID_PATTERN}')",
    "amount_required": "amount IS NULL",
    "amount_type": "amount IS NOT NULL AND number IS NULL",
    "amount_minimum": f"number < {measure.AMOUNT_MINIMUM}",
    "amount_maximum": f"number > {measure.AMOUNT_MAXIMUM}",
    "timestamp_required": '"timestamp" IS NULL',
    "timestamp_type": '"timestamp" IS NOT NULL AND moment IS NULL',
    "account_required": "account_id IS NULL",
    "account_min_length": f"length(account_id) < {measure.ACCOUNT_LENGTH_MINIMUM}",
    "account_max_length": f"length(account_id) > {measure.ACCOUNT_LENGTH_MAXIMUM}",
    "country_required": "country IS NULL",
    "country_values": f"country NOT IN ({COUNTRIES})",
    "memo_max_length": f"length(memo) > {measure.MEMO_LENGTH_MAXIMUM}",
}


def check(path: str) -> tuple[int, int]:
    database = duckdb.connect()
    if threads := os.environ.get("DUCKDB_THREADS"):
        database.execute(f"SET threads = {int(threads)}")
    flags = ", ".join(f"coalesce({broken}, false) AS {name}" for name, broken in RULES.items())
    counts = ", ".join(f"count(*) FILTER ({name})" for name in RULES)
    query = f"""
        WITH typed AS (
            SELECT *, try_cast(amount AS DOUBLE) AS number, try_cast("timestamp" AS TIMESTAMP) AS moment
            FROM read_csv(?, all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')
        ), judged AS (SELECT {flags} FROM typed)
        SELECT count(*), count(*) FILTER ({" OR ".join(RULES)}), {counts} FROM judged
    """
    rows, invalid, *_ = database.execute(query, [path]).fetchone()
    return rows, invalid


if __name__ == "__main__":
    measure.run("duckdb", duckdb.__version__, check)

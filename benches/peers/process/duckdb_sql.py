"""DuckDB: one query for each task."""

import duckdb
import task
from task import Work


def connect(work: Work) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    database.execute(f"SET threads = {work.threads}")
    return database


def table(work: Work) -> str:
    return f"read_csv('{work.input}', header = true, nullstr = ['{work.dataset.null}', ''])"


def group(work: Work) -> list:
    data = work.dataset
    query = f"SELECT {data.key}, count(*), sum({data.value}), avg({data.value}) FROM {table(work)} GROUP BY 1 ORDER BY 1"
    return connect(work).execute(query).fetchall()


def filter_rows(work: Work) -> None:
    data = work.dataset
    query = f"COPY (FROM {table(work)} WHERE {data.value} > {data.limit}) TO '{work.output}' (FORMAT csv, HEADER true)"
    connect(work).execute(query)


def stats_core(work: Work) -> list:
    data = work.dataset
    columns = [
        f"count({name}), min({name}), max({name}), approx_count_distinct({name})" for name in data.numbers
    ]
    # As texts, because moments would need one more library to become objects of Python.
    columns += [
        f"count({name}), min({name})::VARCHAR, max({name})::VARCHAR, approx_count_distinct({name})"
        for name in data.texts
    ]
    columns += [f"sum({name}), avg({name})" for name in data.numbers]
    query = f"SELECT count(*), {', '.join(columns)} FROM {table(work)}"
    row = connect(work).execute(query).fetchone()
    at = 1 + 4 * (data.numbers + data.texts).index(data.value)
    sums = 1 + 4 * len(data.numbers + data.texts) + 2 * data.numbers.index(data.value)
    return [row[0] - row[at], row[at + 1], row[at + 2], row[sums]]


def stats_all(work: Work) -> list:
    data = work.dataset
    database = connect(work)
    rows = database.execute(f"SUMMARIZE FROM {table(work)}").fetchall()
    names = [column[0] for column in database.description]
    row = next(dict(zip(names, row, strict=True)) for row in rows if row[0] == data.value)
    return [float(row["min"]), float(row["max"])]


def sort(work: Work) -> None:
    query = f"COPY (FROM {table(work)} ORDER BY {work.dataset.value}) TO '{work.output}' (FORMAT csv, HEADER true)"
    connect(work).execute(query)


def to_parquet(work: Work) -> None:
    query = f"COPY (FROM {table(work)}) TO '{work.output}' (FORMAT parquet, COMPRESSION zstd)"
    connect(work).execute(query)


def read_parquet(work: Work) -> int:
    batches = connect(work).execute(f"FROM read_parquet('{work.input}')").to_arrow_reader(100_000)
    return sum(batch.num_rows for batch in batches)


task.run(
    "DuckDB",
    duckdb.__version__,
    {
        "group": group,
        "filter": filter_rows,
        "stats_core": stats_core,
        "stats_all": stats_all,
        "sort": sort,
        "to_parquet": to_parquet,
        "read_parquet": read_parquet,
    },
)

"""DuckDB: one query for each task."""

import tempfile

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


def group_all(work: Work) -> list:
    data = work.dataset
    value = data.value
    wanted = f"{data.key}, count(*), sum({value}), avg({value}), min({value}), max({value}), approx_count_distinct({data.many})"
    rows = connect(work).execute(f"SELECT {wanted} FROM {table(work)} GROUP BY 1 ORDER BY 1").fetchall()
    return [row[:-1] for row in rows]


def filter_rows(work: Work, limit: float) -> None:
    data = work.dataset
    query = (
        f"COPY (FROM {table(work)} WHERE {data.value} > {limit}) TO '{work.output}' (FORMAT csv, HEADER true)"
    )
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


def sort(work: Work, database: duckdb.DuckDBPyConnection | None = None) -> None:
    query = f"COPY (FROM {table(work)} ORDER BY {work.dataset.value}) TO '{work.output}' (FORMAT csv, HEADER true)"
    (database or connect(work)).execute(query)


def sort_memory(work: Work) -> None:
    database = connect(work)
    database.execute(f"SET memory_limit = '{work.memory_bytes}B'")
    with tempfile.TemporaryDirectory() as folder:
        database.execute(f"SET temp_directory = '{folder}'")
        try:
            sort(work, database)
        except duckdb.OutOfMemoryException as error:
            raise task.Failed("out of memory") from error


def to_parquet(work: Work) -> None:
    query = f"COPY (FROM {table(work)}) TO '{work.output}' (FORMAT parquet, COMPRESSION zstd)"
    connect(work).execute(query)


def read_parquet(work: Work) -> int:
    batches = connect(work).sql(f"FROM read_parquet('{work.input}')").to_arrow_reader(100_000)
    return sum(batch.num_rows for batch in batches)


task.run(
    "DuckDB",
    duckdb.__version__,
    {
        "group": group,
        "group_all": group_all,
        "filter_few": lambda work: filter_rows(work, work.dataset.few),
        "filter_most": lambda work: filter_rows(work, work.dataset.most),
        "stats_core": stats_core,
        "stats_all": stats_all,
        "sort": sort,
        "sort_memory": sort_memory,
        "to_parquet": to_parquet,
        "check_parquet": read_parquet,
    },
)

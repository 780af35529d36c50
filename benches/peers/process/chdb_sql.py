"""chdb (ClickHouse in a process): one query for each task."""

import json

import chdb
import task
from task import Work

SETTINGS = (
    "format_csv_null_representation='{null}', input_format_csv_empty_as_default=0, max_threads={threads}"
)


def query(work: Work, text: str) -> list:
    settings = SETTINGS.format(null=work.dataset.null, threads=work.threads)
    if "INTO OUTFILE" in text:
        chdb.query(f"{text} SETTINGS {settings}")
        return []
    answer = chdb.query(f"{text} SETTINGS {settings}", "JSONCompact")
    return json.loads(answer.bytes())["data"]


def table(work: Work) -> str:
    return f"file('{work.input}', 'CSVWithNames')"


def group(work: Work) -> list:
    data = work.dataset
    text = f"SELECT {data.key}, count(*), sum({data.value}), avg({data.value}) FROM {table(work)} GROUP BY 1 ORDER BY 1"
    return [[key, int(count), float(total), mean] for key, count, total, mean in query(work, text)]


def group_all(work: Work) -> list:
    data = work.dataset
    value = data.value
    wanted = (
        f"{data.key}, count(*), sum({value}), avg({value}), min({value}), max({value}), uniq({data.many})"
    )
    rows = query(work, f"SELECT {wanted} FROM {table(work)} GROUP BY 1 ORDER BY 1")
    return [[key, *map(float, numbers)] for key, *numbers, _ in rows]


def filter_rows(work: Work, limit: float) -> None:
    data = work.dataset
    where = f"{data.value} > {limit}"
    query(
        work,
        f"SELECT * FROM {table(work)} WHERE {where} INTO OUTFILE '{work.output}' TRUNCATE FORMAT CSVWithNames",
    )


def columns(work: Work, more: str, more_of_numbers: str) -> list:
    data = work.dataset
    names = (data.value, *(name for name in data.numbers + data.texts if name != data.value))
    basic = "countIf(isNull({0})), min({0}), max({0}), uniqHLL12({0})"
    wanted = []
    for name in names:
        wanted.append(basic.format(name))
        if name in data.numbers:
            wanted.append(f"sum({name}), avg({name})")
            if more_of_numbers:
                wanted.append(more_of_numbers.format(name))
        elif more:
            wanted.append(more.format(name))
    (row,) = query(work, f"SELECT {', '.join(wanted)} FROM {table(work)}")
    return row


def stats_core(work: Work) -> list:
    nulls, least, greatest, _, total, *_ = columns(work, "", "")
    return [int(nulls), float(least), float(greatest), float(total)]


def stats_all(work: Work) -> list:
    more_of_numbers = "stddevSamp({0}), quantilesTDigest(0.25, 0.5, 0.75)({0}), topK(10)({0})"
    of_texts = "min(lengthUTF8(toString({0}))), max(lengthUTF8(toString({0}))), topK(10)({0})"
    _, least, greatest, *_ = columns(work, of_texts, more_of_numbers)
    return [float(least), float(greatest)]


def sort(work: Work) -> None:
    order = work.dataset.value
    query(
        work,
        f"SELECT * FROM {table(work)} ORDER BY {order} INTO OUTFILE '{work.output}' TRUNCATE FORMAT CSVWithNames",
    )


def to_parquet(work: Work) -> None:
    query(work, f"SELECT * FROM {table(work)} INTO OUTFILE '{work.output}' TRUNCATE FORMAT Parquet")


task.run(
    "chdb",
    chdb.__version__,
    {
        "group": group,
        "group_all": group_all,
        "filter_few": lambda work: filter_rows(work, work.dataset.few),
        "filter_most": lambda work: filter_rows(work, work.dataset.most),
        "stats_core": stats_core,
        "stats_all": stats_all,
        "sort": sort,
        "to_parquet": to_parquet,
    },
)

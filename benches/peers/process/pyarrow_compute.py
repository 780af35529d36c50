"""pyarrow: whole tables and compute functions; what can be streamed is streamed."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import task
from pyarrow import csv
from task import Work


def options(work: Work) -> dict:
    return {
        # The memos hold line ends.
        "parse_options": csv.ParseOptions(newlines_in_values=True),
        "convert_options": csv.ConvertOptions(null_values=[work.dataset.null, ""], strings_can_be_null=True),
    }


def read(work: Work) -> pa.Table:
    pa.set_cpu_count(work.threads)
    return csv.read_csv(work.input, **options(work))


def group(work: Work, *more: str) -> list:
    data = work.dataset
    functions = ("sum", "mean", *more)
    wanted = [([], "count_all"), *((data.value, function) for function in functions)]
    if more:
        wanted.append((data.many, "count_distinct"))
    groups = read(work).group_by(data.key).aggregate(wanted)
    columns = [data.key, "count_all", *(f"{data.value}_{function}" for function in functions)]
    return sorted(list(row.values()) for row in groups.select(columns).to_pylist())


def group_all(work: Work) -> list:
    return group(work, "min", "max")


def filter_rows(work: Work, limit: float) -> None:
    frame = read(work)
    csv.write_csv(frame.filter(pc.field(work.dataset.value) > limit), work.output)


def stats_core(work: Work) -> list:
    data = work.dataset
    frame = read(work)
    answer = []
    for name in data.numbers + data.texts:
        column = frame[name]
        extremes, _ = pc.min_max(column).as_py(), pc.count_distinct(column).as_py()
        if name in data.numbers:
            total, _ = pc.sum(column).as_py(), pc.mean(column).as_py()
            if name == data.value:
                answer = [column.null_count, extremes["min"], extremes["max"], total]
    return answer


def stats_all(work: Work) -> list:
    data = work.dataset
    frame = read(work)
    answer = []
    for name in data.numbers + data.texts:
        column = frame[name]
        extremes, _ = pc.min_max(column).as_py(), pc.count_distinct(column).as_py()
        if name in data.numbers:
            pc.sum(column), pc.mean(column), pc.stddev(column), pc.tdigest(column, q=[0.25, 0.5, 0.75])
            if name == data.value:
                answer = [extremes["min"], extremes["max"]]
        elif pa.types.is_string(column.type):
            pc.min_max(pc.utf8_length(column))
    return answer


def sort(work: Work) -> None:
    csv.write_csv(read(work).sort_by(work.dataset.value), work.output)


def to_parquet(work: Work) -> None:
    pa.set_cpu_count(work.threads)
    reader = csv.open_csv(work.input, **options(work))
    with pq.ParquetWriter(work.output, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


def read_parquet(work: Work) -> int:
    pa.set_cpu_count(work.threads)
    return sum(batch.num_rows for batch in ds.dataset(work.input).to_batches())


task.run(
    "pyarrow",
    pa.__version__,
    {
        "group": group,
        "group_all": group_all,
        "filter_few": lambda work: filter_rows(work, work.dataset.few),
        "filter_most": lambda work: filter_rows(work, work.dataset.most),
        "stats_core": stats_core,
        "stats_all": stats_all,
        "sort": sort,
        "to_parquet": to_parquet,
        "check_parquet": read_parquet,
    },
)

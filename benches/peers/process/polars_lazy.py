"""Polars: lazy frames on the streaming engine."""

import os

import task
from task import Work

# Read when the library is imported.
os.environ["POLARS_MAX_THREADS"] = str(task.arguments()[1].threads)

import polars as pl


def scan(work: Work) -> pl.LazyFrame:
    return pl.scan_csv(work.input, null_values=[work.dataset.null, ""], infer_schema_length=10_000)


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")


def group(work: Work) -> list:
    data = work.dataset
    value = pl.col(data.value)
    sums = scan(work).group_by(data.key).agg(pl.len(), value.sum().alias("sum"), value.mean().alias("mean"))
    return collect(sums).sort(data.key).rows()


def group_all(work: Work) -> list:
    data = work.dataset
    value = pl.col(data.value)
    wanted = [pl.len().alias("len"), value.sum().alias("sum"), value.mean().alias("mean")]
    wanted += [value.min().alias("min"), value.max().alias("max"), pl.col(data.many).approx_n_unique()]
    rows = collect(scan(work).group_by(data.key).agg(wanted)).sort(data.key)
    return rows.drop(data.many).rows()


def filter_rows(work: Work, limit: float) -> None:
    scan(work).filter(pl.col(work.dataset.value) > limit).sink_csv(work.output)


def core(work: Work) -> list[pl.Expr]:
    data = work.dataset
    wanted = [pl.len().alias("len")]
    for name in data.numbers + data.texts:
        column = pl.col(name)
        wanted += [
            column.null_count().alias(f"{name} nulls"),
            column.min().alias(f"{name} min"),
            column.max().alias(f"{name} max"),
            column.approx_n_unique().alias(f"{name} distinct"),
        ]
    for name in data.numbers:
        wanted += [pl.col(name).sum().alias(f"{name} sum"), pl.col(name).mean().alias(f"{name} mean")]
    return wanted


def stats_core(work: Work) -> list:
    value = work.dataset.value
    row = collect(scan(work).select(core(work))).row(0, named=True)
    return [row[f"{value} {what}"] for what in ("nulls", "min", "max", "sum")]


def stats_all(work: Work) -> list:
    data = work.dataset
    wanted = core(work)
    for name in data.numbers:
        column = pl.col(name)
        wanted.append(column.std().alias(f"{name} std"))
        wanted += [column.quantile(q).alias(f"{name} q{q}") for q in (0.25, 0.5, 0.75)]
    for name in data.texts:
        length = pl.col(name).str.len_chars()
        wanted += [length.min().alias(f"{name} shortest"), length.max().alias(f"{name} longest")]
    row = collect(scan(work).select(wanted)).row(0, named=True)
    return [row[f"{data.value} min"], row[f"{data.value} max"]]


def sort(work: Work) -> None:
    scan(work).sort(work.dataset.value).sink_csv(work.output)


def to_parquet(work: Work) -> None:
    scan(work).sink_parquet(work.output, compression="zstd")


def read_parquet(work: Work) -> int:
    return pl.read_parquet(work.input).height


task.run(
    "Polars",
    pl.__version__,
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

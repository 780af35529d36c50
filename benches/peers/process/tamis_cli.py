"""Tamis: the verb of each task as a process of its own, timed from its start to its end. `TAMIS` names the binary."""

import json
import os
import subprocess
import tempfile
import time
from typing import Any

import task
from task import Timed, Work

TAMIS = os.environ["TAMIS"]


def tamis(work: Work, *arguments: str) -> Timed:
    """Runs a command line; its answer is what it printed."""
    shared = ["--threads", str(work.threads), "--quiet"]
    with tempfile.NamedTemporaryFile() as figures:
        # The verb in the process that `tamis bench` uses, because it knows the peak of its own memory.
        command = [TAMIS, "measure", figures.name, *arguments, *shared]
        start = time.perf_counter()
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        seconds = time.perf_counter() - start
        peak = json.load(figures)["peak_rss_bytes"]
    return Timed(printed, seconds, peak)


def answered(run: Timed, answer: Any) -> Timed:
    return Timed(answer, run.seconds, run.peak_rss_bytes)


def dialect(work: Work) -> list[str]:
    return ["--missing-values", work.dataset.null] if work.dataset.null else []


def group(work: Work) -> Timed:
    data = work.dataset
    wanted = f"count() as n, sum({data.value}) as total, mean({data.value}) as mean"
    run = tamis(work, "group", work.input, "--by", data.key, "--agg", wanted, "--json", *dialect(work))
    rows = json.loads(run.answer)
    return answered(run, sorted([row[data.key], row["n"], row["total"], row["mean"]] for row in rows))


def group_all(work: Work) -> Timed:
    data = work.dataset
    value = data.value
    wanted = f"count() as n, sum({value}) as total, mean({value}) as mean, min({value}) as least, max({value}) as greatest"
    wanted += f", distinct({data.many}) as many"
    run = tamis(work, "group", work.input, "--by", data.key, "--agg", wanted, "--json", *dialect(work))
    columns = (data.key, "n", "total", "mean", "least", "greatest")
    return answered(run, sorted([row[column] for column in columns] for row in json.loads(run.answer)))


def filter_rows(work: Work, limit: float) -> Timed:
    where = f"{work.dataset.value} > {limit}"
    return tamis(work, "filter", work.input, "--where", where, "--output", work.output, *dialect(work))


def stats(work: Work, *options: str) -> tuple[Timed, dict]:
    run = tamis(work, "stats", work.input, "--json", *options, *dialect(work))
    columns = json.loads(run.answer)["columns"]
    return run, next(column for column in columns if column["name"] == work.dataset.value)


def stats_core(work: Work) -> Timed:
    run, column = stats(work, "--core")
    return answered(run, [column["nulls"]["count"], column["min"], column["max"], column["sum"]])


def stats_all(work: Work) -> Timed:
    run, column = stats(work)
    return answered(run, [column["min"], column["max"]])


def sort(work: Work, memory_bytes: int = 8_000_000_000) -> Timed:
    options = ("--by", work.dataset.value, "--memory", str(memory_bytes), "--output", work.output)
    return tamis(work, "sort", work.input, *options, *dialect(work))


def sort_memory(work: Work) -> Timed:
    return sort(work, work.memory_bytes)


def to_parquet(work: Work) -> Timed:
    options = ("--output-format", "parquet", "--compression", "zstd")
    return tamis(work, "convert", work.input, work.output, *options, *dialect(work))


def check(work: Work) -> Timed:
    run = tamis(work, "check", work.input, "--contract", f"{work.input}.odcs.yaml", "--json")
    rows = json.loads(run.answer)["rows"]
    assert rows["invalid"] == 0, rows
    return answered(run, rows["total"])


def version() -> str:
    return subprocess.run([TAMIS, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


task.run(
    "Tamis",
    version(),
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
        "check": check,
        "check_parquet": check,
    },
)

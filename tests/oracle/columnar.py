"""Holds `tamis check` to what pyarrow, Polars and DuckDB write and read: the same table in every form, the same counts.

Usage: python columnar.py --tamis BINARY

The table has nulls, empty texts, which are none, and a column of most types; what breaks the contract is counted in Python. Good rows, written as
Parquet and Arrow, are read back and must be those that Python says; with the bad ones they must be all. Prints how
many files agree, and ends with 1 if any does not.
"""

import argparse
import collections
import csv
import datetime
import decimal
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

ROWS = 20_000

CONTRACT = """
apiVersion: v3.0.2
kind: DataContract
id: columnar
version: 1.0.0
status: active
schema:
  - name: table
    properties:
      - {name: id, logicalType: string, required: true, unique: true, logicalTypeOptions: {pattern: "^TX[0-9]{6}$"}}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: quantity, logicalType: integer, logicalTypeOptions: {maximum: 98}}
      - {name: price, logicalType: number, logicalTypeOptions: {maximum: 99.5}}
      - {name: country, logicalType: string, logicalTypeOptions: {maxLength: 2}}
      - {name: day, logicalType: date, logicalTypeOptions: {minimum: "2020-01-05"}}
      - {name: at, logicalType: timestamp, required: true}
      - {name: ok, logicalType: boolean}
      - {name: code, logicalType: string, logicalTypeOptions: {minLength: 3}}
      - {name: note, logicalType: string, required: true, logicalTypeOptions: {minLength: 1}}
      - {name: tags, logicalType: array}
      - name: customer
        logicalType: object
        properties:
          - {name: city, logicalType: string, required: true}
          - {name: zip, logicalType: integer, logicalTypeOptions: {minimum: 100}}
"""


def rows(count: int) -> list[dict]:
    """Rows of which some break each rule."""
    chance = random.Random(7)
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

    def maybe(value):
        return None if chance.random() < 0.05 else value

    def row(number: int) -> dict:
        key = number - 1 if number % 997 == 996 else number
        return {
            "id": "TX?" if number % 1009 == 5 else f"TX{key:06d}",
            "amount": maybe(round(chance.uniform(-5, 1000), 2)),
            "quantity": maybe(chance.randrange(100)),
            "price": maybe(decimal.Decimal(chance.randrange(10_000)) / 100),
            "country": maybe(chance.choice(["DE", "FR", "US", "ABC"])),
            "day": maybe((start + datetime.timedelta(days=chance.randrange(100))).date()),
            "at": maybe(start + datetime.timedelta(microseconds=chance.randrange(10**15))),
            "ok": maybe(chance.random() < 0.5),
            "code": maybe(chance.choice([b"ab", b"abc", b"abcd"])),
            "note": maybe(chance.choice(["", "x", "a longer note"])),
            "tags": maybe([chance.randrange(9) for _ in range(chance.randrange(4))]),
            "customer": {"city": maybe("Bonn"), "zip": maybe(chance.randrange(50, 1000))},
        }

    return [row(number) for number in range(count)]


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("amount", pa.float64()),
        ("quantity", pa.int32()),
        ("price", pa.decimal128(12, 2)),
        ("country", pa.string()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("ok", pa.bool_()),
        ("code", pa.binary()),
        ("note", pa.string()),
        ("tags", pa.list_(pa.int32())),
        ("customer", pa.struct([("city", pa.string()), ("zip", pa.int64())])),
    ]
)


def faults(table: list[dict]) -> list[list[str]]:
    """The rules that each row breaks."""
    seen = set()

    def given(value, is_broken) -> bool:
        return value is not None and is_broken(value)

    def of(row: dict) -> list[str]:
        is_repeated = row["id"] in seen
        seen.add(row["id"])
        broken = {
            "id.pattern": row["id"] == "TX?",
            "id.unique": is_repeated,
            "amount.required": row["amount"] is None,
            "amount.minimum": given(row["amount"], lambda value: value < 0),
            "quantity.maximum": given(row["quantity"], lambda value: value > 98),
            "price.maximum": given(row["price"], lambda value: value > decimal.Decimal("99.5")),
            "country.maxLength": given(row["country"], lambda value: len(value) > 2),
            "day.minimum": given(row["day"], lambda value: value < datetime.date(2020, 1, 5)),
            "at.required": row["at"] is None,
            "code.minLength": given(row["code"], lambda value: len(value) < 3),
            "note.required": row["note"] is None,
            "note.minLength": given(row["note"], lambda value: len(value) < 1),
            "customer.city.required": row["customer"]["city"] is None,
            "customer.zip.minimum": given(row["customer"]["zip"], lambda value: value < 100),
        }
        return [rule for rule, is_broken in broken.items() if is_broken]

    return [of(row) for row in table]


def as_csv(table: list[dict]) -> list[dict]:
    """The rows as a CSV has them: an empty cell is null."""
    return [row | {"note": row["note"] or None} for row in table]


def expected(broken: list[list[str]]) -> dict[str, int]:
    """How many rows break each rule."""
    return dict(collections.Counter(rule for rules in broken for rule in rules))


def write_parquet(folder: pathlib.Path, table: pa.Table) -> None:
    """Every codec and every encoding of pyarrow; row groups small and large; what Polars and DuckDB make of it."""
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pq.write_table(table, folder / f"{codec}.parquet", compression=codec, row_group_size=3000)
    pq.write_table(table, folder / "v2.parquet", data_page_version="2.0", data_page_size=5000)
    pq.write_table(table, folder / "plain.parquet", use_dictionary=False, write_statistics=False)
    encodings = {
        "id": "DELTA_BYTE_ARRAY",
        "country": "DELTA_LENGTH_BYTE_ARRAY",
        "quantity": "DELTA_BINARY_PACKED",
        "amount": "BYTE_STREAM_SPLIT",
    }
    for version in ["1.0", "2.0"]:
        pq.write_table(
            table,
            folder / f"encodings-{version}.parquet",
            use_dictionary=False,
            column_encoding=encodings,
            data_page_version=version,
        )
    pq.write_table(table, folder / "int96.parquet", use_deprecated_int96_timestamps=True)
    data = polars.from_arrow(table)
    data.write_parquet(folder / "polars.parquet", row_group_size=2500)
    data.write_parquet(folder / "polars-lz4.parquet", compression="lz4")
    connection = duckdb.connect()
    connection.register("data", table)
    for codec in ["snappy", "zstd"]:
        to = folder / f"duckdb-{codec}.parquet"
        connection.sql(f"COPY (FROM data) TO '{to}' (FORMAT parquet, CODEC {codec})")


def write_arrow(folder: pathlib.Path, table: pa.Table) -> None:
    """Files and streams, packed and not, with dictionaries, views and large offsets."""
    index = table.schema.get_field_index("country")
    note = table.schema.get_field_index("note")
    encoded = table.set_column(index, "country", table["country"].dictionary_encode())
    encoded = encoded.set_column(note, "note", table["note"].dictionary_encode())
    views = table.set_column(index, "country", table["country"].cast(pa.string_view()))
    large = table.set_column(index, "country", table["country"].cast(pa.large_string()))
    for name, form in [("", table), ("-keys", encoded), ("-views", views), ("-large", large)]:
        with pa.ipc.new_file(folder / f"file{name}.arrow", form.schema) as writer:
            writer.write_table(form, max_chunksize=3000)
        with pa.ipc.new_stream(folder / f"stream{name}.arrows", form.schema) as writer:
            writer.write_table(form, max_chunksize=3000)
    for codec in ["uncompressed", "lz4", "zstd"]:
        feather.write_feather(encoded, folder / f"{codec}.feather", compression=codec)
    frame = polars.from_arrow(table)
    for codec in ["uncompressed", "lz4", "zstd"]:
        frame.write_ipc(folder / f"polars-{codec}.arrow", compression=codec)


def check(tamis: str, contract: pathlib.Path, file: pathlib.Path, *options: str) -> dict:
    command = [tamis, "check", str(file), "--contract", str(contract), "--format", "json", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{file.name}: {done.stderr}")
    return json.loads(done.stdout)


def flat(row: dict) -> dict:
    """A row as text has it: members of structs as columns, no lists, bytes as text."""
    values = {name: value for name, value in row.items() if name not in ("tags", "customer")}
    values["code"] = None if row["code"] is None else row["code"].decode()
    return values | {f"customer.{name}": value for name, value in row["customer"].items()}


def write_text(folder: pathlib.Path, table: list[dict]) -> list[pathlib.Path]:
    """The rows as CSV and as JSON lines, without lists."""
    rows = [flat(row) for row in table]
    text = folder / "text.csv"
    with text.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            moments = {name: row[name] and row[name].isoformat() for name in ("day", "at")}
            words = {"ok": None if row["ok"] is None else str(row["ok"]).lower()}
            writer.writerow(row | moments | words)
    lines = folder / "text.jsonl"
    with lines.open("w") as file:
        for row, whole in zip(rows, table, strict=True):
            moments = {name: row[name] and row[name].isoformat() for name in ("day", "at")}
            price = None if row["price"] is None else float(row["price"])
            values = {name: value for name, value in row.items() if "." not in name}
            values |= moments | {"price": price, "customer": whole["customer"]}
            file.write(json.dumps(values) + "\n")
    return [text, lines]


def read_back(file: pathlib.Path) -> list[list[dict]]:
    """The rows of a file as each of the libraries reads them."""
    if file.suffix == ".parquet":
        read = [pq.read_table(file), polars.read_parquet(file).to_arrow()]
        read.append(duckdb.sql(f"SET TimeZone = 'UTC'; FROM '{file}'").to_arrow_table())
    elif file.suffix == ".arrow":
        read = [feather.read_table(file), polars.read_ipc(file).to_arrow()]
    else:
        with pa.ipc.open_stream(file) as stream:
            read = [stream.read_all()]
    return [table.to_pylist() for table in read]


def differing(found: list[dict], wanted: list[dict]) -> str | None:
    """The first difference between rows, numbers compared by value."""
    if len(found) != len(wanted):
        return f"{len(found)} rows instead of {len(wanted)}"
    for row, (one, two) in enumerate(zip(found, wanted, strict=True)):
        for name, value in two.items():
            other = one[name]
            if isinstance(value, decimal.Decimal) and isinstance(other, float):
                value = float(value)
            if value != other:
                return f"good row {row}: {name} is {other!r} instead of {value!r}"
    return None


def good_files(
    tamis: str, contract: pathlib.Path, files: list[pathlib.Path], table: list[dict]
) -> tuple[int, list[str]]:
    """Writes the good rows of files as Parquet and Arrow, and has them read."""
    agreed, failed = 0, []
    for file in files:
        rows_of_file = as_csv(table) if file.suffix == ".csv" else table
        broken = faults(rows_of_file)
        good = [row for row, rules in zip(rows_of_file, broken, strict=True) if not rules]
        bad = [at + 1 for at, rules in enumerate(broken) if rules]
        wanted = [flat(row) for row in good] if file.stem == "text" else good
        for name in ["good.parquet", "good.arrow", "good.arrows"]:
            to = file.parent / name
            rejected = file.parent / "bad.csv"
            check(tamis, contract, file, "--good", str(to), "--bad", str(rejected))
            found = [differing(rows, wanted) for rows in read_back(to)]
            text = rejected.read_text().splitlines()
            if file.suffix == ".jsonl":
                numbers = [json.loads(line)["_tamis_row"] for line in text]
            else:
                numbers = [int(line["_tamis_row"]) for line in csv.DictReader(text)]
            if numbers != bad:
                found.append(f"{len(numbers)} bad rows instead of {len(bad)}")
            agreed += found.count(None)
            failed += [f"{file.name} -> {name}: {what}" for what in found if what]
    return agreed, failed


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tamis", required=True)
    tamis = arguments.parse_args().tamis
    agreed, failed = 0, []
    with tempfile.TemporaryDirectory() as name:
        contract = pathlib.Path(name, "contract.odcs.yaml")
        contract.write_text(CONTRACT)
        for count in [ROWS, 0]:
            values = rows(count)
            table = pa.Table.from_pylist(values, schema=SCHEMA)
            folder = pathlib.Path(name, str(count))
            folder.mkdir()
            write_parquet(folder, table)
            write_arrow(folder, table)
            if count == 0:
                pq.ParquetWriter(folder / "no-row-groups.parquet", SCHEMA).close()
            broken = faults(values)
            wanted = expected(broken)
            for file in sorted(folder.iterdir()):
                for options in [[], ["--threads", "1", "--io", "read"]]:
                    report = check(tamis, contract, file, *options)
                    found = {
                        f"{broken['column']}.{broken['rule']}": broken["count"]
                        for broken in report["violations"]["by_rule"]
                    }
                    if (report["rows"]["total"], found) == (count, wanted):
                        agreed += 1
                    else:
                        failed.append(f"{file.name} ({count} rows): {found} instead of {wanted}")
            if count > 0:
                names = ["zstd.parquet", "polars.parquet", "file-keys.arrow", "stream-views.arrows"]
                files = [folder / name for name in names] + write_text(folder, values)
                more = good_files(tamis, contract, files, values)
                agreed, failed = agreed + more[0], failed + more[1]
    for failure in failed:
        print(failure)
    print(f"{agreed} checks of files by pyarrow, Polars and DuckDB agree, {len(failed)} do not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

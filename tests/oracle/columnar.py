"""Holds `tamis check` to what pyarrow, Polars and DuckDB write: the same table in every form, the same counts.

Usage: python columnar.py --tamis BINARY

The table has nulls and a column of most types; what breaks the contract is counted in Python. Prints how many files
agree, and ends with 1 if any does not.
"""

import argparse
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
            "country": maybe(chance.choice(["DE", "FR", "US", "XXX"])),
            "day": maybe((start + datetime.timedelta(days=chance.randrange(100))).date()),
            "at": maybe(start + datetime.timedelta(microseconds=chance.randrange(10**15))),
            "ok": maybe(chance.random() < 0.5),
            "code": maybe(chance.choice([b"ab", b"abc", b"abcd"])),
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
        ("tags", pa.list_(pa.int32())),
        ("customer", pa.struct([("city", pa.string()), ("zip", pa.int64())])),
    ]
)


def expected(table: list[dict]) -> dict[str, int]:
    """How many rows break each rule."""
    counts: dict[str, int] = {}
    seen = set()

    def count(name: str, is_broken: bool) -> None:
        if is_broken:
            counts[name] = counts.get(name, 0) + 1

    def given(value, is_broken) -> bool:
        return value is not None and is_broken(value)

    for row in table:
        count("id.pattern", row["id"] == "TX?")
        count("id.unique", row["id"] in seen)
        seen.add(row["id"])
        count("amount.required", row["amount"] is None)
        count("amount.minimum", given(row["amount"], lambda value: value < 0))
        count("quantity.maximum", given(row["quantity"], lambda value: value > 98))
        count("price.maximum", given(row["price"], lambda value: value > decimal.Decimal("99.5")))
        count("country.maxLength", given(row["country"], lambda value: len(value) > 2))
        count("day.minimum", given(row["day"], lambda value: value < datetime.date(2020, 1, 5)))
        count("at.required", row["at"] is None)
        count("code.minLength", given(row["code"], lambda value: len(value) < 3))
        count("customer.city.required", row["customer"]["city"] is None)
        count("customer.zip.minimum", given(row["customer"]["zip"], lambda value: value < 100))
    return counts


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
    encoded = table.set_column(index, "country", table["country"].dictionary_encode())
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
            wanted = expected(values)
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
    for failure in failed:
        print(failure)
    print(f"{agreed} checks of files by pyarrow, Polars and DuckDB agree, {len(failed)} do not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

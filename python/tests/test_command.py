"""The `tamis` command that the package installs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tamis import Schema, __version__

#: What the entry point of the wheel is, without a shell that has to find it.
COMMAND = [sys.executable, "-c", "import sys; from tamis._command import main; sys.exit(main())"]


def tamis(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False
    )


@pytest.fixture
def contract(orders: Schema, tmp_path: Path) -> Path:
    path = tmp_path / "orders.odcs.yaml"
    orders.to_odcs(path)
    return path


def test_it_is_the_binary(contract: Path, orders_csv: Path) -> None:
    assert tamis("--version").stdout == f"tamis {__version__}\n".encode()
    ran = tamis("check", orders_csv, "--contract", contract, "--json")
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["rows"] == {"total": 4, "valid": 2, "invalid": 2}
    good = tamis("check", "-", "--contract", contract, stdin=b"id\nO-1\n")
    assert (good.returncode, good.stderr) == (0, b"")
    usage = tamis("check", "--what")
    assert usage.returncode == 2
    assert b"--what" in usage.stderr
    assert tamis("check", orders_csv.with_name("none.csv"), "--contract", contract).returncode == 3


def test_it_runs_again_in_the_same_process(contract: Path, tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    os.mkfifo(endless)
    code = f"""
import os, signal, threading
from tamis._tamis import run_command
for _ in range(2):
    assert run_command(["tamis", "--version"]) == 0
    print(flush=True)
feed = os.open({str(endless)!r}, os.O_RDWR)
os.write(feed, b"id\\n")
threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
print(run_command(["tamis", "check", {str(endless)!r}, "--contract", {str(contract)!r}]), flush=True)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert b"cannot be handled" not in ran.stderr
    assert ran.stdout.split()[-1] == b"130"


def test_the_installed_script_is_there() -> None:
    script = Path(sys.executable).with_name("tamis")
    if not script.exists():
        pytest.skip("the package is not installed in this environment")
    assert subprocess.run([script, "--version"], capture_output=True, check=True).stdout.startswith(b"tamis ")


def test_it_is_a_module_too(contract: Path) -> None:
    module = [sys.executable, "-m", "tamis"]
    version = subprocess.run([*module, "--version"], capture_output=True, check=True)
    assert version.stdout == f"tamis {__version__}\n".encode()
    usage = subprocess.run([*module, "check"], capture_output=True, check=False)
    assert usage.returncode == 2
    assert b"Usage: tamis check" in usage.stderr


def test_arguments_need_not_be_utf8(contract: Path, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.csv"
    Path(os.fsdecode(path)).write_bytes(b"id\nO-1\n")
    ran = subprocess.run(
        [*COMMAND, "check", path, "--contract", contract], capture_output=True, timeout=60, check=False
    )
    assert ran.returncode == 0


def test_ctrl_c_ends_it_with_130(contract: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "check", "-", "--input-format", "csv", "--contract", contract, "--progress", "never"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b"id\n" + b"O-1\n" * 10_000)
    process.stdin.flush()
    # The handler is there once the pipe has been emptied into the command's own buffers.
    process.stdin.write(b"O-1\n" * 50_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    # The input stays open: at its end a run may be over before it hears the signal.
    process.wait(timeout=20)
    out, err = process.communicate()
    assert process.returncode == 130, (out, err)
    assert b"Traceback" not in err


def test_a_closed_pipe_ends_it_quietly(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "gen", "transactions", "--rows", "200000", "-o", "-"],
        stdout=writing,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    os.close(writing)
    assert os.read(reading, 10)
    os.close(reading)
    _, err = process.communicate(timeout=20)
    assert b"Traceback" not in err
    assert b"panic" not in err
    assert b"Broken pipe" not in err

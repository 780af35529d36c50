"""The `parquet` crate, which Tamis reads Parquet with, by itself: columns are decoded and nothing is done with them.

A process of its own, timed from its start to its end. `DECODE` names the program, `crates/formats/examples/decode.rs`.
"""

import os
import re
import resource
import subprocess
import time
from pathlib import Path

import task
from task import Timed, Work


def decode(work: Work) -> Timed:
    command = [os.environ["DECODE"], work.input, "", str(work.threads)]
    start = time.perf_counter()
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Timed(int(printed.split()[0]), seconds, peak)


def version() -> str:
    lock = Path(__file__).parents[3] / "Cargo.lock"
    found = re.search(r'name = "parquet"\nversion = "([^"]+)"', lock.read_text())
    assert found is not None
    return found[1]


task.run("parquet crate", version(), {"check_parquet": decode})

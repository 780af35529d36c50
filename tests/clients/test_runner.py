"""Runs the tests of librdkafka that need a broker against `tamis serve`: a score of how much of Kafka is there.

Usage: python test_runner.py --tamis BINARY --runner FOLDER [--tools CLASS_PATH] [--tests NNNN,...] [--jobs N] [--write FILE]

FOLDER is `tests` of the tree of librdkafka, with `test-runner` built; CLASS_PATH is that of Kafka's own tools, which some tests start. Each test runs in a process of its own, in full (not `-Q`, with which
many do nothing), for a minute and a half at most. What came of it is written as a table between two marks in FILE, with a
reason where `REASONS` has one. Ends with 1 if a test failed for which no reason is known.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from broker import Broker

LIMIT_SECONDS = 90
BEGIN, END = "<!-- test-runner: begin -->", "<!-- test-runner: end -->"

# What a test needs that the broker has not, or needs more than the runner gives it.
TRANSACTIONS = "its last part needs transactions"
ACCESS = "forbids a topic to everybody (`kafka-acls.sh`): there is no authorization"
BROKERS = "makes a topic of three replicas, and there is one broker"
REASONS = {
    "0055": "allows six milliseconds for an answer, which a busy disk needs to make records durable",
    "0061": TRANSACTIONS,
    "0077": "asks Kafka's own tool for segments of 10 kB, which refuses less than a megabyte",
    "0081": "sets `compression.type` of a topic: the broker keeps batches as they come, and refuses what it does not do",
    "0103": "needs transactions",
    "0107": BROKERS,
    "0109": ACCESS,
    "0111": BROKERS,
    "0113": "takes longer than the limit",
    "0115": ACCESS,
    "0119": ACCESS,
    "0129": "needs transactions",
    "0137": TRANSACTIONS,
}


@dataclass
class Outcome:
    """What came of the tests of a number."""

    number: str
    name: str
    result: str
    seconds: float
    told: str


@dataclass(frozen=True)
class Server:
    """A broker as the tests of a scenario want it, and the file that tells them of it."""

    scenario: str
    bootstrap: str
    conf: Path


def numbers(folder: Path) -> dict[tuple[str, str], str]:
    """The tests that need a broker, and no other one: name by number and scenario."""
    source = (folder / "test.c").read_text()
    found = {}
    for name, rest in re.findall(r"\b_TEST\((\d{4}\w+),((?:(?!\b_TEST\().)*)", source, re.DOTALL):
        is_apart = re.search(r"F_LOCAL|F_MANUAL|F_KNOWN_ISSUE\b", rest) or name.endswith("_mock")
        scenario = re.search(r'\.scenario = "(\w+)"', rest)
        if not is_apart:
            found.setdefault((name[:4], scenario[1] if scenario else "default"), name)
    return found


def write_tools(folder: Path, class_path: str) -> None:
    """Programs where a distribution of Kafka has them."""
    (folder / "bin").mkdir(parents=True)
    for name, main in {"kafka-topics": "TopicCommand", "kafka-acls": "AclCommand"}.items():
        script = folder / "bin" / f"{name}.sh"
        java = f"java -XX:TieredStopAtLevel=1 -cp '{class_path}' org.apache.kafka.tools.{main}"
        script.write_text(f'#!/bin/sh\nexec {java} "$@"\n')
        script.chmod(0o755)


def run(folder: Path, server: Server, number: str, name: str) -> Outcome:
    """Runs the tests of a number; what they tell is kept from the line on which they fail."""
    report = server.conf.with_name(f"{number}-{server.scenario}.json")
    environment = {
        "TESTS": number,
        "TEST_KAFKA_VERSION": "4.1.0",
        "TEST_REPORT": str(report),
        "RDKAFKA_TEST_CONF": str(server.conf),
        "BROKERS": server.bootstrap,
        "TEST_SCENARIO": server.scenario,
        "KAFKA_PATH": str(server.conf.with_name("kafka")),
        "LD_LIBRARY_PATH": f"{folder.parent / 'src'}:{folder.parent / 'src-cpp'}",
    }
    start = time.monotonic()
    try:
        # `-L`: those that need no broker say nothing about ours. `-a`: at the first failure, the end.
        finished = subprocess.run(
            ["./test-runner", "-L", "-p1", "-a"],
            cwd=folder,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        output, result = finished.stdout, "passed" if finished.returncode == 0 else "failed"
        if result == "passed" and "PASSED" not in states(report, number):
            result = "skipped"
    except subprocess.TimeoutExpired as late:
        output, result = late.stdout or b"", "too long"
    seconds = time.monotonic() - start
    return Outcome(number, name, result, seconds, telling(output.decode(errors="replace")))


def states(report: Path, number: str) -> list[str]:
    """What came of the tests of a number; the report has all there are, and the runner itself."""
    tests = json.loads(report.read_text())["tests"]
    return [it["state"] for name, it in tests.items() if name.startswith(number)]


def telling(output: str) -> str:
    """The line that says why, or else the last one."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = [it.strip() for it in plain.splitlines() if it.strip()]
    if found := [index for index, it in enumerate(lines) if "TEST FAILURE" in it]:
        # The mark is a line of its own, and the next one says what it is about.
        return " ".join(lines[found[0] : found[0] + 3])[:400]
    for it in lines:
        if (skipped := re.search(r"SKIPPING TEST: ([^\[]*)", it)) and "test flags" not in it:
            return skipped[1]
    return lines[-1][:300] if lines else ""


def table(outcomes: list[Outcome], version: str) -> str:
    counts = {
        result: sum(it.result == result for it in outcomes)
        for result in ("passed", "failed", "too long", "skipped")
    }
    told = ", ".join(f"{count} {result}" for result, count in counts.items() if count)
    lines = [f"librdkafka {version}, {len(outcomes)} tests: {told}.".replace("  ", " ")]
    lines += ["", "| test | result | seconds | |", "|---|---|---|---|"]
    for it in outcomes:
        known = {"passed": "", "skipped": it.told}
        reason = known.get(it.result, REASONS.get(it.number, ""))
        lines.append(f"| {it.name} | {it.result} | {it.seconds:.0f} | {reason} |")
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    before, rest = path.read_text().split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--runner", required=True, type=Path)
    parser.add_argument("--version", default="", help="of librdkafka, to be told")
    parser.add_argument("--tools", help="class path of Kafka's own tools")
    parser.add_argument("--tests", help="numbers of tests, with commas; all, unless told otherwise")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    asked = numbers(options.runner)
    if options.tests:
        wanted = options.tests.split(",")
        asked = {key: name for key, name in asked.items() if key[0] in wanted}
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        brokers = {
            "default": Broker(options.tamis, f"{folder}/default", "--partitions", "4"),
            "noautocreate": Broker(options.tamis, f"{folder}/noautocreate", "--no-auto-create"),
        }
        servers = {}
        for scenario, broker in brokers.items():
            conf = Path(folder) / f"{scenario}.conf"
            conf.write_text(f"bootstrap.servers={broker.bootstrap}\ntest.topic.random=true\n")
            servers[scenario] = Server(scenario, broker.bootstrap, conf)
        if options.tools:
            write_tools(Path(folder) / "kafka", options.tools)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            tests = [
                pool.submit(run, options.runner, servers[scenario], number, name)
                for (number, scenario), name in asked.items()
            ]
            for test in concurrent.futures.as_completed(tests):
                outcome = test.result()
                outcomes.append(outcome)
                told = "" if outcome.result == "passed" else f": {outcome.told}"
                print(f"{outcome.name}: {outcome.result} ({outcome.seconds:.0f} s){told}", flush=True)
        for broker in brokers.values():
            broker.end()
    outcomes.sort(key=lambda it: it.name)
    text = table(outcomes, options.version)
    print(text)
    if options.write:
        write(options.write, text)
    unknown = [
        it.name for it in outcomes if it.result not in ("passed", "skipped") and it.number not in REASONS
    ]
    print(f"failed, and nobody knows why: {', '.join(unknown) or 'none'}")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())

"""Holds `tamis serve` to the clients that people have: each produces and consumes, joins groups, administers, and meets errors.

Usage: python run.py --tamis BINARY [--java CLASS_PATH] [--franz-go BINARY] [--kafkajs NODE_MODULES] [--only CLIENT]

Starts a broker of its own in a temporary folder, one behind a line that breaks (`relay.py`), one that asks who is there (`with_users.py`), and one
that speaks TLS (`over_tls.py`), runs the checks of all clients against them, one
line for each, ends them, and starts the first again to see that all of it is still there. Ends with 1 if any check failed.

A client of Python is a module here with a list called `CHECKS`, and one called `RETRIES` whose checks go over the line that breaks; a check is
a function of the address that raises if something is wrong. Another one is a program that is given both addresses and writes
a line for each check, and one that does what `contracts_elsewhere.py` tells it. Without kcat, or what the others need, their checks are left out, and a line says so.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import contracts
import contracts_elsewhere
import over_tls
import with_aiokafka
import with_confluent
import with_kafka_python
import with_kcat
import with_users
from broker import Broker
from common import fresh_topic, records, same
from relay import Relay

MODULES = [with_confluent, with_kafka_python, with_aiokafka]
HERE = Path(__file__).parent
PROGRAM_SECONDS = 120


class Checks:
    """Runs checks, tells of each, and counts those that failed."""

    def __init__(self) -> None:
        self.failed = 0

    def run(self, name: str, check: Callable[[], None]) -> None:
        start = time.monotonic()
        try:
            check()
            outcome = "ok"
        except Exception:  # noqa: BLE001 - whatever a client raises is what it thinks of us
            self.failed += 1
            outcome = "FAILED\n" + traceback.format_exc()
        print(f"{name} ({time.monotonic() - start:.1f} s) {outcome}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--java", help="class path of Kafka's own client")
    parser.add_argument("--franz-go", help="the program made from go/")
    parser.add_argument("--kafkajs", help="folder of its package")
    parser.add_argument("--only", help="the one client to run, or `users` for those who log in")
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(options.tamis, f"{folder}/direct")
        relay = Relay()
        behind = Broker(options.tamis, f"{folder}/behind", "--advertise", relay.address)
        host, port = behind.bootstrap.split(":")
        relay.target = host, int(port)
        for module in modules(options.only):
            of_contracts = contracts.checks(options.tamis, module.__name__)
            run_module(checks, module, broker.bootstrap, relay, of_contracts)
        if options.only in (None, "users"):
            guarded = with_users.start(options.tamis, f"{folder}/guarded")
            run_module(checks, with_users, guarded.bootstrap, relay)
            guarded.end()
        for name, (clients, of_contracts) in programs(options).items():
            if options.only in (None, name):
                run_program(checks, name, [*clients, broker.bootstrap, relay.address], relay)
                for check in contracts_elsewhere.checks(options.tamis, name, of_contracts):
                    checks.run(f"{name}: {check.__name__}", lambda check=check: check(broker.bootstrap))
        behind.end()
        over_tls.run(checks, options.tamis, Path(folder), options.only)
        checks.run(
            "all of it is there after a restart", lambda: restart(options.tamis, f"{folder}/direct", broker)
        )
    return 1 if checks.failed else 0


def modules(only: str | None) -> list:
    found = list(MODULES)
    if shutil.which("kcat"):
        found.append(with_kcat)
    else:
        print("NOTICE: kcat is missing; its checks are left out")
    return [it for it in found if only in (None, it.__name__.removeprefix("with_"))]


def programs(options: argparse.Namespace) -> dict[str, tuple[list[str], list[str]]]:
    """The clients of other languages, of which somebody said where they are: what runs their checks, and what meets contracts."""
    found = {}
    if options.java:
        # The compiler in one run with the program: what is quick to compile need not be quick to run.
        java = ["java", "-XX:TieredStopAtLevel=1", "-cp", options.java]
        found["java"] = [*java, f"{HERE}/java/Clients.java"], [*java, f"{HERE}/java/Contracts.java"]
    if options.franz_go:
        found["franz-go"] = [options.franz_go], [options.franz_go, "contracts"]
    if options.kafkajs:
        scripts = [f"{HERE}/node/{it}.js" for it in ("clients", "contracts")]
        found["kafkajs"] = tuple(["node", it, options.kafkajs] for it in scripts)
    return found


def run_module(checks: Checks, module, bootstrap: str, relay: Relay, more: Sequence = ()) -> None:
    for check in [*module.CHECKS, *more]:
        checks.run(f"{module.__name__}: {check.__name__}", lambda check=check: check(bootstrap))
    for check in getattr(module, "RETRIES", []):
        checks.run(f"{module.__name__}: {check.__name__}", lambda check=check: over(relay, check))


def over(relay: Relay, check: Callable[[str], None]) -> None:
    before = relay.cuts
    check(relay.address)
    same(relay.cuts > before, True, "the line broke")


def run_program(checks: Checks, name: str, command: list[str], relay: Relay) -> None:
    def run(_address: str) -> None:
        finished = subprocess.run(command, timeout=PROGRAM_SECONDS, check=False)
        same(finished.returncode, 0, "exit code")

    checks.run(name, lambda: over(relay, run))


def restart(tamis: str, folder: str, broker: Broker) -> None:
    topic = fresh_topic("kept")
    sent = records(500)
    with_confluent.produce(broker.bootstrap, topic, sent)
    broker.end()
    broker = Broker(tamis, folder)
    same(with_confluent.read(broker.bootstrap, topic, len(sent)), sent, "after a restart")
    broker.end()


if __name__ == "__main__":
    sys.exit(main())

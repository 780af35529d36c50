"""Holds `tamis serve` to the clients that people have: each produces and consumes, makes topics, and meets errors.

Usage: python run.py --tamis BINARY

Starts a broker of its own in a temporary folder, runs the checks of all clients against it, one line for each, ends it, and starts it
again to see that all of it is still there. Ends with 1 if any check failed. A client is a module here with a list called
`CHECKS`; a check is a function of the address that raises if something is wrong. Without kcat its checks are left out, and a line
says so.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import with_aiokafka
import with_confluent
import with_kafka_python
import with_kcat
from common import fresh_topic, records, same

CLIENTS = [with_confluent, with_kafka_python, with_aiokafka]
START_SECONDS = 20


class Broker:
    """A `tamis serve` on a port that was free."""

    def __init__(self, tamis: str, folder: str) -> None:
        command = [tamis, "serve", "--data", folder, "--listen", "127.0.0.1:0", "--http", "none"]
        command += ["--log-format", "json"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.told: list[str] = []
        self.bootstrap = ""
        # Read to its end, or else the broker would wait for us.
        self.reading = threading.Thread(target=self.read, daemon=True)
        self.reading.start()
        until = time.monotonic() + START_SECONDS
        while not self.bootstrap:
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit(f"tamis serve does not start: {''.join(self.told)}")
            time.sleep(0.01)

    def read(self) -> None:
        for line in self.process.stderr:
            self.told.append(line)
            if line.startswith("{") and (event := json.loads(line)).get("message") == "ready":
                self.bootstrap = event["listen"]

    def end(self) -> None:
        """Ends it as a service would; in order, or the check fails."""
        self.process.send_signal(signal.SIGTERM)
        same(self.process.wait(timeout=START_SECONDS), 0, f"exit code, after {''.join(self.told[-5:])}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    tamis = parser.parse_args().tamis
    clients = list(CLIENTS)
    if shutil.which("kcat"):
        clients.append(with_kcat)
    else:
        print("NOTICE: kcat is missing; its checks are left out")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(tamis, folder)
        for client in clients:
            for check in client.CHECKS:
                start = time.monotonic()
                try:
                    check(broker.bootstrap)
                    outcome = "ok"
                except Exception:  # noqa: BLE001 - whatever a client raises is what it thinks of us
                    failed += 1
                    outcome = "FAILED\n" + traceback.format_exc()
                print(
                    f"{client.__name__}: {check.__name__} ({time.monotonic() - start:.1f} s) {outcome}",
                    flush=True,
                )
        topic = fresh_topic("kept")
        sent = records(500)
        with_confluent.produce(broker.bootstrap, topic, sent)
        broker.end()
        broker = Broker(tamis, folder)
        same(with_confluent.read(broker.bootstrap, topic, len(sent)), sent, "after a restart")
        broker.end()
        print("all of it is there after a restart")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""A `tamis serve` to test, in a process of its own."""

import json
import signal
import subprocess
import sys
import threading
import time

from common import same

START_SECONDS = 20


class Broker:
    """A `tamis serve` on a port that was free, or on the one that is asked for; serving when this returns, unless nobody waits for it."""

    def __init__(
        self, tamis: str, folder: str, *options: str, port: int = 0, http: str = "none", waits: bool = True
    ) -> None:
        command = [tamis, "serve", "--data", folder, "--listen", f"127.0.0.1:{port}", "--http", http]
        command += ["--log-format", "json", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.told: list[str] = []
        self.bootstrap = ""
        # Where its page is, if it has one.
        self.http = ""
        # Read to its end, or else the broker would wait for us.
        self.reading = threading.Thread(target=self.read, daemon=True)
        self.reading.start()
        until = time.monotonic() + START_SECONDS
        while waits and not self.bootstrap:
            if self.process.poll() is not None or time.monotonic() > until:
                code = self.process.poll()
                self.kill()
                sys.exit(f"tamis serve does not start (exit code {code}): {''.join(self.told)}")
            time.sleep(0.01)

    def read(self) -> None:
        for line in self.process.stderr:
            self.told.append(line)
            if line.startswith("{") and (event := json.loads(line)).get("message") == "ready":
                self.http = event.get("http", "")
                self.bootstrap = event["listen"]

    def kill(self) -> None:
        """Ends it at once, whatever it is about to do."""
        self.process.kill()
        self.process.wait(timeout=START_SECONDS)

    def end(self) -> None:
        """Ends it as a service would; in order, or the check fails."""
        self.process.send_signal(signal.SIGTERM)
        same(self.process.wait(timeout=START_SECONDS), 0, f"exit code, after {''.join(self.told[-5:])}")

"""Topics with contracts, as clients of other languages meet them: what `contracts.py` does, done by programs that send and read for it.

A program is told what to do, a line each, and answers with a line for each record and an empty one; words are apart by tabs:

- `send TOPIC CODEC FILE`: the lines of the file in one batch. `taken`, or `refused`, the kind of error and its message.
- `stream TOPIC CODEC FILE`: each line in a batch of its own, without waiting, by a producer that numbers its records. The same answers.
- `read TOPIC COUNT`: as many records of partition 0 from its start. `bad` if a header says so, else `good`, and the value.

Producers live on behind what is refused.
"""

import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import contracts
from common import CODECS, fresh_topic, same
from contracts import VALUES, Found

SECONDS = 180
# Of the values, one after the other, so that refusals meet what is on its way behind them.
ROUNDS = 5

# What clients call error 87.
KINDS = {"java": "InvalidRecordException", "franz-go": "INVALID_RECORD", "kafkajs": "INVALID_RECORD"}
# What Java's client says of good records beside bad ones, and a value's reason.
BESIDE = "part of a batch"
REASONS = {VALUES[1]: "amount: minimum: ", VALUES[5]: "id: required: "}


class Program:
    """One that does what it is told."""

    def __init__(self, name: str, command: list[str], bootstrap: str) -> None:
        self.name = name
        self.folder = tempfile.TemporaryDirectory()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*command, bootstrap], stdin=pipe, stdout=pipe, encoding="utf-8")
        self.limit = threading.Timer(SECONDS, self.process.kill)
        self.limit.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self.process.stdin.close()
        code = self.process.wait()
        self.limit.cancel()
        self.folder.cleanup()
        if failed is None:
            same(code, 0, "exit code")

    def ask(self, *words: str) -> list[list[str]]:
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        answer = []
        for line in self.process.stdout:
            if line == "\n":
                return answer
            answer.append(line.rstrip("\n").split("\t"))
        raise AssertionError(f"{self.name} ended at {words} after {answer}")

    def outcomes(self, what: str, topic: str, values: list[str], codec: str) -> list[list[str]]:
        file = Path(self.folder.name) / "values"
        file.write_text("".join(f"{it}\n" for it in values))
        outcomes = self.ask(what, topic, codec, str(file))
        same(len(outcomes), len(values), f"answers: {outcomes}")
        return outcomes

    def send(self, _bootstrap: str, topic: str, values: list[str], codec: str) -> bool:
        refused = [it for it in self.outcomes("send", topic, values, codec) if it != ["taken"]]
        same(len(refused) in (0, len(values)), True, f"all or nothing: {refused}")
        for _, kind, message in refused:
            same(kind == KINDS[self.name] or BESIDE in message, True, f"{kind}: {message}")
        return not refused

    def read(self, _bootstrap: str, topic: str, count: int) -> Found:
        return [(value, verdict == "bad") for verdict, value in self.ask("read", topic, str(count))]


def checks(tamis: str, name: str, command: list[str]) -> list[Callable[[str], None]]:
    good = contracts.accepted(tamis)

    def with_contracts(bootstrap: str) -> None:
        with Program(name, command, bootstrap) as program:
            contracts.in_all_modes(bootstrap, good, program.send, program.read)
            for codec in CODECS:
                streamed(bootstrap, program, codec, good)
            if name == "java":
                record_errors(bootstrap, program, good)

    return [with_contracts]


def streamed(bootstrap: str, program: Program, codec: str, good: list[str]) -> None:
    """Whatever is refused in between, and however often: what was taken is there once, in order, and nothing else."""
    topic = fresh_topic("contract")
    contracts.create(bootstrap, topic, "reject")
    # A producer whose very first batch is refused, with others behind it.
    wanted = [*reversed(VALUES)] * ROUNDS
    taken = []
    while wanted:
        outcomes = program.outcomes("stream", topic, wanted, codec)
        got = [value for value, it in zip(wanted, outcomes, strict=True) if it == ["taken"]]
        kinds = {it[1] for it in outcomes if it != ["taken"]}
        same(kinds <= {KINDS[program.name]}, True, f"{codec}: {kinds}")
        same([it for it in got if it not in good], [], f"{codec}: bad records that were taken")
        taken += got
        left = [value for value, it in zip(wanted, outcomes, strict=True) if it != ["taken"]]
        wanted = [it for it in left if it in good]
        # franz-go gives up what it holds behind a refusal; it is sent again.
        same(wanted == [] or program.name == "franz-go", True, f"{codec}: good records are refused: {wanted}")
    same(len(taken), ROUNDS * len(good), f"{codec}: records that were taken")
    same(program.read(bootstrap, topic, len(taken)), [(it, False) for it in taken], f"{codec}: a stream")
    same(contracts.end(bootstrap, topic), len(taken), f"{codec}: the end of a stream")


def record_errors(bootstrap: str, program: Program, good: list[str]) -> None:
    """Of a batch that is refused, Java's client tells for each record whether it was the reason."""
    topic = fresh_topic("contract")
    contracts.create(bootstrap, topic, "reject")
    outcomes = dict(zip(VALUES, program.outcomes("send", topic, VALUES, "none"), strict=True))
    blamed = [value for value, (_, kind, _) in outcomes.items() if kind == KINDS["java"]]
    same(blamed, [it for it in VALUES if it not in good], "who is to blame")
    for value, reason in REASONS.items():
        same(outcomes[value][2].startswith(reason), True, f"{outcomes[value]}")

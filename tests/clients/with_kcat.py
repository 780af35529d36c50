"""kcat of Debian, which is librdkafka of some years ago."""

import json
import subprocess

from common import CODECS, fresh_topic, same

PATIENCE = 60


def kcat(bootstrap: str, *arguments: str, stdin: str = "") -> str:
    command = ["kcat", "-b", bootstrap, "-q", *arguments]
    finished = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if finished.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {finished.stderr.strip()}")
    return finished.stdout


def round_trips(bootstrap: str) -> None:
    for codec in CODECS:
        topic = fresh_topic("kcat")
        lines = [f"key{number}:value {number} größer" for number in range(500)]
        text = "".join(f"{line}\n" for line in lines)
        kcat(bootstrap, "-P", "-t", topic, "-p", "0", "-K:", "-z", codec, "-H", "kind=test", stdin=text)
        found = kcat(bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-f", "%o %k:%s %h\n")
        expected = "".join(f"{offset} {line} kind=test\n" for offset, line in enumerate(lines))
        same(found, expected, codec)


def metadata(bootstrap: str) -> None:
    topic = fresh_topic("kcat")
    kcat(bootstrap, "-P", "-t", topic, stdin="a\nb\n")
    listed = json.loads(kcat(bootstrap, "-L", "-J", "-t", topic))
    same([it["topic"] for it in listed["topics"]], [topic], "topics")
    same([it["name"] for it in listed["brokers"]], [bootstrap], "brokers")
    same(kcat(bootstrap, "-Q", "-t", f"{topic}:0:-1").strip(), f"{topic} [0] offset 2", "the last offset")


def errors(bootstrap: str) -> None:
    topic = fresh_topic("kcat")
    kcat(bootstrap, "-P", "-t", topic, stdin="a\n")
    command = ["kcat", "-b", bootstrap, "-C", "-t", topic, "-p", "9", "-e"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    same("partition 9 does not exist" in finished.stderr, True, finished.stderr)


def groups(bootstrap: str) -> None:
    topic = fresh_topic("kcat")
    consume = ["-G", f"group-of-{topic}", "-e", "-X", "auto.offset.reset=earliest", "-f", "%o %s\n", topic]
    for first in (0, 100):
        values = [f"value {offset}\n" for offset in range(first, first + 100)]
        kcat(bootstrap, "-P", "-t", topic, stdin="".join(values))
        # The second time it goes on behind what it has committed.
        expected = "".join(f"{offset} {value}" for offset, value in enumerate(values, first))
        same(kcat(bootstrap, *consume), expected, f"what the group reads from {first} on")
    same(kcat(bootstrap, *consume), "", "what is left")


def idempotence(bootstrap: str) -> None:
    """Batches of a few records, one after the other; over a line that breaks some of them are sent again."""
    topic = fresh_topic("kcat")
    lines = "".join(f"line {number}\n" for number in range(200))
    options = [
        "enable.idempotence=true",
        "batch.num.messages=5",
        "retry.backoff.ms=10",
        "reconnect.backoff.ms=10",
        "reconnect.backoff.max.ms=50",
    ]
    properties = [word for option in options for word in ("-X", option)]
    # With `-E` a line that breaks is no reason to end.
    kcat(bootstrap, "-P", "-E", "-t", topic, *properties, stdin=lines)
    same(kcat(bootstrap, "-C", "-t", topic, "-o", "beginning", "-e"), lines, "each line once, in order")


CHECKS = [round_trips, metadata, errors, groups, idempotence]
RETRIES = [idempotence]

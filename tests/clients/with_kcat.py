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


CHECKS = [round_trips, metadata, errors]

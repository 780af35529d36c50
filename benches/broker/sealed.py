"""Loads a broker with large batches of messages, with TLS or without it.

Usage: python sealed.py produce ADDRESS TOPIC MESSAGES SIZE CODEC FILE [CA]
       python sealed.py consume ADDRESS TOPIC MESSAGES [CA]

The values are pieces of the file, so long each, one behind the other and then from the start again. With the file of an authority it goes by TLS.
Prints one JSON object: how many messages there were, how many seconds they took, from the first to the last, and how many seconds of processors this
program took meanwhile.
"""

import itertools
import json
import sys
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from stopwatch import Stopwatch

PATIENCE_SECONDS = 120
PARTITIONS = 4


def settings(address: str, authority: tuple[str, ...]) -> dict:
    common = {"bootstrap.servers": address}
    if authority:
        common |= {"security.protocol": "SSL", "ssl.ca.location": authority[0]}
    return common


def pieces(path: str, size: int) -> list[bytes]:
    content = Path(path).read_bytes()
    return [content[at : at + size] for at in range(0, len(content) - size + 1, size)]


def produce(
    address: str, topic: str, messages: str, size: str, codec: str, path: str, *authority: str
) -> dict:
    values = itertools.cycle(pieces(path, int(size)))
    producer = Producer(
        {
            **settings(address, authority),
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "batch.num.messages": 100_000,
            "compression.type": codec,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 1_000_000,
        }
    )
    # The handshake is no part of it.
    producer.list_topics(topic, PATIENCE_SECONDS)
    stopwatch = Stopwatch()
    for number, value in zip(range(int(messages)), values):
        while True:
            try:
                producer.produce(topic, value, partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.01)
        if number % 1000 == 0:
            producer.poll(0)
    left = producer.flush(PATIENCE_SECONDS)
    took = stopwatch.read()
    if left:
        sys.exit(f"{left} messages are left")
    return {"messages": int(messages), **took}


def consume(address: str, topic: str, messages: str, *authority: str) -> dict:
    reader = Consumer(
        {
            **settings(address, authority),
            "group.id": "unused",
            "enable.auto.commit": False,
            # It would wait for a second whenever Python is slower than the network.
            "queued.max.messages.kbytes": 2_000_000,
            "queued.min.messages": 10_000_000,
        }
    )
    begins = [TopicPartition(topic, number, 0) for number in range(PARTITIONS)]
    reader.assign(begins)
    count = len(reader.consume(1, PATIENCE_SECONDS))
    stopwatch = Stopwatch()
    while count < int(messages):
        # It waits until so many are there.
        batch = reader.consume(min(10_000, int(messages) - count), PATIENCE_SECONDS)
        if not batch:
            sys.exit(f"only {count} messages came")
        count += len(batch)
    took = stopwatch.read()
    # An error would have been counted as a message.
    reached = sum(it.offset for it in reader.position(begins))
    if reached != count:
        sys.exit(f"{count} messages came, and partitions were read to {reached} of them")
    reader.close()
    return {"messages": count, **took}


if __name__ == "__main__":
    commands = {"produce": produce, "consume": consume}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))

"""Loads a broker as a program in Python does, with confluent-kafka.

Usage: python confluent.py produce ADDRESS TOPIC MESSAGES SIZE
       python confluent.py consume ADDRESS TOPIC MESSAGES
       python confluent.py join ADDRESS TOPIC

Prints one JSON object: how many messages there were and how many seconds they took, from the first to the last; `join` how long the first member of
a group waits for its partitions.
"""

import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer

PATIENCE_SECONDS = 120


def produce(address: str, topic: str, messages: str, size: str) -> dict:
    producer = Producer(
        {"bootstrap.servers": address, "linger.ms": 5, "queue.buffering.max.messages": 500_000}
    )
    value = b"x" * int(size)
    failed = 0

    def delivered(error: object, _message: object) -> None:
        nonlocal failed
        failed += error is not None

    start = time.perf_counter()
    for number in range(int(messages)):
        while True:
            try:
                producer.produce(topic, value, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.01)
        if number % 1000 == 0:
            producer.poll(0)
    left = producer.flush(PATIENCE_SECONDS)
    seconds = time.perf_counter() - start
    if failed or left:
        sys.exit(f"{failed} messages failed and {left} are left")
    return {"messages": int(messages), "seconds": seconds}


def consumer(address: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"bench-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )


def consume(address: str, topic: str, messages: str) -> dict:
    reader = consumer(address)
    reader.subscribe([topic])
    first = reader.poll(PATIENCE_SECONDS)
    if first is None or first.error():
        sys.exit(f"no first message: {first and first.error()}")
    start = time.perf_counter()
    count = 1
    while count < int(messages):
        # It waits until so many are there.
        batch = reader.consume(min(10_000, int(messages) - count), PATIENCE_SECONDS)
        if not batch:
            sys.exit(f"only {count} messages came")
        count += len(batch)
    seconds = time.perf_counter() - start
    reader.close()
    return {"messages": count, "seconds": seconds}


def join(address: str, topic: str) -> dict:
    assigned = []
    reader = consumer(address)
    start = time.perf_counter()
    reader.subscribe([topic], on_assign=lambda _reader, partitions: assigned.extend(partitions))
    while not assigned:
        reader.poll(0.01)
        if time.perf_counter() - start > PATIENCE_SECONDS:
            sys.exit("no partitions were assigned")
    seconds = time.perf_counter() - start
    reader.close()
    return {"messages": 0, "seconds": seconds}


if __name__ == "__main__":
    commands = {"produce": produce, "consume": consume, "join": join}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))

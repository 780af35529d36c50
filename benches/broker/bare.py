"""Reads a topic from its beginning to where it ends now, and throws everything away.

Usage: python bare.py ADDRESS TOPIC [NAME=VALUE]...

The settings are librdkafka's. Prints one JSON object: how many messages there were, how many seconds they took from the first to the last, and how many
seconds of processors this program took meanwhile.
"""

import json
import sys

from confluent_kafka import Consumer, TopicPartition
from stopwatch import Stopwatch

PATIENCE_SECONDS = 120


def read(address: str, topic: str, *settings: str) -> dict:
    # There has to be a group; nothing is committed to it.
    common = {"bootstrap.servers": address, "group.id": "unused", "enable.auto.commit": False}
    reader = Consumer(common | dict(setting.split("=", 1) for setting in settings))
    numbers = reader.list_topics(topic, PATIENCE_SECONDS).topics[topic].partitions
    begins, ends, messages = [], {}, 0
    for number in numbers:
        partition = TopicPartition(topic, number)
        begin, ends[number] = reader.get_watermark_offsets(partition, PATIENCE_SECONDS)
        begins.append(TopicPartition(topic, number, begin))
        messages += ends[number] - begin
    reader.assign(begins)
    count = len(reader.consume(1, PATIENCE_SECONDS))
    stopwatch = Stopwatch()
    while count < messages:
        # It waits until so many are there.
        batch = reader.consume(min(10_000, messages - count), PATIENCE_SECONDS)
        if not batch:
            sys.exit(f"only {count} of {messages} messages came")
        count += len(batch)
    took = stopwatch.read()
    # An error would have been counted as a message.
    reached = {it.partition: it.offset for it in reader.position(begins)}
    if reached != ends:
        sys.exit(f"partitions end at {ends}, and were read to {reached}")
    reader.close()
    return {"messages": count, **took}


if __name__ == "__main__":
    print(json.dumps(read(*sys.argv[1:])))

"""Records that come and go while the page is looked at."""

import random
import threading
import time
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition

GROUP = "billing"


def send(bootstrap: str, topic: str, values: list[str]) -> None:
    """Sends records, and waits until they are there."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, value.encode())
    producer.flush()


class Load:
    """Sends records to two topics, never as many as the second before, and reads one of them, until it is left."""

    def __init__(self, bootstrap: str, hostile_group: str) -> None:
        self.bootstrap = bootstrap
        self.hostile_group = hostile_group
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=it, daemon=True) for it in (self.produce, self.consume)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def produce(self) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5})
        while not self.is_over.is_set():
            for number in range(random.randrange(50, 500)):
                producer.produce("orders" if number % 3 else "clicks", b"x" * 200)
            producer.flush()
            time.sleep(0.1)

    def consume(self) -> None:
        self.lag_behind()
        settings = {"group.id": GROUP, "auto.offset.reset": "earliest", "auto.commit.interval.ms": 500}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, **settings})
        consumer.subscribe(["orders"])
        while not self.is_over.is_set():
            consumer.consume(500, 0.1)
        consumer.close()

    def lag_behind(self) -> None:
        """A group that committed once and never came back, and whose name somebody chose to do harm."""
        settings = {"group.id": self.hostile_group, "enable.auto.commit": False}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, **settings})
        while not self.is_over.is_set():
            consumer.list_topics("orders")
            try:
                consumer.commit(offsets=[TopicPartition("orders", 0, 0)], asynchronous=False)
                break
            except Exception:  # noqa: BLE001 - the topic is not there yet
                time.sleep(0.1)
        consumer.close()

"""Kills `tamis serve` with signal 9 while a producer writes to a topic with a contract, and looks what became of its records.

Usage: python crash_contracts.py --tamis BINARY [--records N] [--seed SEED]

A producer that numbers its records sends good and bad ones; the broker is killed every now and then, and started again on the same data. Then
it is left alone: a producer whose batch was refused has to drain what is on the way and begin anew, and gets nowhere if it is interrupted each
time.

- `dead-letter`: every good record is in the topic and every bad one among the dead letters, once and in order.
- `reject`: no bad record is in the topic, each that was acknowledged is there once and in order, and no other.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
from typing import Self

from confluent_kafka import KafkaError, Producer, TopicPartition

import contracts
import with_confluent
from broker import Broker
from common import same
from crash import CLIENT, PATIENCE, free_port

KILLS = 12


class Killing(threading.Thread):
    """A broker that is killed, and comes back."""

    def __init__(self, tamis: str, folder: str, source: random.Random) -> None:
        super().__init__(daemon=True)
        self.tamis, self.folder, self.random = tamis, folder, source
        self.port = free_port(source)
        self.broker = Broker(tamis, folder, port=self.port)
        self.kills = 0
        self.ending = threading.Event()

    def run(self) -> None:
        while self.kills < KILLS and not self.ending.wait(self.random.uniform(0.3, 1)):
            self.broker.kill()
            self.kills += 1
            self.broker = Broker(self.tamis, self.folder, port=self.port)

    def end(self) -> None:
        self.ending.set()
        self.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Also where a check failed, the last broker is not left running.
        self.broker.kill()


def send(bootstrap: str, is_good: list[bool]) -> set[int]:
    """Sends a record for each of these; the numbers of those that were acknowledged."""
    settings = {
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 2,
        "batch.num.messages": 50,
    }
    patience = {"message.timeout.ms": 1000 * PATIENCE}
    producer = Producer(CLIENT | patience | {"bootstrap.servers": bootstrap} | settings)
    acknowledged, errors = set(), set()

    def delivered(number: int):
        def done(error, _message) -> None:
            if error is None:
                acknowledged.add(number)
            else:
                errors.add(error.code())

        return done

    for number, good in enumerate(is_good):
        while len(producer) > 2000:
            producer.poll(0.01)
        value = json.dumps({"id": str(number), "amount": 5 if good else 0})
        producer.produce("orders", value.encode(), partition=0, on_delivery=delivered(number))
        producer.poll(0.002 if number % 20 == 0 else 0)
    same(producer.flush(PATIENCE), 0, "records that nobody answers for")
    refused = {KafkaError.INVALID_RECORD, KafkaError._INVALID_DIFFERENT_RECORD}
    same(errors <= refused, True, f"errors: {errors}")
    return acknowledged


def numbers(bootstrap: str, topic: str) -> list[int]:
    """All that are in a topic."""
    reader = with_confluent.consumer(bootstrap)
    reader.assign([TopicPartition(topic, 0, 0)])
    found: list[int] = []
    # The last offsets may be those of dead letters: what nobody can read cannot be waited for.
    while messages := reader.consume(1000, 3):
        for message in messages:
            same(message.error(), None, topic)
            found.append(int(json.loads(message.value())["id"]))
    reader.close()
    return found


def run(tamis: str, mode: str, count: int, seed: int) -> str:
    source = random.Random(seed)
    # A batch with a bad record is refused whole.
    bad_part = {"reject": 0.02, "dead-letter": 0.3}[mode]
    is_good = [source.random() >= bad_part for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder, Killing(tamis, folder, source) as killing:
        bootstrap = killing.broker.bootstrap
        contracts.create(bootstrap, "orders", mode)
        killing.start()
        try:
            acknowledged = send(bootstrap, is_good)
        finally:
            killing.end()
        stored = numbers(bootstrap, "orders")
        if mode == "dead-letter":
            same(stored, [it for it in range(count) if is_good[it]], "what is stored")
            letters = numbers(bootstrap, "orders.dlq")
            same(letters, [it for it in range(count) if not is_good[it]], "dead letters")
        else:
            same(stored, sorted(acknowledged), "what is stored")
            same(all(is_good[it] for it in stored), True, "all that is stored is good")
        killing.broker.end()
        return f"killed {killing.kills} times, {len(stored)} of {count} records stored"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options = parser.parse_args()
    for mode in ("dead-letter", "reject"):
        try:
            told = run(options.tamis, mode, options.records, options.seed)
        except BaseException:
            print(f"FAILED: {mode}, seed {options.seed}", flush=True)
            raise
        print(f"{mode}: {told}: ok", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

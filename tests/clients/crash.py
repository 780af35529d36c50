"""Kills `tamis serve` with signal 9 under load, again and again, and holds it to what it said before.

Usage: python crash.py --tamis BINARY [--cycles N] [--seed SEED] [--folder DIR]

N times, once with records made durable before they are acknowledged and once with `write.caching`: producers and consumers work, the
broker is killed at some moment, maybe while it is starting, started again on the same data, and asked.

- Each acknowledged record is read back, at the offset that was acknowledged.
- Of a producer that numbers its records there is every record once, in order; of one that does not, the first of each is in order.
- No committed offset of a group goes back, whether its consumer is a member or not.

The clients live through all of it, as services do. After a failure the seed is told, and the data folder stays.
"""

import argparse
import contextlib
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker import Broker
from common import same

PARTITIONS = 3
PATIENCE = 60
# Small, so that segments are sealed all the time.
SEGMENT_BYTES = 1 << 20
# Quick to come back: the broker is away for a moment only.
LINE = {"reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 5, "log_level": 0}
# That the broker is away is no news.
CLIENT = LINE | {"error_cb": lambda _error: None}


class Work(threading.Thread):
    """A client that works until it is told to end; what goes wrong in it is raised by `end`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.is_ending = False
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            self.work()
        except BaseException as problem:  # noqa: BLE001 - told where it is waited for
            self.problem = problem

    def check(self) -> None:
        if self.problem is not None:
            raise self.problem

    def end(self) -> None:
        self.is_ending = True
        self.join(2 * PATIENCE)
        same(self.is_alive(), False, f"{type(self).__name__} hangs")
        self.check()


class Sending(Work):
    """Sends numbers to every partition of a topic, and remembers which were acknowledged at which offset."""

    def __init__(self, bootstrap: str, topic: str, seed: int, **settings: object) -> None:
        super().__init__()
        self.topic = topic
        self.random = random.Random(seed)
        self.sent = [0] * PARTITIONS
        # Of each partition: number by offset, and the highest offset.
        self.acknowledged: list[dict[int, int]] = [{} for _ in range(PARTITIONS)]
        self.count = 0
        # A record that is not sent in time is no longer tried: longer than any start.
        patience = {"message.timeout.ms": 1000 * PATIENCE}
        self.producer = Producer(
            CLIENT | patience | {"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 2} | settings
        )
        self.start()

    def work(self) -> None:
        while not self.is_ending:
            if len(self.producer) > 300:
                self.producer.poll(0.01)
                continue
            for _ in range(self.random.randint(1, 60)):
                self.send(self.random.randrange(PARTITIONS))
            self.producer.poll(self.random.choice([0.001, 0.005, 0.02]))
        same(self.producer.flush(PATIENCE), 0, f"{self.topic}: records that nobody answers for")

    def send(self, partition: int) -> None:
        number = self.sent[partition]
        self.sent[partition] += 1
        padding = b"." * self.random.choice([0, 10, 100, 100, 1000])
        value = b"%d %s" % (number, padding)
        self.producer.produce(self.topic, value, partition=partition, on_delivery=self.delivered(number))

    def delivered(self, number: int):
        def done(error, message) -> None:
            if error is not None:
                self.problem = self.problem or KafkaException(error)
                return
            with self.lock:
                self.acknowledged[message.partition()][message.offset()] = number
                self.count += 1

        return done

    def taken(self) -> list[dict[int, int]]:
        """What was acknowledged since it was last asked for."""
        with self.lock:
            taken, self.acknowledged = self.acknowledged, [{} for _ in range(PARTITIONS)]
        return taken


class Committing(Work):
    """Reads a topic and commits how far it is; remembers what was acknowledged of that."""

    def __init__(self, bootstrap: str, topic: str, group: str, is_member: bool) -> None:
        super().__init__()
        self.topic, self.is_member = topic, is_member
        self.committed: dict[int, int] = defaultdict(int)
        self.commits = 0
        settings = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
        membership = {"heartbeat.interval.ms": 100, "enable.auto.commit": False, "check.crcs": True}
        self.consumer = Consumer(CLIENT | settings | membership)
        self.start()

    def work(self) -> None:
        if self.is_member:
            self.consumer.subscribe([self.topic])
        else:
            # From the start: what matters is what it commits.
            self.consumer.assign([TopicPartition(self.topic, it, 0) for it in range(PARTITIONS)])
        while not self.is_ending:
            if any(it.error() is None for it in self.consumer.consume(200, 0.05)):
                self.commit()
        self.consumer.close()

    def commit(self) -> None:
        try:
            done = self.consumer.commit(asynchronous=False)
        except KafkaException:
            # The broker is away, or the group is finding together again.
            return
        for it in done:
            if it.error is None:
                self.commits += 1
                self.committed[it.partition] = max(self.committed[it.partition], it.offset)


class Reading:
    """Reads a topic from where it was last, and compares."""

    def __init__(self, sending: Sending, is_once: bool) -> None:
        self.sending, self.is_once = sending, is_once
        self.next = [0] * PARTITIONS
        # The number that must come next, or has come already.
        self.expected = [0] * PARTITIONS
        # Acknowledged and not read yet, and the other way round: number by offset.
        self.waiting: list[dict[int, int]] = [{} for _ in range(PARTITIONS)]
        self.ahead: list[dict[int, int]] = [{} for _ in range(PARTITIONS)]
        self.count = 0

    def compare(self, consumer: Consumer) -> None:
        """All that was acknowledged up to now is there."""
        for partition, taken in enumerate(self.sending.taken()):
            for offset, number in taken.items():
                if offset < self.next[partition]:
                    found = self.ahead[partition].pop(offset, None)
                    same(found, number, f"{self.sending.topic}-{partition} at {offset}: number")
                else:
                    self.waiting[partition][offset] = number
        until = [max(it, default=-1) + 1 for it in self.waiting]
        topic = self.sending.topic
        asked = [
            TopicPartition(topic, it, self.next[it]) for it in range(PARTITIONS) if until[it] > self.next[it]
        ]
        consumer.assign(asked)
        end = time.monotonic() + PATIENCE
        while any(self.next[it.partition] < until[it.partition] for it in asked):
            same(time.monotonic() < end, True, f"{topic}: read up to {self.next} of {until}")
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    self.take(message.partition(), message.offset(), int(message.value().split(b" ")[0]))
        consumer.unassign()

    def take(self, partition: int, offset: int, number: int) -> None:
        where = f"{self.sending.topic}-{partition} at {offset}"
        same(offset, self.next[partition], f"{where}: offset")
        acknowledged = self.waiting[partition].pop(offset, None)
        if acknowledged is None:
            self.ahead[partition][offset] = number
        else:
            same(number, acknowledged, f"{where}: number of the record acknowledged there")
        if self.is_once or number > self.expected[partition]:
            same(number, self.expected[partition], f"{where}: number")
        self.expected[partition] = max(self.expected[partition], number + 1)
        self.next[partition] += 1
        self.count += 1

    def finish(self, consumer: Consumer) -> None:
        """Everything that was sent was acknowledged and is there."""
        self.compare(consumer)
        same(self.expected, self.sending.sent, f"{self.sending.topic}: records")
        same(self.waiting, [{}] * PARTITIONS, f"{self.sending.topic}: acknowledged and not there")


def free_port(source: random.Random) -> int:
    """One below those that systems give to clients: of them a client that looks for the broker may get the very port it looks for."""
    while True:
        with contextlib.suppress(OSError):
            port = source.randrange(15_000, 30_000)
            socket.create_server(("127.0.0.1", port)).close()
            return port


class Trial:
    """A broker that is killed, and its clients."""

    def __init__(self, tamis: str, folder: str, mode: str, seed: int) -> None:
        self.tamis, self.folder = tamis, folder
        self.random = random.Random(seed)
        self.port = free_port(self.random)
        self.broker = self.start()
        self.bootstrap = self.broker.bootstrap
        caching = "true" if mode == "write.caching" else "false"
        settings = {"segment.bytes": str(SEGMENT_BYTES), "write.caching": caching}
        admin = AdminClient(LINE | {"bootstrap.servers": self.bootstrap})
        topics = [NewTopic(name, PARTITIONS, 1, config=settings) for name in ("once", "plain")]
        for made in admin.create_topics(topics, operation_timeout=PATIENCE).values():
            made.result()
        once = Sending(self.bootstrap, "once", self.random.getrandbits(32), **{"enable.idempotence": True})
        # With one request at a time, or else a repeated one would come behind a later one.
        one = {"enable.idempotence": False, "max.in.flight": 1}
        plain = Sending(self.bootstrap, "plain", self.random.getrandbits(32), **one)
        self.sending = [once, plain]
        self.readings = [Reading(once, True), Reading(plain, False)]
        self.committing = {
            group: Committing(self.bootstrap, topic, group, is_member)
            for group, topic, is_member in [("member", "once", True), ("alone", "plain", False)]
        }

    def start(self) -> Broker:
        return Broker(self.tamis, self.folder, port=self.port)

    def wait_for_load(self) -> None:
        """Clients take their time to come back; a broker that has nothing to do is not worth killing."""
        before = {it.topic: it.count for it in self.sending}
        end = time.monotonic() + PATIENCE
        while any(it.count == before[it.topic] for it in self.sending):
            same(time.monotonic() < end, True, f"acknowledged up to {before}, and no more")
            time.sleep(0.005)

    def cycle(self) -> None:
        self.wait_for_load()
        time.sleep(self.random.uniform(0, 0.4))
        promised = {group: dict(it.committed) for group, it in self.committing.items()}
        self.broker.kill()
        if self.random.random() < 0.3:
            # Killed while it is still finding out what is there, or soon after.
            self.broker = Broker(self.tamis, self.folder, port=self.port, waits=False)
            time.sleep(self.random.uniform(0.001, 0.1))
            self.broker.kill()
        self.broker = self.start()
        self.check(promised)

    def check(self, promised: dict[str, dict[int, int]]) -> None:
        for work in [*self.sending, *self.committing.values()]:
            work.check()
        for group, committing in self.committing.items():
            asking = self.reader(group)
            asked = [TopicPartition(committing.topic, it) for it in range(PARTITIONS)]
            for it in asking.committed(asked, PATIENCE):
                before = promised[group].get(it.partition, 0)
                same(max(it.offset, 0) >= before, True, f"group {group}: {it}, and {before} was acknowledged")
            asking.close()
        reader = self.reader("unused")
        for reading in self.readings:
            reading.compare(reader)
        reader.close()

    def reader(self, group: str) -> Consumer:
        settings = {"bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False}
        return Consumer(CLIENT | settings | {"check.crcs": True})

    def stop(self) -> None:
        """Leaves nothing running; the data stays as it is."""
        for work in [*self.sending, *self.committing.values()]:
            work.is_ending = True
        self.broker.kill()

    def finish(self) -> str:
        for work in [*self.sending, *self.committing.values()]:
            work.end()
        reader = self.reader("unused")
        for reading in self.readings:
            reading.finish(reader)
        reader.close()
        commits = {group: it.commits for group, it in self.committing.items()}
        same(all(commits.values()), True, f"commits: {commits}")
        self.broker.end()
        records = {it.sending.topic: it.count for it in self.readings}
        return f"records {records}, commits {commits}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamis", required=True)
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where data folders are made")
    options = parser.parse_args()
    for mode in ("fsync", "write.caching"):
        folder = tempfile.mkdtemp(prefix="tamis-crash-", dir=options.folder)
        start, cycle, trial = time.monotonic(), 0, None
        try:
            trial = Trial(options.tamis, str(Path(folder) / "data"), mode, options.seed)
            for cycle in range(options.cycles):
                trial.cycle()
                if cycle % 20 == 19:
                    print(f"{mode}: killed {cycle + 1} times", flush=True)
            told = trial.finish()
        except BaseException:
            print(f"FAILED: {mode}, cycle {cycle}, seed {options.seed}; the data is in {folder}", flush=True)
            if trial is not None:
                trial.stop()
            raise
        shutil.rmtree(folder)
        seconds = time.monotonic() - start
        print(f"{mode}: killed {options.cycles} times ({seconds:.0f} s), {told}: ok", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

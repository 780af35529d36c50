"""kafka-python, a client written in Python alone."""

import functools
import queue
import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as refusals
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

import sharing
import with_confluent
from common import CODECS, Record, fresh_topic, records, same

PATIENCE = 20


def produce(bootstrap: str, topic: str, sent: list[Record], **settings: object) -> list[int]:
    producer = KafkaProducer(bootstrap_servers=bootstrap, **settings)
    try:
        futures = [
            producer.send(
                topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                timestamp_ms=record.timestamp,
                partition=0,
            )
            for record in sent
        ]
        return [future.get(timeout=PATIENCE).offset for future in futures]
    finally:
        producer.close(timeout=PATIENCE)


def consumer(bootstrap: str) -> KafkaConsumer:
    return KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, consumer_timeout_ms=PATIENCE * 1000)


def read(bootstrap: str, topic: str, count: int, offset: int = 0) -> list[Record]:
    reader = consumer(bootstrap)
    partition = TopicPartition(topic, 0)
    reader.assign([partition])
    reader.seek(partition, offset)
    found = []
    for message in reader:
        same(message.offset, offset + len(found), "offset")
        found.append(Record(message.key, message.value, list(message.headers), message.timestamp))
        if len(found) == count:
            break
    reader.close()
    return found


def round_trips(bootstrap: str) -> None:
    for codec in CODECS:
        for acks in [1, "all"]:
            topic = fresh_topic("kafka-python")
            sent = records(200)
            compression = None if codec == "none" else codec
            idempotent = {"enable_idempotence": acks == "all"}
            produce(bootstrap, topic, sent, acks=acks, compression_type=compression, **idempotent)
            same(read(bootstrap, topic, len(sent)), sent, f"{codec}, acks {acks}")


def offsets(bootstrap: str) -> None:
    topic = fresh_topic("kafka-python")
    sent = records(50)
    same(produce(bootstrap, topic, sent), list(range(50)), "offsets")
    reader = consumer(bootstrap)
    partition = TopicPartition(topic, 0)
    same(reader.beginning_offsets([partition])[partition], 0, "the first")
    same(reader.end_offsets([partition])[partition], 50, "the last")
    found = reader.offsets_for_times({partition: sent[20].timestamp})[partition]
    same((found.offset, found.timestamp), (20, sent[20].timestamp), "of a time")
    same(reader.partitions_for_topic(topic), {0}, "partitions")
    reader.close()


def topics(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topic = fresh_topic("kafka-python")
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    same(topic in admin.list_topics(), True, "it is listed")
    try:
        admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
        raise AssertionError("it was made twice")
    except refusals.TopicAlreadyExistsError:
        pass
    admin.delete_topics([topic])
    same(topic in admin.list_topics(), False, "it is gone")
    admin.close()


def errors(bootstrap: str) -> None:
    topic = fresh_topic("kafka-python")
    produce(bootstrap, topic, records(1))
    try:
        produce(bootstrap, topic, [Record(None, b"x" * 2_000_000)], max_request_size=5_000_000)
        raise AssertionError("a batch of 2 MB was taken")
    except refusals.MessageSizeTooLargeError:
        pass


def administration(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topic, group = fresh_topic("kafka-python"), fresh_topic("group")
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    admin.create_partitions({topic: NewPartitions(total_count=3)})
    same(len(admin.describe_topics([topic])[0]["partitions"]), 3, "partitions")
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "123456"})])
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    same("123456" in str(described), True, f"a setting in {described}")
    produce(bootstrap, topic, records(10))
    reader = KafkaConsumer(topic, **membership(bootstrap, group))
    found = []
    while len(found) < 10:
        found += [it for batch in reader.poll(timeout_ms=1000).values() for it in batch]
    reader.commit()
    described = admin.describe_groups([group])
    same("Stable" in str(described), True, f"a group with a member in {described}")
    reader.close()
    same(group in str(admin.list_groups()), True, "groups")
    committed = admin.list_group_offsets(group)
    same("offset=10" in str(committed), True, f"committed in {committed}")
    admin.delete_groups([group])
    same(group in str(admin.list_groups()), False, "it is gone")
    admin.delete_topics([topic])
    admin.close()


def membership(bootstrap: str, group: str) -> dict[str, object]:
    return {
        "bootstrap_servers": bootstrap,
        "group_id": group,
        "auto_offset_reset": "earliest",
        "heartbeat_interval_ms": 300,
    }


def commits(bootstrap: str) -> None:
    """The second goes on where the first one left off."""
    topic, group = fresh_topic("kafka-python"), fresh_topic("group")
    produce(bootstrap, topic, records(20))
    for start in [0, 10]:
        reader = KafkaConsumer(
            topic, enable_auto_commit=False, max_poll_records=10, **membership(bootstrap, group)
        )
        found = []
        while not found:
            found = [it.offset for batch in reader.poll(timeout_ms=1000).values() for it in batch]
        same(found, list(range(start, start + 10)), "offsets")
        reader.commit()
        reader.close()


class Member:
    """A consumer in a group that others join and leave, in a thread: what it waits for needs the others."""

    def __init__(self, bootstrap: str, topic: str, group: str, assignor: type) -> None:
        self.found: queue.SimpleQueue = queue.SimpleQueue()
        self.has: set[int] = set()
        self.is_leaving = False
        settings = membership(bootstrap, group) | {"partition_assignment_strategy": [assignor]}
        self.thread = threading.Thread(target=self.run, args=(topic, settings))
        self.thread.start()

    def run(self, topic: str, settings: dict[str, object]) -> None:
        consumer = KafkaConsumer(topic, **settings)
        while not self.is_leaving:
            for batch in consumer.poll(timeout_ms=50).values():
                for it in batch:
                    self.found.put((it.partition, it.offset, it.value))
            self.has = {it.partition for it in consumer.assignment()}
        consumer.close()

    def poll(self) -> list[tuple[int, int, bytes]]:
        time.sleep(0.02)
        return [self.found.get() for _ in range(self.found.qsize())]

    def assigned(self) -> set[int]:
        return self.has

    def leave(self) -> None:
        self.is_leaving = True
        self.thread.join(sharing.PATIENCE)


def rebalances(bootstrap: str) -> None:
    for assignor in [RangePartitionAssignor, RoundRobinPartitionAssignor, StickyPartitionAssignor]:
        topic, group = with_confluent.create(bootstrap, sharing.PARTITIONS), fresh_topic("group")
        send = with_confluent.sender(bootstrap, topic)
        sharing.share(functools.partial(Member, bootstrap, topic, group, assignor), send)


def retries(bootstrap: str) -> None:
    """Numbered records over a line that breaks: there once, in order."""
    topic = fresh_topic("kafka-python")
    sent = records(300)
    settings = {"enable_idempotence": True, "acks": "all", "batch_size": 4000, "retries": 1000}
    backoff = {"reconnect_backoff_ms": 5, "reconnect_backoff_max_ms": 20, "retry_backoff_ms": 5}
    same(produce(bootstrap, topic, sent, **settings, **backoff), list(range(len(sent))), "offsets")
    same(read(bootstrap, topic, len(sent)), sent, "records")
    reader = consumer(bootstrap)
    partition = TopicPartition(topic, 0)
    same(reader.end_offsets([partition])[partition], len(sent), "nothing twice")
    reader.close()


CHECKS = [round_trips, offsets, topics, administration, commits, rebalances, errors]
# Over a line that breaks.
RETRIES = [retries]

"""confluent-kafka, which is librdkafka of today: producer, consumer, administration."""

import functools
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
)

import sharing
from common import CODECS, Record, fresh_topic, records, same

PATIENCE = 20


def produce(bootstrap: str, topic: str, sent: list[Record], **settings: object) -> list[int]:
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "consistent", **settings})
    offsets, errors = [], []

    def delivered(error, message):
        if error is not None:
            errors.append(error)
        else:
            offsets.append(message.offset())

    for record in sent:
        producer.produce(
            topic,
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp=record.timestamp,
            partition=0,
            on_delivery=delivered,
        )
        producer.poll(0)
    producer.flush(PATIENCE)
    if errors:
        raise KafkaException(errors[0])
    return offsets


def consumer(bootstrap: str, **settings: object) -> Consumer:
    return Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, **settings}
    )


def read(bootstrap: str, topic: str, count: int, offset: int = 0, **settings: object) -> list[Record]:
    reader = consumer(bootstrap, **settings)
    reader.assign([TopicPartition(topic, 0, offset)])
    found = []
    while len(found) < count:
        messages = reader.consume(count - len(found), PATIENCE)
        if not messages:
            break
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            same(message.offset(), offset + len(found), "offset")
            headers = message.headers() or []
            found.append(Record(message.key(), message.value(), headers, message.timestamp()[1]))
    reader.close()
    return found


def round_trips(bootstrap: str) -> None:
    for codec in CODECS:
        for acks in ["0", "1", "all"]:
            topic = fresh_topic("confluent")
            sent = records(300)
            produce(bootstrap, topic, sent, **{"compression.type": codec, "acks": acks})
            same(read(bootstrap, topic, len(sent)), sent, f"{codec}, acks {acks}")


def idempotence(bootstrap: str) -> None:
    topic = fresh_topic("confluent")
    sent = records(2000)
    settings = {"enable.idempotence": True, "batch.num.messages": 7, "compression.type": "lz4"}
    same(produce(bootstrap, topic, sent, **settings), list(range(len(sent))), "offsets")
    same(read(bootstrap, topic, len(sent)), sent, "records")


def offsets(bootstrap: str) -> None:
    topic = fresh_topic("confluent")
    sent = records(100)
    produce(bootstrap, topic, sent, **{"batch.num.messages": 10})
    reader = consumer(bootstrap)
    same(reader.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE), (0, 100), "first and last")
    for number in [0, 1, 55, 99]:
        asked = [TopicPartition(topic, 0, sent[number].timestamp)]
        same(reader.offsets_for_times(asked, PATIENCE)[0].offset, number, "offset of a time")
    asked = [TopicPartition(topic, 0, sent[99].timestamp + 1)]
    same(reader.offsets_for_times(asked, PATIENCE)[0].offset, -1, "offset behind all")
    reader.close()
    same(read(bootstrap, topic, 10, 42), sent[42:52], "from the middle")


def topics(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = fresh_topic("confluent")

    def create(*named: NewTopic) -> dict:
        return admin.create_topics(list(named), operation_timeout=PATIENCE)

    create(NewTopic(topic, 3, 1, config={"retention.ms": "1000000"}))[topic].result()
    listed = admin.list_topics(timeout=PATIENCE)
    same(len(listed.topics[topic].partitions), 3, "partitions")
    same(len(listed.brokers), 1, "brokers")
    expected = {
        NewTopic(topic, 1, 1): KafkaError.TOPIC_ALREADY_EXISTS,
        NewTopic("no/name", 1, 1): KafkaError.TOPIC_EXCEPTION,
        NewTopic("x" * 250, 1, 1): KafkaError.TOPIC_EXCEPTION,
        NewTopic(fresh_topic("bad"), 0, 1): KafkaError.INVALID_PARTITIONS,
        NewTopic(fresh_topic("bad"), 1, 3): KafkaError.INVALID_REPLICATION_FACTOR,
        NewTopic(fresh_topic("bad"), 1, 1, config={"no.such": "1"}): KafkaError.INVALID_CONFIG,
    }
    for asked, code in expected.items():
        try:
            create(asked)[asked.topic].result()
            raise AssertionError(f"{asked} was made")
        except KafkaException as refused:
            same(refused.args[0].code(), code, str(asked))
    admin.delete_topics([topic], operation_timeout=PATIENCE)[topic].result()
    same(topic in admin.list_topics(timeout=PATIENCE).topics, False, "it is still there")
    try:
        admin.delete_topics([topic])[topic].result()
        raise AssertionError("it was deleted twice")
    except KafkaException as refused:
        same(refused.args[0].code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "deleting again")


def groups(bootstrap: str) -> None:
    topic, group = fresh_topic("confluent"), fresh_topic("group")
    sent = records(20)
    produce(bootstrap, topic, sent)
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    for start in [0, 10]:
        # The second goes on where the first one left off.
        reader = Consumer({"bootstrap.servers": bootstrap, **settings})
        reader.subscribe([topic])
        messages = reader.consume(10, PATIENCE)
        same([it.offset() for it in messages], list(range(start, start + 10)), "offsets")
        reader.commit(asynchronous=False)
        reader.close()


def errors(bootstrap: str) -> None:
    topic = fresh_topic("confluent")
    produce(bootstrap, topic, records(1))
    large = Record(None, b"x" * 2_000_000)
    try:
        produce(bootstrap, topic, [large], **{"message.max.bytes": 5_000_000})
        raise AssertionError("a batch of 2 MB was taken")
    except KafkaException as refused:
        same(refused.args[0].code(), KafkaError.MSG_SIZE_TOO_LARGE, "a batch of 2 MB")
    settings = {"group.id": "unused", "allow.auto.create.topics": False}
    reader = Consumer({"bootstrap.servers": bootstrap, **settings})
    unknown = fresh_topic("nowhere")
    described = reader.list_topics(unknown, PATIENCE).topics[unknown]
    same(described.error.code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "an unknown topic")
    reader.close()
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "auto.offset.reset": "error"})
    reader.assign([TopicPartition(topic, 0, 77)])
    message = reader.poll(PATIENCE)
    same(message and message.error().code(), KafkaError._AUTO_OFFSET_RESET, "an offset that is not there")
    reader.close()


def administration(bootstrap: str) -> None:
    """What tools do with topics and groups that are there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic, group = fresh_topic("confluent"), fresh_topic("group")
    produce(bootstrap, topic, records(20))
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result()
    same(len(admin.list_topics(topic, PATIENCE).topics[topic].partitions), 3, "partitions")
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)

    def settings() -> dict:
        return {name: it.value for name, it in admin.describe_configs([resource])[resource].result().items()}

    change = ConfigEntry("retention.ms", "123456", incremental_operation=AlterConfigOpType.SET)
    changes = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[change])
    admin.incremental_alter_configs([changes])[changes].result()
    same(settings()["retention.ms"], "123456", "a setting")
    partition = TopicPartition(topic, 0)
    deleted = admin.delete_records([TopicPartition(topic, 0, 5)])[TopicPartition(topic, 0, 5)].result()
    same(deleted.low_watermark, 5, "the first after deleting records")
    listed = {
        spec: admin.list_offsets({partition: spec})[partition].result().offset
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
    }
    same(list(listed.values()), [5, 20], "first and last")
    described = admin.describe_topics(TopicCollection([topic]))[topic].result()
    same((described.name, len(described.partitions)), (topic, 3), "described")
    cluster = admin.describe_cluster().result()
    same(len(cluster.nodes), 1, "nodes")

    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    same(len(reader.consume(15, PATIENCE)), 15, "records")
    reader.commit(asynchronous=False)
    state = admin.describe_consumer_groups([group])[group].result()
    same((state.state.name, len(state.members)), ("STABLE", 1), "a group with a member")
    same({it.partition for it in state.members[0].assignment.topic_partitions}, {0, 1, 2}, "its partitions")
    reader.close()
    groups_there = admin.list_consumer_groups().result()
    same((group in [it.group_id for it in groups_there.valid], groups_there.errors), (True, []), "groups")
    asked = ConsumerGroupTopicPartitions(group, [partition])
    committed = admin.list_consumer_group_offsets([asked])[group].result().topic_partitions
    same([it.offset for it in committed], [20], "committed")
    altered = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 7)])
    admin.alter_consumer_group_offsets([altered])[group].result()
    committed = admin.list_consumer_group_offsets([asked])[group].result().topic_partitions
    same([it.offset for it in committed], [7], "set by hand")
    admin.delete_consumer_groups([group])[group].result()
    same(group in [it.group_id for it in admin.list_consumer_groups().result().valid], False, "it is gone")


class Member:
    """A consumer in a group that others join and leave."""

    def __init__(self, bootstrap: str, topic: str, settings: dict[str, object]) -> None:
        self.consumer = Consumer(
            {"bootstrap.servers": bootstrap, "auto.offset.reset": "earliest", "heartbeat.interval.ms": 300}
            | settings
        )
        self.revoked = 0
        self.consumer.subscribe([topic], on_revoke=self.on_revoke)

    def on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.revoked += len(partitions)

    def poll(self) -> list[tuple[int, int, bytes]]:
        found = []
        for message in self.consumer.consume(100, 0.05):
            if message.error():
                raise KafkaException(message.error())
            found.append((message.partition(), message.offset(), message.value()))
        return found

    def assigned(self) -> set[int]:
        return {it.partition for it in self.consumer.assignment()}

    def leave(self) -> None:
        self.consumer.close()


def create(bootstrap: str, partitions: int) -> str:
    topic = fresh_topic("shared")
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)], operation_timeout=PATIENCE)[topic].result()
    return topic


def sender(bootstrap: str, topic: str):
    """Sends values to partitions."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0})

    def send(values: list[tuple[int, bytes]]) -> None:
        for partition, value in values:
            producer.produce(topic, value, partition=partition)
        same(producer.flush(PATIENCE), 0, "left to send")

    return send


def rebalances(bootstrap: str) -> None:
    for strategy in ["range", "roundrobin", "cooperative-sticky"]:
        topic = create(bootstrap, sharing.PARTITIONS)
        settings = {"group.id": fresh_topic("group"), "partition.assignment.strategy": strategy}
        sharing.share(functools.partial(Member, bootstrap, topic, settings), sender(bootstrap, topic))


def static_members(bootstrap: str) -> None:
    """A member that has a name comes back to its partitions, and the others notice nothing."""
    topic = create(bootstrap, 4)
    group = {"group.id": fresh_topic("group"), "session.timeout.ms": 20000}

    def until(condition, *members: Member) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            for member in members:
                member.poll()
            same(time.monotonic() < end, True, f"assigned {[it.assigned() for it in members]}")

    first = Member(bootstrap, topic, group | {"group.instance.id": "first"})
    until(lambda: len(first.assigned()) == 4, first)
    second = Member(bootstrap, topic, group | {"group.instance.id": "second"})
    until(lambda: len(first.assigned()) == len(second.assigned()) == 2, first, second)
    before, revoked = second.assigned(), first.revoked
    second.leave()
    second = Member(bootstrap, topic, group | {"group.instance.id": "second"})
    until(lambda: len(second.assigned()) == 2, first, second)
    same((second.assigned(), first.revoked), (before, revoked), "after it came back")
    for member in (first, second):
        member.leave()


def retries(bootstrap: str) -> None:
    """Numbered records over a line that breaks: there once, in order."""
    for codec in ["none", "zstd"]:
        topic = fresh_topic("confluent")
        sent = records(1000)
        settings = {
            "enable.idempotence": True,
            "batch.num.messages": 25,
            "compression.type": codec,
            "reconnect.backoff.ms": 1,
            "reconnect.backoff.max.ms": 10,
            "retry.backoff.ms": 1,
            # It tells of every line that breaks.
            "log_level": 3,
        }
        produced = produce(bootstrap, topic, sent, **settings)
        same(len(produced), len(sent), "acknowledged")
        same(read(bootstrap, topic, len(sent)), sent, f"records, {codec}")
        reader = consumer(bootstrap)
        same(
            reader.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE), (0, len(sent)), "nothing twice"
        )
        reader.close()


CHECKS = [
    round_trips,
    idempotence,
    offsets,
    topics,
    administration,
    groups,
    rebalances,
    static_members,
    errors,
]
# Over a line that breaks.
RETRIES = [retries]

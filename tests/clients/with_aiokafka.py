"""aiokafka, which asks in old versions of many requests."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as refusals
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

import sharing
import with_confluent
from common import CODECS, Record, fresh_topic, records, same

PATIENCE = 20

# It tells of every line that breaks, and of every group that changes.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


async def produce(bootstrap: str, topic: str, sent: list[Record], **settings: object) -> list[int]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **settings)
    await producer.start()
    try:
        futures = [
            await producer.send(
                topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                timestamp_ms=record.timestamp,
                partition=0,
            )
            for record in sent
        ]
        return [(await asyncio.wait_for(future, PATIENCE)).offset for future in futures]
    finally:
        await producer.stop()


async def read(bootstrap: str, topic: str, count: int) -> list[Record]:
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    await reader.start()
    try:
        partition = TopicPartition(topic, 0)
        reader.assign([partition])
        reader.seek(partition, 0)
        found = []
        while len(found) < count:
            message = await asyncio.wait_for(reader.getone(), PATIENCE)
            same(message.offset, len(found), "offset")
            found.append(Record(message.key, message.value, list(message.headers), message.timestamp))
        return found
    finally:
        await reader.stop()


async def round_trips(bootstrap: str) -> None:
    for codec in CODECS:
        for is_idempotent in [False, True]:
            topic = fresh_topic("aiokafka")
            sent = records(200)
            compression = None if codec == "none" else codec
            settings = {"compression_type": compression, "enable_idempotence": is_idempotent}
            same(await produce(bootstrap, topic, sent, **settings), list(range(200)), "offsets")
            same(await read(bootstrap, topic, len(sent)), sent, f"{codec}, idempotent {is_idempotent}")


async def offsets(bootstrap: str) -> None:
    topic = fresh_topic("aiokafka")
    sent = records(50)
    # With its own acks of 1 records are read once they are on the disk, which may be a tenth of a second later.
    await produce(bootstrap, topic, sent, acks="all")
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    await reader.start()
    try:
        partition = TopicPartition(topic, 0)
        same((await reader.beginning_offsets([partition]))[partition], 0, "the first")
        same((await reader.end_offsets([partition]))[partition], 50, "the last")
        found = (await reader.offsets_for_times({partition: sent[20].timestamp}))[partition]
        same((found.offset, found.timestamp), (20, sent[20].timestamp), "of a time")
    finally:
        await reader.stop()


async def topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topic = fresh_topic("aiokafka")
        await admin.create_topics([NewTopic(topic, 2, 1)])
        same(topic in await admin.list_topics(), True, "it is listed")
        await admin.delete_topics([topic])
        same(topic in await admin.list_topics(), False, "it is gone")
    finally:
        await admin.close()


async def errors(bootstrap: str) -> None:
    topic = fresh_topic("aiokafka")
    try:
        await produce(bootstrap, topic, [Record(None, b"x" * 2_000_000)], max_request_size=5_000_000)
        raise AssertionError("a batch of 2 MB was taken")
    except refusals.MessageSizeTooLargeError:
        pass


async def administration(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topic, group = fresh_topic("aiokafka"), fresh_topic("group")
        await admin.create_topics([NewTopic(topic, 1, 1)])
        await admin.create_partitions({topic: NewPartitions(3)})
        described = await admin.describe_topics([topic])
        same(len(described[0]["partitions"]), 3, "partitions")
        changed = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "123456"})
        await admin.alter_configs([changed])
        described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        same("123456" in str(described), True, f"a setting in {described}")
        await produce(bootstrap, topic, records(10), acks="all")
        reader = AIOKafkaConsumer(topic, **membership(bootstrap, group))
        await reader.start()
        await asyncio.wait_for(reader.getone(), PATIENCE)
        await reader.commit()
        described = await admin.describe_consumer_groups([group])
        same("Stable" in str(described), True, f"a group with a member in {described}")
        same(group in str(await admin.list_consumer_groups()), True, "groups")
        await reader.stop()
        committed = await admin.list_consumer_group_offsets(group)
        same(committed[TopicPartition(topic, 0)].offset, 1, "committed")
        await admin.delete_topics([topic])
    finally:
        await admin.close()


def membership(bootstrap: str, group: str) -> dict[str, object]:
    return {
        "bootstrap_servers": bootstrap,
        "group_id": group,
        "auto_offset_reset": "earliest",
        "heartbeat_interval_ms": 300,
    }


async def commits(bootstrap: str) -> None:
    """The second goes on where the first one left off."""
    topic, group = fresh_topic("aiokafka"), fresh_topic("group")
    await produce(bootstrap, topic, records(20), acks="all")
    for start in [0, 10]:
        reader = AIOKafkaConsumer(topic, enable_auto_commit=False, **membership(bootstrap, group))
        await reader.start()
        found = [(await asyncio.wait_for(reader.getone(), PATIENCE)).offset for _ in range(10)]
        same(found, list(range(start, start + 10)), "offsets")
        await reader.commit()
        await reader.stop()


class Member:
    """A consumer in a group that others join and leave."""

    def __init__(self, loop: asyncio.AbstractEventLoop, topic: str, settings: dict[str, object]) -> None:
        self.loop = loop
        self.run(self.start(topic, settings))

    def run(self, awaited: Awaitable):
        return asyncio.run_coroutine_threadsafe(awaited, self.loop).result(PATIENCE)

    async def start(self, topic: str, settings: dict[str, object]) -> None:
        self.consumer = AIOKafkaConsumer(topic, **settings)
        await self.consumer.start()

    def poll(self) -> list[tuple[int, int, bytes]]:
        batches = self.run(self.consumer.getmany(timeout_ms=50))
        return [(it.partition, it.offset, it.value) for batch in batches.values() for it in batch]

    def assigned(self) -> set[int]:
        return {it.partition for it in self.consumer.assignment()}

    def leave(self) -> None:
        self.run(self.consumer.stop())


async def rebalances(bootstrap: str) -> None:
    loop = asyncio.get_running_loop()
    for assignor in [RangePartitionAssignor, RoundRobinPartitionAssignor, StickyPartitionAssignor]:
        topic = with_confluent.create(bootstrap, sharing.PARTITIONS)
        settings = membership(bootstrap, fresh_topic("group")) | {"partition_assignment_strategy": [assignor]}
        send = with_confluent.sender(bootstrap, topic)
        # Its members live in this loop; who waits for them does so outside.
        await asyncio.to_thread(sharing.share, functools.partial(Member, loop, topic, settings), send)


async def retries(bootstrap: str) -> None:
    """Numbered records over a line that breaks: there once, in order."""
    topic = fresh_topic("aiokafka")
    sent = records(300)
    settings = {"enable_idempotence": True, "max_batch_size": 4000, "retry_backoff_ms": 5}
    same(await produce(bootstrap, topic, sent, **settings), list(range(len(sent))), "offsets")
    same(await read(bootstrap, topic, len(sent)), sent, "records")
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    await reader.start()
    partition = TopicPartition(topic, 0)
    same((await reader.end_offsets([partition]))[partition], len(sent), "nothing twice")
    await reader.stop()


def blocking(check: Callable[[str], Awaitable[None]]) -> Callable[[str], None]:
    def run(bootstrap: str) -> None:
        asyncio.run(check(bootstrap))

    run.__name__ = check.__name__
    return run


CHECKS = [
    blocking(check) for check in [round_trips, offsets, topics, administration, commits, rebalances, errors]
]
# Over a line that breaks.
RETRIES = [blocking(retries)]

"""aiokafka, which asks in old versions of many requests."""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as refusals
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from common import CODECS, Record, fresh_topic, records, same

PATIENCE = 20


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


def blocking(check: Callable[[str], Awaitable[None]]) -> Callable[[str], None]:
    def run(bootstrap: str) -> None:
        asyncio.run(check(bootstrap))

    run.__name__ = check.__name__
    return run


CHECKS = [blocking(check) for check in [round_trips, offsets, topics, errors]]
